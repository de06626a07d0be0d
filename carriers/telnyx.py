"""Telnyx: SIMs are registered by their codes, many at once, into a group, then each is enabled by an action of its own.

https://developers.telnyx.com/api-reference/sim-cards/register-sim-cards
https://developers.telnyx.com/docs/iot-sim/sim-lifecycle
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from carriers.accounts import choice_of
from carriers.contract import (
    Answer,
    AnswerKind,
    Callback,
    Capabilities,
    CarrierAccount,
    CarrierSim,
    Gate,
    Heard,
    OpenGate,
    Order,
    Page,
    SimQuery,
    UsagePage,
    UsageQuery,
    UsageScope,
    UsageUnit,
)
from carriers.errors import CarrierError, CredentialsRefused, ReadFailed, RequestRefused
from carriers.http import HttpClient, Reply, Wire
from carriers.login import FixedLogin, Json, is_token
from carriers.telnyx_calls import heard, public_key_of
from carriers.telnyx_claims import answer_to, refused_together, understood
from carriers.telnyx_words import (
    NOT_THE_SIMS_FAULT,
    ON_ITS_WAY,
    REACHED,
    REFERENCE,
    REFUSED_CHANGES,
    RESET_HEADER,
    VERBS,
    Entry,
    complaint,
    entries,
    iccid_in,
    progress,
    reset_seconds,
    seen,
    status_of,
    stop_if_misconfigured,
    usages,
)
from carriers.words import fields_of
from domain.lifecycle import Action, SimState, Stage

log = logging.getLogger("simline.carriers")

CAPABILITIES = Capabilities(
    carrier="telnyx",
    claims=True,
    needs_registration_code=True,
    orders_per_request=1,
    can_read=True,
    page_size=250,
    filters_by_state=False,  # it filters by the words of settled SIMs, not by those of SIMs that are changing
    quiet_seconds=300.0,
    poll_first_seconds=5.0,
    states=(SimState.ACTIVE, SimState.DEACTIVATED, SimState.RELEASED),
    repeatable=True,
    claims_per_request=100,  # no maximum is published; a lost answer leaves no more than these unknown
    follows=True,
    calls_back=True,
    reset_header=RESET_HEADER,
    usage=UsageScope.ACCOUNT,
    usage_unit=UsageUnit.MB_TEXT,
    usage_by_day=False,
    usage_lag_hours=24.0,  # not published
)


class Telnyx:
    """One Telnyx account. Keeps `carriers.contract.Carrier`, `Following` and `Metering`.

    Secret: `api_key`. Option `register_as`: "disabled" (the default: each SIM is enabled by a request of its own) or
    "enabled" (the registration itself enables up to 100 SIMs; what does not come out enabled is enabled singly).
    Option `webhook_public_key`: the portal's key; without it no callback is taken.
    """

    def __init__(
        self,
        account: CarrierAccount,
        client: HttpClient,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._account = account
        self._client = client
        self._today = today
        self._register_as = register_as(account)
        self._public_key = public_key_of(account)

    @classmethod
    def open(cls, account: CarrierAccount) -> "Telnyx":
        """Ready to talk; nothing is sent yet. Raises `CarrierError` when the key is missing or an option is wrong."""
        key = account.secrets.get("api_key")
        if not is_token(key):
            raise CarrierError(f"Carrier account {account.name} lacks its secret api_key.")
        base_url = account.base_url.rstrip("/")
        wire = Wire("Telnyx", base_url, account.timeout_seconds, complaint, reset_seconds)
        return cls(account, HttpClient(wire, FixedLogin.bearer(str(key))))

    @property
    def capabilities(self) -> Capabilities:
        """What Telnyx offers; it is listened to only where its signature can be checked."""
        return CAPABILITIES if self._public_key else replace(CAPABILITIES, calls_back=False)

    def heard(self, callback: Callback) -> Heard | None:
        """The SIM that a webhook names. Raises `Forged` where its signature is wrong or old."""
        return None if self._public_key is None else heard(callback, self._public_key)

    def submit(self, orders: Sequence[Order], gate: Gate) -> Sequence[Answer]:
        """Register the codes of up to 100 SIMs of one group, or enable, disable or delete one SIM.

        Safe to repeat: a code that was used and a SIM that has the status are read, and stay as they are.
        """
        if orders[0].stage is Stage.CLAIM:
            return self._claim(orders, gate)
        (order,) = orders
        if not REFERENCE.fullmatch(order.carrier_reference or ""):
            return [
                Answer(order.iccid, AnswerKind.REVIEW, "no_reference", "Telnyx's id of the SIM is not known: read it.")
            ]
        return [self._change(order, gate)]

    def batch_of(self, order: Order) -> str:
        """A registration puts its SIMs into one group; any other request names one SIM."""
        return order.plan_reference or "" if order.stage is Stage.CLAIM else ""

    def read(self, iccid: str, gate: Gate) -> CarrierSim:
        """What Telnyx says of this ICCID; `ABSENT` when it is not in the account. Safe to repeat.

        The filter matches parts of ICCIDs, so several SIMs may come back, and none of them be the one.
        """
        reply = self._get("/sim_cards", {"filter[iccid]": iccid, **_numbered(1)}, gate)
        found = [sim for sim in _listed(reply) if iccid_in(sim) == iccid]
        if len(found) > 1:
            raise ReadFailed(f"Telnyx lists ICCID {iccid} {len(found)} times.")
        if not found and _following_page(reply, 1):
            raise ReadFailed(f"Telnyx was asked for ICCID {iccid} and answered with a listing of others.")
        return seen(found[0]) if found else CarrierSim(iccid, SimState.ABSENT, "")

    def page(self, query: SimQuery, cursor: str | None, gate: Gate) -> Page:
        """Up to 250 SIMs; the cursor is the number of the page."""
        number = int(cursor or 1)
        wanted = _numbered(number)
        if query.plan_reference:
            wanted["filter[sim_card_group_id]"] = query.plan_reference
        reply = self._get("/sim_cards", wanted, gate)
        return Page(tuple(seen(sim) for sim in _listed(reply) if iccid_in(sim)), _following_page(reply, number))

    def follow(self, carrier_request: str, iccids: Sequence[str], gate: Gate) -> Sequence[Answer]:
        """How an action stands; one that Telnyx does not know (any more) tells nothing."""
        unknown = [Answer(iccid, AnswerKind.UNKNOWN, "no_such_action") for iccid in iccids]
        if not REFERENCE.fullmatch(carrier_request):
            return unknown
        try:
            reply = self._client.read(f"/sim_card_actions/{carrier_request}", {}, gate)
        except RequestRefused as refusal:
            if refusal.status == 404:
                return unknown
            stop_if_misconfigured(refusal)
            raise ReadFailed(str(refusal)) from None
        action = _resource(reply)
        if action.get("id") != carrier_request:
            raise ReadFailed("Telnyx was asked about an action and answered about something else.")
        return [progress(iccid, action) for iccid in iccids]

    def usage(self, query: UsageQuery, cursor: str | None, gate: Gate) -> UsagePage:
        """What each SIM of one page used in the present billing period, if any of its days is asked for.

        The billing period is taken to be the calendar month: Telnyx says "monthly" and gives no dates. A SIM without a
        usable amount is left out.
        """
        last = self._today()
        first = last.replace(day=1)
        if query.last < first or query.first > last:
            return UsagePage(())
        number = int(cursor or 1)
        reply = self._get("/sim_cards", _numbered(number), gate)
        return UsagePage(tuple(usages(_listed(reply), first, last)), _following_page(reply, number))

    def check(self) -> str:
        """List one SIM: proves address and credentials."""
        _listed(self._get("/sim_cards", _numbered(1, size=1), OpenGate()))
        host = urlsplit(self._account.base_url).netloc
        return f"Telnyx at {host} answers and takes the key of {self._account.name}."

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _get(self, path: str, query: Mapping[str, str], gate: Gate) -> Reply:
        try:
            return self._client.read(path, query, gate)
        except RequestRefused as refusal:
            stop_if_misconfigured(refusal)
            raise ReadFailed(str(refusal)) from None

    def _claim(self, orders: Sequence[Order], gate: Gate) -> list[Answer]:
        asked = [order for order in orders if order.registration_code]
        sentence = "The SIM has no registration code."
        answers = {one.iccid: Answer(one.iccid, AnswerKind.REJECTED, "parameter_missing", sentence) for one in orders}
        answers |= self._register(asked, gate) if asked else {}
        return [answers[order.iccid] for order in orders]

    def _register(self, orders: Sequence[Order], gate: Gate) -> dict[str, Answer]:
        codes = [order.registration_code or "" for order in orders]
        status = self._register_as if orders[0].action is Action.ACTIVATE else "disabled"
        body: dict[str, object] = {"registration_codes": codes, "status": status}
        if orders[0].plan_reference:
            body["sim_card_group_id"] = orders[0].plan_reference
        try:
            reply = self._client.change("/actions/register/sim_cards", Json(body), gate, secrets=tuple(codes))
        except RequestRefused as refusal:
            told = refused_together(orders, refusal)
        else:
            told = understood(reply.document, orders, (*codes, self._account.secrets["api_key"]))
        present = self._look_at(sorted(told.refused.keys() - told.sims.keys()), gate)
        return {order.iccid: answer_to(order, told, present.get(order.iccid)) for order in orders}

    def _look_at(self, iccids: Sequence[str], gate: Gate) -> dict[str, CarrierSim]:
        """What Telnyx says of SIMs whose codes it refused, up to the first read that fails.

        Never raises: the registration has been answered, and what it said must not be lost.
        """
        found: dict[str, CarrierSim] = {}
        try:
            for iccid in iccids:
                found[iccid] = self.read(iccid, gate)
        except CarrierError as error:
            log.warning("Telnyx refused codes, and %d SIMs could not be read: %s", len(iccids) - len(found), error)
        return found

    def _change(self, order: Order, gate: Gate) -> Answer:
        path = f"/sim_cards/{order.carrier_reference}"
        try:
            if order.action is Action.RELEASE:
                return _deleted(order, self._client.change(path, None, gate, method="DELETE"))
            return _acted(order, self._client.change(f"{path}/actions/{VERBS[order.action]}", None, gate))
        except RequestRefused as refusal:
            return self._refused_change(order, refusal, gate)

    def _refused_change(self, order: Order, refusal: RequestRefused, gate: Gate) -> Answer:
        """A refusal has no effect; the SIM itself says whether there is nothing to do, or something is under way."""
        if refusal.status != 404:
            stop_if_misconfigured(refusal)
        if refusal.code in REFUSED_CHANGES:
            return Answer(order.iccid, AnswerKind.REJECTED, REFUSED_CHANGES[refusal.code], str(refusal))
        try:
            sim = self.read(order.iccid, gate)
        except CredentialsRefused:
            raise
        except CarrierError as error:
            return Answer(order.iccid, AnswerKind.UNKNOWN, "refused_unread", f"{refusal} {error}")
        return _after_refusal(order, refusal, sim)


def register_as(account: CarrierAccount) -> str:
    """The status that a SIM is registered with (option `register_as`). Raises `CarrierError` for another word."""
    return choice_of(account, "register_as", "disabled", "enabled")


def _acted(order: Order, reply: Reply) -> Answer:
    action = _resource(reply)
    reference = str(action.get("id"))
    if not REFERENCE.fullmatch(reference) or not status_of(action):
        return Answer(order.iccid, AnswerKind.UNKNOWN, "not_an_action", _not_a(reply, "an action"))
    if action.get("sim_card_id") != order.carrier_reference:
        return Answer(order.iccid, AnswerKind.REVIEW, "another_sim", "The change was answered with another SIM.")
    return progress(order.iccid, action)


def _deleted(order: Order, reply: Reply) -> Answer:
    """The SIM is on its way out; that it is gone is read."""
    sim = _resource(reply)
    if not sim:
        return Answer(order.iccid, AnswerKind.UNKNOWN, "not_a_sim", _not_a(reply, "a SIM"))
    if sim.get("id") != order.carrier_reference or iccid_in(sim) != order.iccid:
        return Answer(order.iccid, AnswerKind.REVIEW, "another_sim", "The deletion was answered with another SIM.")
    return Answer(order.iccid, AnswerKind.ACCEPTED, "deleting", carrier_reference=order.carrier_reference)


def _after_refusal(order: Order, refusal: RequestRefused, sim: CarrierSim) -> Answer:
    if sim.state is SimState.ABSENT:
        kind, reason = (
            (AnswerKind.DONE, "gone_already") if order.action is Action.RELEASE else (AnswerKind.REVIEW, "gone")
        )
        return Answer(order.iccid, kind, reason, str(refusal))
    if sim.word in REACHED.get(order.action, ()):
        return Answer(order.iccid, AnswerKind.DONE, "already_so", carrier_reference=sim.carrier_reference)
    if sim.word == ON_ITS_WAY.get(order.action):
        return Answer(order.iccid, AnswerKind.ACCEPTED, "in_progress", carrier_reference=sim.carrier_reference)
    if sim.state in (SimState.ACTIVATING, SimState.UNKNOWN) or refusal.code in NOT_THE_SIMS_FAULT:
        return Answer(order.iccid, AnswerKind.UNKNOWN, "conflict", f"{refusal} The SIM is {sim.word!r}.")
    return Answer(order.iccid, AnswerKind.REJECTED, "refused", f"{refusal} The SIM is {sim.word!r}.")


def _numbered(number: int, size: int = CAPABILITIES.page_size) -> dict[str, str]:
    return {"page[number]": str(number), "page[size]": str(size)}


def _listed(reply: Reply) -> list[Entry]:
    sims = entries(reply.document, "data")
    if sims is None:
        raise ReadFailed("Telnyx answered a listing without a list of SIMs.")
    return sims


def _following_page(reply: Reply, number: int) -> str | None:
    """The number of the page after this one; None after the last."""
    meta = fields_of(fields_of(reply.document).get("meta"))
    shown, pages = meta.get("page_number"), meta.get("total_pages")
    if not isinstance(shown, int) or not isinstance(pages, int):
        raise ReadFailed("Telnyx answered a listing without the number of its pages.")
    if shown != number:
        raise ReadFailed(f"Telnyx's listing turns in a circle: asked for page {number}, it gave page {shown}.")
    return str(number + 1) if number < pages else None


def _resource(reply: Reply) -> Entry:
    """The one SIM or action of an answer; empty where there is none."""
    return fields_of(fields_of(reply.document).get("data"))


def _not_a(reply: Reply, thing: str) -> str:
    said = complaint(reply.document)
    return f"A 2xx answer holds error {said.code}." if said else f"A 2xx answer does not hold {thing}."
