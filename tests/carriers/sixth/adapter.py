"""A sixth carrier, which nobody sells: what adding one takes. It would be `carriers/toy.py`.

Its API: `POST /sims {"iccids", "plan"}` takes up to 50 SIMs into the account and switches them on, `POST /sims/off`
switches them off; both answer for each SIM. `GET /sims/{iccid}` reads one, `GET /sims?after=N` lists 500. What one
has used is at `GET /sims/{iccid}/usage?first=DAY&last=DAY`, by days that end at midnight in New York.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from carriers.contract import (
    Answer,
    AnswerKind,
    Capabilities,
    CarrierAccount,
    CarrierSim,
    Gate,
    OpenGate,
    Order,
    Page,
    SimQuery,
    Usage,
    UsagePage,
    UsageQuery,
    UsageScope,
)
from carriers.errors import ReadFailed, RequestRefused
from carriers.http import Complaint, HttpClient, Wire
from carriers.login import FixedLogin, Json
from domain.lifecycle import Action, SimState

STATES = {
    "off": SimState.DEACTIVATED,
    "new": SimState.INACTIVE,
    "starting": SimState.ACTIVATING,
    "on": SimState.ACTIVE,
}
PATHS = {Action.ACTIVATE: "/sims", Action.DEACTIVATE: "/sims/off"}
ANSWERS = {"starting": AnswerKind.ACCEPTED, "same": AnswerKind.DONE, "refused": AnswerKind.REJECTED}

CAPABILITIES = Capabilities(
    carrier="toy",
    claims=False,
    needs_registration_code=False,
    orders_per_request=50,
    can_read=True,
    page_size=500,
    filters_by_state=False,
    quiet_seconds=10.0,
    poll_first_seconds=1.0,
    states=(SimState.ACTIVE, SimState.DEACTIVATED),
    repeatable=True,
    imports=True,
    usage=UsageScope.SIM,
    usage_day_zone="America/New_York",
    usage_kept_days=60,
)


def complaint(document: object) -> Complaint | None:
    """Its errors are `{"error": "..."}`."""
    said = document.get("error") if isinstance(document, dict) else None
    return Complaint("", said) if isinstance(said, str) else None


class Toy:
    """Keeps `carriers.contract.Carrier`."""

    def __init__(self, account: CarrierAccount) -> None:
        login = FixedLogin({"X-Key": account.secrets["key"]}, account.secrets["key"])
        self._client = HttpClient(Wire("Toy", account.base_url, account.timeout_seconds, complaint), login)

    @property
    def capabilities(self) -> Capabilities:
        """The same for every account."""
        return CAPABILITIES

    def submit(self, orders: Sequence[Order], gate: Gate) -> Sequence[Answer]:
        """Switch up to 50 SIMs on or off."""
        action = orders[0].action
        if action not in PATHS:
            return [Answer(one.iccid, AnswerKind.REJECTED, "not_offered", "It releases no SIM.") for one in orders]
        body = {"iccids": [one.iccid for one in orders], "plan": orders[0].plan_reference}
        document = self._client.change(PATHS[action], Json(body), gate).document
        told = {str(sim.get("iccid")): sim for sim in _rows(document, "sims") or ()}
        return [_answer(one.iccid, told.get(one.iccid, {})) for one in orders]

    def batch_of(self, order: Order) -> str:
        """One plan a request."""
        return order.plan_reference or ""

    def read(self, iccid: str, gate: Gate) -> CarrierSim:
        """One SIM."""
        try:
            document = self._client.read(f"/sims/{iccid}", {}, gate).document
        except RequestRefused as refusal:
            if refusal.status == 404:
                return CarrierSim(iccid, SimState.ABSENT, "")
            raise ReadFailed(str(refusal)) from None
        if not isinstance(document, dict) or document.get("iccid") != iccid:
            raise ReadFailed(f"Toy was asked for ICCID {iccid} and answered about something else.")
        return _seen(document)

    def page(self, query: SimQuery, cursor: str | None, gate: Gate) -> Page:  # noqa: ARG002  it filters nothing
        """500 SIMs."""
        document = self._client.read("/sims", {"after": cursor or "0"}, gate).document
        rows = _rows(document, "sims")
        if rows is None or not isinstance(document, dict):
            raise ReadFailed("Toy answered a listing without a list.")
        after = document.get("after")
        if after is not None and int(after) <= int(cursor or 0):
            raise ReadFailed("Toy's listing turns in a circle.")
        return Page(tuple(_seen(row) for row in rows), None if after is None else str(after))

    def usage(self, query: UsageQuery, cursor: str | None, gate: Gate) -> UsagePage:  # noqa: ARG002  there is one page
        """One SIM's bytes on each of the carrier's own days."""
        days = {"first": query.first.isoformat(), "last": query.last.isoformat()}
        document = self._client.read(f"/sims/{query.iccid}/usage", days, gate).document
        rows = _rows(document, "days")
        if rows is None:
            raise ReadFailed("Toy answered a question for usage without a list of days.")
        return UsagePage(tuple(_used(row, query.iccid) for row in rows))

    def check(self) -> str:
        """List the first page."""
        self.page(SimQuery(), None, OpenGate())
        return "Toy answers and takes the key."

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


def _rows(document: object, name: str) -> list[Mapping[str, object]] | None:
    rows = document.get(name) if isinstance(document, dict) else None
    return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else None


def _used(row: Mapping[str, object], iccid: str | None) -> Usage:
    try:
        day, total = date.fromisoformat(str(row.get("day"))), int(str(row.get("bytes")))
    except ValueError:
        raise ReadFailed(f"Toy told a usage of {str(row)[:80]}, which is no day with its bytes.") from None
    return Usage(day, day, total, iccid)


def _answer(iccid: str, told: Mapping[str, object]) -> Answer:
    kind = ANSWERS.get(str(told.get("result")), AnswerKind.UNKNOWN)
    return Answer(iccid, kind, str(told.get("result", "missing")), str(told.get("why", "")), carrier_reference=iccid)


def _seen(row: Mapping[str, object]) -> CarrierSim:
    word, plan, iccid = str(row.get("state"))[:40], row.get("plan"), str(row.get("iccid"))
    state = STATES.get(word, SimState.UNKNOWN)
    return CarrierSim(iccid, state, word, carrier_reference=iccid, plan_reference=str(plan) if plan else None)
