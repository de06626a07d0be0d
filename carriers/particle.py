"""Particle Cloud: importing SIMs into a product is their activation; what became of each is seen in the product alone.

https://docs.particle.io/reference/cloud-apis/api/ (SIM cards). There is no machine-readable description.

An import is queued for all its SIMs at once, without a job to ask about. Until its activation a SIM is not in the
product. A SIM that has been active once stays there and changes by a request of its own, under its ICCID, which is
also Particle's own id of it.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from http import HTTPStatus
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
from carriers.errors import CarrierError, CredentialsRefused, ReadFailed, RequestRefused
from carriers.http import Complaint, HttpClient, Reply, Wire
from carriers.login import FixedLogin, Json
from carriers.words import fields_of, known_state
from domain.lifecycle import Action, SimState

STATES: dict[str, SimState] = {
    "never_before_activated": SimState.INACTIVE,
    "active": SimState.ACTIVE,
    "inactive_user_deactivated": SimState.DEACTIVATED,
    "inactive_data_limit_reached": SimState.BARRED,
    "inactive_invalid_payment_method": SimState.BARRED,
}
CHANGING = "state_change_in_progress"  # a flag beside the status: some change is under way, its direction is not told
WORDS: dict[Action, str] = {Action.ACTIVATE: "reactivate", Action.DEACTIVATE: "deactivate"}

OF_THE_ACCOUNT = (HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED)
"""Refusals that every SIM would meet: no valid payment, no right, no such API at this address."""
ABSENT_WORDS: dict[int, str] = {HTTPStatus.NOT_FOUND: "", HTTPStatus.FORBIDDEN: "not ours (403)"}
"""Refusals to show a SIM, as long as the product itself is shown: the SIM is not in it."""
OPEN_REASONS: dict[int, str] = {HTTPStatus.NOT_FOUND: "not_in_product", HTTPStatus.CONFLICT: "conflict"}
"""Refusals to change a SIM after which only a read can tell how it stands."""

BLIND_WAIT_SECONDS = 30.0
"""A 429 does not say when to come back; the limit counts over five minutes, so a tenth of them."""
BYTES_OF_A_MEGABYTE = 1_000_000
"""Usage is told in megabytes; nothing says that they are of 1024 * 1024 bytes."""

PRODUCT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

CAPABILITIES = Capabilities(
    carrier="particle",
    claims=False,
    needs_registration_code=False,
    alone=(Action.DEACTIVATE, Action.RELEASE),
    orders_per_request=100,  # of an import; no maximum is published, and a page of the listing holds as many
    can_read=True,
    page_size=100,
    filters_by_state=False,
    quiet_seconds=30.0,  # after a timeout its own apps look again so much later
    poll_first_seconds=60.0,  # normally a SIM is active within a minute
    states=(SimState.ACTIVE, SimState.DEACTIVATED, SimState.RELEASED),
    repeatable=True,
    imports=True,
    queue_seconds=86_400.0,  # an import can take a day, and until its end nothing tells that it goes on
    reset_header="",
    usage=UsageScope.SIM,
    usage_unit=UsageUnit.MB_NUMBER,
    usage_by_day=True,
    usage_kept_days=0,
    usage_lag_hours=1.0,
)


def complaint(document: object) -> Complaint | None:
    """Code and message of either of Particle's error bodies; None for anything else.

    >>> complaint({"ok": False, "error": "SIM card not found"})
    Complaint(code='', message='SIM card not found')
    >>> complaint({"error": "invalid_token", "error_description": "It has expired."})
    Complaint(code='invalid_token', message='It has expired.')
    >>> complaint({"ok": True}) is None
    True
    """
    if not isinstance(document, dict) or (document.get("ok") is not False and "error" not in document):
        return None
    error = str(document.get("error", "no explanation"))
    return (
        Complaint(error, str(document["error_description"]))
        if "error_description" in document
        else Complaint("", error)
    )


class Particle:
    """One product at Particle. Keeps `carriers.contract.Carrier` and `Metering`.

    Option `product`: its id or slug. Secret `access_token`: one that may manage the product's SIMs.
    """

    def __init__(self, account: CarrierAccount, client: HttpClient) -> None:
        self._account = account
        self._client = client
        self._sims = f"/v1/products/{product_of(account)}/sims"
        self._product_seen = False

    @classmethod
    def open(cls, account: CarrierAccount) -> "Particle":
        """Ready to talk; nothing is sent yet. Raises `CarrierError` when the secret or the product is missing."""
        (token,) = secrets_of(account, "access_token")
        wire = Wire(
            "Particle",
            base_of(account.base_url),
            account.timeout_seconds,
            complaint,
            blind_wait_seconds=BLIND_WAIT_SECONDS,
        )
        return cls(account, HttpClient(wire, FixedLogin.bearer(token)))

    @property
    def capabilities(self) -> Capabilities:
        """What Particle offers."""
        return CAPABILITIES

    def submit(self, orders: Sequence[Order], gate: Gate) -> Sequence[Answer]:
        """Import SIMs for one home country, or change one SIM. Safe to repeat: a SIM that is so stays as it is."""
        if imports(orders[0]):
            return self._import(orders, gate)
        (order,) = orders
        return [self._change(order, gate)]

    def batch_of(self, order: Order) -> str:
        """An import names the SIMs of one home country; any other request names one SIM."""
        return order.home_country or "" if imports(order) else order.iccid

    def read(self, iccid: str, gate: Gate) -> CarrierSim:
        """What Particle says of this SIM; `ABSENT` when it is not in the product: not yet, or no longer."""
        try:
            sim = self._look(f"/{iccid}", gate)
        except RequestRefused as refusal:
            return CarrierSim(iccid, SimState.ABSENT, ABSENT_WORDS[refusal.status])
        if iccid_in(sim) != iccid:
            raise ReadFailed(f"Particle was asked for ICCID {iccid} and answered about another SIM.")
        return seen(sim)

    def page(self, query: SimQuery, cursor: str | None, gate: Gate) -> Page:  # noqa: ARG002 - Particle does not filter
        """Up to 100 SIMs of the product. The cursor is the number of the page and the first SIM of the one before."""
        number, _, first_before = (cursor or "1").partition("/")
        listed, page_count = self._list(int(number), CAPABILITIES.page_size, gate)
        sims = tuple(map(seen, listed))
        if sims and sims[0].iccid == first_before:
            raise ReadFailed("Particle's listing turns in a circle: its next page is the one that it just gave.")
        following = f"{int(number) + 1}/{sims[0].iccid if sims else ''}"
        return Page(sims, following if int(number) < page_count else None)

    def usage(self, query: UsageQuery, cursor: str | None, gate: Gate) -> UsagePage:  # noqa: ARG002 - there is one page
        """What one SIM used on each day of the present billing period that was asked for and that Particle names."""
        if query.iccid is None:
            raise ReadFailed("Particle tells the usage of one SIM at a time: name its ICCID.")
        try:
            told = self._look(f"/{query.iccid}/data_usage", gate)
        except RequestRefused:
            return UsagePage(())
        if iccid_in(told) != query.iccid:
            raise ReadFailed(f"Particle was asked for the usage of {query.iccid} and answered about another SIM.")
        days = _dicts(told.get("usage_by_day"), "days of usage")
        used = [_used(day, query.iccid) for day in days if day.get("mbs_used") is not None]
        return UsagePage(tuple(day for day in used if query.first <= day.first <= query.last))

    def check(self) -> str:
        """List one SIM: proves address, credentials and product."""
        self._list(1, 1, OpenGate())
        host = urlsplit(self._account.base_url).netloc
        return f"Particle at {host} answers and takes the credentials of {self._account.name} for its product."

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _import(self, orders: Sequence[Order], gate: Gate) -> list[Answer]:
        country = orders[0].home_country
        if not country:
            sentence = "Particle activates a SIM for its home country, and none is known."
            return [Answer(order.iccid, AnswerKind.REJECTED, "no_home_country", sentence) for order in orders]
        body = Json({"sims": [order.iccid for order in orders], "country": country})
        try:
            reply = self._client.change(self._sims, body, gate)
        except RequestRefused as refusal:
            _stop_if_misconfigured(refusal, HTTPStatus.NOT_FOUND)
            return [_refused(order, refusal) for order in orders]
        taken = isinstance(reply.document, dict) and reply.document.get("ok") is True
        kind, reason = (AnswerKind.QUEUED, "queued") if taken else (AnswerKind.UNKNOWN, "not_taken")
        detail = "" if taken else _said(reply)
        return [Answer(order.iccid, kind, reason, detail) for order in orders]

    def _change(self, order: Order, gate: Gate) -> Answer:
        """One SIM's own request. Only the end of a release is told by its answer; the rest is seen by a read."""
        word = WORDS.get(order.action)
        method, body = ("PUT", Json({"action": word})) if word else ("DELETE", None)
        try:
            reply = self._client.change(f"{self._sims}/{order.iccid}", body, gate, method=method)
        except RequestRefused as refusal:
            _stop_if_misconfigured(refusal)
            return _refused(order, refusal)
        if complaint(reply.document):
            return Answer(order.iccid, AnswerKind.UNKNOWN, "not_taken", _said(reply))
        if method == "DELETE" and reply.status == HTTPStatus.NO_CONTENT:
            return Answer(order.iccid, AnswerKind.DONE, "released")
        return Answer(order.iccid, AnswerKind.ACCEPTED, word or "release_pending")

    def _look(self, path: str, gate: Gate) -> dict[str, object]:
        """What stands below the product's SIMs. Raises `RequestRefused` where the product is there and that is not."""
        try:
            document = self._client.read(f"{self._sims}{path}", {}, gate).document
        except RequestRefused as refusal:
            if refusal.status not in ABSENT_WORDS:
                _stop_if_misconfigured(refusal)
                raise ReadFailed(str(refusal)) from None
            self._see_product(refusal, gate)
            raise
        if not isinstance(document, dict) or complaint(document):
            raise ReadFailed("Particle answered a question about a SIM without telling of one.")
        return document

    def _see_product(self, refusal: RequestRefused, gate: Gate) -> None:
        """The product is there, for us: in one that is not, every SIM is missing, and each would seem released.

        Seen once is enough for a SIM that is not found; rights may have been taken since.
        """
        if refusal.status == HTTPStatus.FORBIDDEN or not self._product_seen:
            self._list(1, 1, gate)

    def _list(self, number: int, size: int, gate: Gate) -> tuple[list[dict[str, object]], int]:
        """One page of the product's SIMs as Particle tells them, and how many pages there are."""
        try:
            document = self._client.read(self._sims, {"page": str(number), "perPage": str(size)}, gate).document
        except RequestRefused as refusal:
            _stop_if_misconfigured(refusal, HTTPStatus.NOT_FOUND)
            raise ReadFailed(str(refusal)) from None
        told = fields_of(document)
        listed = _dicts(told.get("sims"), "SIMs"), _page_count(told.get("meta"))
        self._product_seen = True
        return listed


def product_of(account: CarrierAccount) -> str:
    """The product's id or slug. Raises `CarrierError` when it is missing or cannot stand in an address."""
    product = account.options.get("product", "")
    if not PRODUCT.fullmatch(product):
        raise CarrierError(
            f"Carrier account {account.name}: option `product` is {product!r}; it must be the id or slug of a product."
        )
    return product


def imports(order: Order) -> bool:
    """Whether this activation brings its SIM into the product. Particle's id of a SIM is told once it was active."""
    return order.action is Action.ACTIVATE and not order.carrier_reference


def seen(sim: Mapping[str, object]) -> CarrierSim:
    """One of Particle's SIMs in our words.

    Its id is told only once it was active: before that a repeated import activates it, afterwards `reactivate`.
    """
    iccid, word = iccid_in(sim), str(sim.get("status") or "")[:40]
    state = known_state(STATES.get(word), "Particle", word, iccid)
    known = state in (SimState.ACTIVE, SimState.DEACTIVATED, SimState.BARRED)
    if sim.get(CHANGING) is True and state is not SimState.UNKNOWN:
        state = SimState.ACTIVATING
    msisdn = sim.get("msisdn")
    return CarrierSim(iccid, state, word, iccid if known else None, msisdn=str(msisdn) if msisdn else None)


def iccid_in(document: Mapping[str, object]) -> str:
    """Particle's id of a SIM is its ICCID with the check digit; usage names it by that word.

    >>> iccid_in({"_id": "8934 0765 0000 2589 174"}), iccid_in({"iccid": "8934076500002589174"})
    ('8934076500002589174', '8934076500002589174')
    """
    return re.sub(r"[ -]", "", str(document.get("_id") or document.get("iccid") or ""))


def bytes_of(megabytes: object) -> int:
    """Whole bytes of a number as it was written; no arithmetic on floats. Raises `ReadFailed`.

    >>> bytes_of(0.1), bytes_of("12.3456789"), bytes_of(2)
    (100000, 12345679, 2000000)
    """
    text = str(megabytes)
    if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,30})?(e-[0-9]{1,2})?", text):
        raise ReadFailed(f"Particle tells a usage of {text[:40]!r} megabytes.")
    return int((Decimal(text) * BYTES_OF_A_MEGABYTE).to_integral_value(ROUND_HALF_UP))


def _used(day: Mapping[str, object], iccid: str) -> Usage:
    try:
        on = date.fromisoformat(str(day.get("date"))[:10])
    except ValueError:
        raise ReadFailed("Particle tells a usage without its day.") from None
    return Usage(on, on, bytes_of(day.get("mbs_used")), iccid, iccid)


def _stop_if_misconfigured(refusal: RequestRefused, *more: int) -> None:
    """A refusal that every SIM would meet is the account's, not the SIM's: one wrong setting rejects no fleet."""
    if refusal.status in (*OF_THE_ACCOUNT, *more):
        raise CredentialsRefused(f"{refusal} Check the account's `product`, its token's rights and payment.") from None


def _refused(order: Order, refusal: RequestRefused) -> Answer:
    """For good, unless the status says that only a read can tell."""
    open_reason = OPEN_REASONS.get(refusal.status)
    kind = AnswerKind.UNKNOWN if open_reason else AnswerKind.REJECTED
    return Answer(order.iccid, kind, open_reason or "refused", str(refusal))


def _said(reply: Reply) -> str:
    said = complaint(reply.document)
    return (
        f"A {reply.status} answer holds an error."
        if said
        else f"A {reply.status} answer does not say that it is taken."
    )


def _dicts(told: object, of_what: str) -> list[dict[str, object]]:
    if not isinstance(told, list) or not all(isinstance(each, dict) for each in told):
        raise ReadFailed(f"Particle answered without a list of {of_what}.")
    return told


def _page_count(meta: object) -> int:
    count = meta.get("total_pages") if isinstance(meta, dict) else None
    if not isinstance(count, int):
        raise ReadFailed("Particle answered a listing without its number of pages.")
    return count
