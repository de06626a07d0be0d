"""1NCE: SIMs are in the account from their order on; a change is queued, and the listing shows when it is true.

https://help.1nce.com/api (Authorization, SIM Management v1, API Rate Limits)
"""

import re
from collections.abc import Mapping, Sequence
from itertools import count
from urllib.parse import urlsplit

from carriers.accounts import base_of, secrets_of
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
    UsageUnit,
)
from carriers.errors import CredentialsRefused, NotSent, ReadFailed, RequestRefused
from carriers.http import HttpClient, Reply, Wire
from carriers.login import Json, TokenLogin, TokenRequest, basic
from carriers.onence_inventory import Found, Inventory, Listed, Present
from carriers.onence_words import (
    WORDS,
    bytes_by_day,
    complaint,
    iccid_of,
    path_of,
    present_of,
    refusal,
    seen,
    update_of,
)
from domain.lifecycle import SimState

CAPABILITIES = Capabilities(
    carrier="1nce",
    claims=False,
    needs_registration_code=False,
    orders_per_request=100,  # no maximum is published; the size of a page is the one number that 1NCE names
    can_read=True,
    page_size=100,
    filters_by_state=False,
    quiet_seconds=900.0,  # how long its queue can be is not published
    poll_first_seconds=10.0,
    states=(SimState.ACTIVE, SimState.DEACTIVATED),
    repeatable=True,
    reset_header="",
    usage=UsageScope.SIM,
    usage_unit=UsageUnit.MB_TEXT,
    usage_kept_days=180,  # six months
    usage_lag_hours=48.0,  # not published
)


class OneNce:
    """One 1NCE account. Keeps `carriers.contract.Carrier` and `Metering`. Secrets: `username` and `password`.

    A carrier's reference of a SIM is the ICCID without its check digit: so 1NCE names it in addresses and bodies.
    """

    def __init__(self, account: CarrierAccount, client: HttpClient) -> None:
        self._account = account
        self._client = client
        self._inventory = Inventory(self._list, self._look_up)
        self._address_proven = False
        self._apart: dict[str, str] = {}
        self._parts = count(1)

    @classmethod
    def open(cls, account: CarrierAccount) -> "OneNce":
        """Ready to talk; nothing is sent yet. Raises `CarrierError` when a secret is missing."""
        wire = Wire("1NCE", base_of(account.base_url), account.timeout_seconds, refusal)
        return cls(account, HttpClient(wire, login_of(account)))

    @property
    def capabilities(self) -> Capabilities:
        """What 1NCE offers; no SIM is claimed or released over its API."""
        return CAPABILITIES

    def submit(self, orders: Sequence[Order], gate: Gate) -> Sequence[Answer]:
        """Read the SIMs, then change in one request those that are not enabled already. Safe to repeat."""
        if orders[0].action not in WORDS:
            sentence = "1NCE releases no SIM by its API."
            return [Answer(order.iccid, AnswerKind.REJECTED, "not_offered", sentence) for order in orders]
        with self._inventory.looked_up(orders, gate) as found:
            answers = {
                order.iccid: answer for order in orders if (answer := _answer_without_asking(order, found)) is not None
            }
            answers |= self._change([order for order in orders if order.iccid not in answers], found, gate)
        for order in orders:
            self._apart.pop(order.iccid, None)
        return [answers[order.iccid] for order in orders]

    def batch_of(self, order: Order) -> str:
        """All share a request, but for those of a request that 1NCE refused: each half of them has another try."""
        return self._apart.get(order.iccid, "")

    def read(self, iccid: str, gate: Gate) -> CarrierSim:
        """What 1NCE says of this ICCID; `ABSENT` when it is not in the account. Safe to repeat."""
        sim = self._one(iccid, gate)
        return seen(sim, iccid) if sim else CarrierSim(iccid, SimState.ABSENT, "")

    def page(self, query: SimQuery, cursor: str | None, gate: Gate) -> Page:  # noqa: ARG002 - nothing can be filtered
        """Up to 100 SIMs of whatever state. The cursor is the number of the page."""
        page = int(cursor or "1")
        rows, last_page = self._rows(page, gate)
        sims = tuple(seen(row, iccid) for row in rows if (iccid := iccid_of(row)))
        return Page(sims, str(page + 1) if rows and page < last_page else None)

    def usage(self, query: UsageQuery, cursor: str | None, gate: Gate) -> UsagePage:  # noqa: ARG002 - there is one page
        """The days of one SIM on which 1NCE booked something."""
        if query.iccid is None:
            raise ReadFailed("1NCE tells the usage of one SIM at a time; no SIM was named.")
        days = {"start_dt": query.first.isoformat(), "end_dt": query.last.isoformat()}
        reply = self._about(query.iccid, "/usage", days, gate)
        booked = {} if reply is None else bytes_by_day(reply.document)
        asked = sorted(day for day in booked if query.first <= day <= query.last)
        return UsagePage(tuple(Usage(day, day, booked[day], query.iccid, query.iccid[:-1]) for day in asked))

    def check(self) -> str:
        """List one SIM: proves address and credentials."""
        self._rows(1, OpenGate(), size=1)
        host = urlsplit(self._account.base_url).netloc
        return f"1NCE at {host} answers and takes the credentials of {self._account.name}."

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _change(self, orders: Sequence[Order], found: Found, gate: Gate) -> dict[str, Answer]:
        if not orders:
            return {}
        updates = [update_of(order, found.present[order.iccid]) for order in orders]
        alone = len(orders) == 1
        try:
            if alone:
                reply = self._client.change(path_of(orders[0].iccid), Json(updates[0]), gate, method="PUT")
            else:
                reply = self._client.change("/v1/sims", Json(updates), gate)
        except RequestRefused as said:
            _stop_if_forbidden(said)
            if not alone:
                raise self._halved(orders, said) from None
            return {orders[0].iccid: _refused_alone(orders[0], said)}
        return {order.iccid: _taken(order, reply, alone=alone) for order in orders}

    def _halved(self, orders: Sequence[Order], said: RequestRefused) -> NotSent:
        """Nobody says which SIM the refusal is about: each half of them is asked for by itself, down to single SIMs."""
        half = len(orders) // 2
        for part in (orders[:half], orders[half:]):
            self._apart |= dict.fromkeys((order.iccid for order in part), f"part {next(self._parts)}")
        return NotSent(f"{said} Nothing was changed; the {len(orders)} SIMs are asked for again in two halves.")

    def _list(self, page: int, gate: Gate) -> Listed:
        rows, last_page = self._rows(page, gate)
        return Listed(tuple(present_of(row, iccid) for row in rows if (iccid := iccid_of(row))), last_page)

    def _look_up(self, iccid: str, gate: Gate) -> Present | None:
        sim = self._one(iccid, gate)
        return present_of(sim, iccid) if sim else None

    def _one(self, iccid: str, gate: Gate) -> Mapping[str, object] | None:
        """The SIM's resource; None when it is not in the account."""
        reply = self._about(iccid, "", {}, gate)
        if reply is None:
            return None
        if not isinstance(reply.document, dict) or iccid_of(reply.document) != iccid:
            raise ReadFailed(f"1NCE was asked for ICCID {iccid} and answered about another SIM, or about none.")
        return reply.document

    def _about(self, iccid: str, what: str, query: Mapping[str, str], gate: Gate) -> Reply | None:
        """What 1NCE says of a SIM; None when it has no such SIM, which is believed only of an address with a list."""
        reply = self._get(path_of(iccid) + what, query, gate)
        if reply is None and not self._address_proven:
            self._rows(1, gate, size=1)
        return reply

    def _rows(self, page: int, gate: Gate, size: int = CAPABILITIES.page_size) -> tuple[list[dict[str, object]], int]:
        """One page of the listing, and the number of the last one."""
        reply = self._get("/v1/sims", {"page": str(page), "pageSize": str(size)}, gate)
        if reply is None:
            raise CredentialsRefused("There is no 1NCE at this address. Check the account's `base_url`.")
        rows = reply.document
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ReadFailed("1NCE answered a listing without a list of SIMs.")
        if _number(reply, "X-Current-Page") not in (None, page):
            raise ReadFailed(f"1NCE's listing turns in a circle: it answered page {page} with another one.")
        last = _number(reply, "X-Total-Pages")
        return rows, page + (len(rows) == size) if last is None else last

    def _get(self, path: str, query: Mapping[str, str], gate: Gate) -> Reply | None:
        """The reply; None for 404."""
        try:
            reply = self._client.read(path, query, gate)
        except RequestRefused as said:
            _stop_if_forbidden(said)
            if said.status != 404:
                raise ReadFailed(str(said)) from None
            return None
        self._address_proven = True
        return reply


def login_of(account: CarrierAccount) -> TokenLogin:
    """A token for an hour, bought with user name and password. Raises `CarrierError` when one is missing."""
    username, password = secrets_of(account, "username", "password")
    header = basic(username, password)
    grant = Json({"grant_type": "client_credentials"})
    request = TokenRequest(f"{base_of(account.base_url)}/oauth/token", grant, {"Authorization": header})
    return TokenLogin(request, password, header.removeprefix("Basic "))


def _answer_without_asking(order: Order, found: Found) -> Answer | None:
    """The answer where nothing is to be changed, or must not be; None where the SIM is to be changed."""
    sim = found.present.get(order.iccid)
    if order.iccid in found.unread:
        return Answer(order.iccid, AnswerKind.UNKNOWN, "unread", found.unread[order.iccid])
    if sim is None:
        sentence = "The SIM is not in the 1NCE account; nothing was changed."
        return Answer(order.iccid, AnswerKind.REJECTED, "not_in_account", sentence)
    reference = order.iccid[:-1]
    if sim.ends(order):
        return Answer(order.iccid, AnswerKind.DONE, "enabled_already", carrier_reference=reference)
    if sim.settings is None:
        sentence = "1NCE does not tell the SIM's IMEI lock or label, and a change would clear it. Change it by hand."
        return Answer(order.iccid, AnswerKind.REVIEW, "settings_unknown", sentence, reference)
    return None


def _taken(order: Order, reply: Reply, *, alone: bool) -> Answer:
    """A request for one SIM is about that SIM; one for many is put into a queue."""
    said = complaint(reply.document)
    if said:
        sentence = f"A 2xx answer holds the error {said.code or 'without a code'}."
        return Answer(order.iccid, AnswerKind.UNKNOWN, "error_inside", sentence)
    kind, reason = (AnswerKind.ACCEPTED, "accepted") if alone else (AnswerKind.QUEUED, "queued")
    return Answer(order.iccid, kind, reason, carrier_reference=order.iccid[:-1])


def _stop_if_forbidden(said: RequestRefused) -> None:
    """A refusal that every SIM would meet is the account's, not the SIM's."""
    if said.status in (403, 405):
        raise CredentialsRefused(f"{said} Check what the account may do, and its `base_url`.") from None


def _refused_alone(order: Order, said: RequestRefused) -> Answer:
    if said.status == 404:  # a moment ago it was there
        return Answer(order.iccid, AnswerKind.REVIEW, "gone", str(said))
    if said.status == 409:  # another change is under way: a read shows which
        return Answer(order.iccid, AnswerKind.UNKNOWN, "conflict", str(said))
    return Answer(order.iccid, AnswerKind.REJECTED, "refused", str(said))


def _number(reply: Reply, header: str) -> int | None:
    text = reply.headers.get(header, "")
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None
