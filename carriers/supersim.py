"""Super SIM (KORE, before that Twilio): SIMs are claimed by registration code, then change status within a Fleet.

https://docs.korewireless.com/en-us/api/products/supersim/sim-resource
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from carriers import supersim_usage
from carriers.accounts import base_of, choice_of, secrets_of
from carriers.callbacks import CALLBACK_SECRET, address_of, check_twilio, named_in_query
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
)
from carriers.errors import CredentialsRefused, NotSent, ReadFailed, RequestRefused
from carriers.http import Complaint, HttpClient, Reply, Wire, refuse_plain_http
from carriers.login import FixedLogin, Form, Login, TokenLogin
from carriers.words import known_state
from domain.lifecycle import Action, SimState, Stage

STATES: dict[str, SimState] = {
    "new": SimState.INACTIVE,
    "scheduled": SimState.ACTIVATING,  # some change is under way; its direction is not told
    "ready": SimState.ACTIVE,  # connects already; billed from its first 250 KB, 5 commands or 3 months on
    "active": SimState.ACTIVE,
    "inactive": SimState.DEACTIVATED,
}
WORDS: dict[Action, str] = {Action.ACTIVATE: "active", Action.DEACTIVATE: "inactive"}
FILTERS: dict[SimState, str] = {
    SimState.INACTIVE: "new",
    SimState.ACTIVATING: "scheduled",
    SimState.ACTIVE: "active",
    SimState.DEACTIVATED: "inactive",
}

PARAMETER_MISSING, NOT_REGISTRABLE, ALREADY_OURS = "83001", "83002", "83003"
REFUSED_CLAIMS = {PARAMETER_MISSING: "parameter_missing", NOT_REGISTRABLE: "not_registrable"}

KORE_TOKEN_URL = "https://api.korewireless.com/api-services/v1/auth/token"  # noqa: S105
SIM_REFERENCE = re.compile(r"HS[0-9a-fA-F]{32}")

LOOK_UP_AGAIN_SECONDS = 10.0

CAPABILITIES = Capabilities(
    carrier="supersim",
    claims=True,
    needs_registration_code=True,
    orders_per_request=1,
    can_read=True,
    page_size=1000,
    filters_by_state=True,
    quiet_seconds=300.0,
    poll_first_seconds=5.0,
    states=(SimState.ACTIVE, SimState.DEACTIVATED),
    repeatable=True,
    calls_back=True,
    usage=UsageScope.ACCOUNT,
    usage_kept_days=540,
    usage_lag_hours=48.0,
)


def complaint(document: object) -> Complaint | None:
    """Code and message of Super SIM's error body; None for anything else.

    >>> complaint({"code": 83002, "message": "SIM cannot be registered", "status": 400})
    Complaint(code='83002', message='SIM cannot be registered')
    """
    if not isinstance(document, dict) or not isinstance(document.get("code"), int | str):
        return None
    return Complaint(str(document["code"]), str(document.get("message", "")))


class SuperSim:
    """One Super SIM account. Keeps `carriers.contract.Carrier` and `Calling`.

    Options: `auth` ("basic" or "oauth"), `token_url`, `registration` ("code": each SIM is claimed with its code;
    "done": the SIMs were delivered into the account, so a claim is a look at it), `callback_url` (where Super SIM is
    asked to call when a change has come true; without it nothing is asked).
    """

    def __init__(self, account: CarrierAccount, client: HttpClient) -> None:
        self._account = account
        self._client = client
        self._registered = registered_already(account)

    @classmethod
    def open(cls, account: CarrierAccount) -> "SuperSim":
        """Ready to talk; nothing is sent yet. Raises `CarrierError` when a secret or option is missing."""
        address_of(account)  # what is wrong with it is said now
        wire = Wire("Super SIM", base_of(account.base_url), account.timeout_seconds, complaint)
        return cls(account, HttpClient(wire, login_of(account)))

    @property
    def capabilities(self) -> Capabilities:
        """What Super SIM offers; a SIM cannot be released over its API."""
        return replace(CAPABILITIES, needs_registration_code=False) if self._registered else CAPABILITIES

    def submit(self, orders: Sequence[Order], gate: Gate) -> Sequence[Answer]:
        """Claim one SIM, or change its status. Safe to repeat: a SIM that is ours or has the status stays as it is."""
        (order,) = orders
        if order.stage is Stage.CLAIM:
            return [self._look_up(order, gate) if self._registered else self._claim(order, gate)]
        if order.action not in WORDS:
            return [Answer(order.iccid, AnswerKind.REJECTED, "not_offered", "Super SIM releases no SIM by its API.")]
        if not SIM_REFERENCE.fullmatch(order.carrier_reference or ""):
            return [
                Answer(order.iccid, AnswerKind.REVIEW, "no_reference", "The SIM's SID is not known: read it first.")
            ]
        return [self._change(order, gate)]

    def batch_of(self, order: Order) -> str:
        """A request names one SIM: any word will do."""
        return order.stage

    def read(self, iccid: str, gate: Gate) -> CarrierSim:
        """What Super SIM says of this ICCID; `ABSENT` when it is not in the account. Safe to repeat."""
        sims = _listed(self._get({"Iccid": iccid}, gate))
        if not sims:
            return CarrierSim(iccid, SimState.ABSENT, "")
        if len(sims) > 1 or not _is_about(sims[0], iccid):
            raise ReadFailed(f"Super SIM was asked for ICCID {iccid} and answered about another SIM.")
        return seen(sims[0], iccid)

    def page(self, query: SimQuery, cursor: str | None, gate: Gate) -> Page:
        """Up to 1,000 SIMs. Of the address of the next page only its token is used, on our own host."""
        wanted = {"PageSize": str(CAPABILITIES.page_size)}
        if query.state in FILTERS:
            wanted["Status"] = FILTERS[query.state]
        if query.plan_reference:
            wanted["Fleet"] = query.plan_reference
        if cursor:
            wanted["PageToken"] = cursor
        reply = self._get(wanted, gate)
        sims = tuple(seen(sim, str(sim.get("iccid", ""))) for sim in _listed(reply))
        return Page(sims, _next_cursor(reply, cursor))

    def usage(self, query: UsageQuery, cursor: str | None, gate: Gate) -> UsagePage:
        """Up to 1,000 records: one SIM's bytes on one UTC day, of all SIMs or of the one that is named."""
        reply = self._get(supersim_usage.question(query, cursor), gate, supersim_usage.PATH)
        return UsagePage(supersim_usage.usages(reply.document), _next_cursor(reply, cursor))

    def check(self) -> str:
        """List one SIM: proves address and credentials."""
        _listed(self._get({"PageSize": "1"}, OpenGate()))
        host = urlsplit(base_of(self._account.base_url)).netloc
        return f"Super SIM at {host} answers and takes the credentials of {self._account.name}."

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def heard(self, callback: Callback) -> Heard | None:
        """The ICCID that we put into the address; what Super SIM's payload holds is not published and not needed.

        Raises `Forged` where the account's token must have signed the call and has not; with OAuth nothing is known of
        a signature, so only the address keeps strangers out.
        """
        address = address_of(self._account)
        if address is None:  # nobody was asked to call
            return None
        if self._account.options.get("auth", "basic") == "basic":
            check_twilio(callback, address, self._account.secrets["auth_token"])
        return named_in_query(callback)

    def _get(self, query: Mapping[str, str], gate: Gate, path: str = "/v1/Sims") -> Reply:
        try:
            return self._client.read(path, query, gate)
        except RequestRefused as refusal:
            _stop_if_misconfigured(refusal)
            raise ReadFailed(str(refusal)) from None

    def _look_up(self, order: Order, gate: Gate) -> Answer:
        """The claim of a SIM that was delivered into the account: it must be there, and a read brings its SID."""
        try:
            sim = self.read(order.iccid, gate)
        except ReadFailed as error:
            raise NotSent(str(error), retry_after_seconds=LOOK_UP_AGAIN_SECONDS) from None
        if sim.state is SimState.ABSENT:
            sentence = "The SIM is not in the account, although its SIMs are delivered registered."
            return Answer(order.iccid, AnswerKind.REJECTED, "not_in_account", sentence)
        return Answer(order.iccid, AnswerKind.DONE, "already_ours", carrier_reference=sim.carrier_reference)

    def _claim(self, order: Order, gate: Gate) -> Answer:
        code = order.registration_code or ""
        form = {"Iccid": order.iccid, "RegistrationCode": code}
        try:
            reply = self._client.change("/v1/Sims", Form(form), gate, secrets=(code,))
        except RequestRefused as refusal:
            return self._refused_claim(order, refusal, gate)
        return _claimed(order, reply.document)

    def _refused_claim(self, order: Order, refusal: RequestRefused, gate: Gate) -> Answer:
        if refusal.code == ALREADY_OURS:
            return self._already_ours(order, refusal, gate)
        if refusal.code in REFUSED_CLAIMS:
            return Answer(order.iccid, AnswerKind.REJECTED, REFUSED_CLAIMS[refusal.code], str(refusal))
        _stop_if_misconfigured(refusal)
        return _refused(order, refusal)

    def _already_ours(self, order: Order, refusal: RequestRefused, gate: Gate) -> Answer:
        """The claim is true; the SID stands in the refusal, or a read brings it."""
        named = SIM_REFERENCE.search(str(refusal))
        if named:
            return Answer(order.iccid, AnswerKind.DONE, "already_ours", carrier_reference=named[0])
        try:
            sim = self.read(order.iccid, gate)
        except (ReadFailed, NotSent) as error:
            return Answer(order.iccid, AnswerKind.UNKNOWN, "already_ours_unread", str(error))
        if sim.state is SimState.ABSENT:
            sentence = "Super SIM says that the SIM is ours already, and does not list it."
            return Answer(order.iccid, AnswerKind.REVIEW, "contradiction", sentence)
        return Answer(order.iccid, AnswerKind.DONE, "already_ours", carrier_reference=sim.carrier_reference)

    def _change(self, order: Order, gate: Gate) -> Answer:
        form = {"Status": WORDS[order.action]}
        if order.action is Action.ACTIVATE and order.plan_reference:
            form["Fleet"] = order.plan_reference
        address = address_of(self._account)
        if address:
            form |= {"CallbackUrl": f"{address}?iccid={order.iccid}", "CallbackMethod": "POST"}
        secrets = (self._account.secrets.get(CALLBACK_SECRET, ""),)
        try:
            reply = self._client.change(f"/v1/Sims/{order.carrier_reference}", Form(form), gate, secrets=secrets)
        except RequestRefused as refusal:
            return _refused(order, refusal)
        return _changed(order, reply.document)


def registered_already(account: CarrierAccount) -> bool:
    """Whether the account's SIMs are delivered registered (option `registration`: "code", the default, or "done").

    Raises `CarrierError` for another word.
    """
    return choice_of(account, "registration", "code", "done") == "done"


def login_of(account: CarrierAccount) -> Login:
    """Basic with `account_sid` and `auth_token`, or OAuth with `client_id` and `client_secret`."""
    if choice_of(account, "auth", "basic", "oauth") == "basic":
        user, password = secrets_of(account, "account_sid", "auth_token")
        return FixedLogin.basic(user, password)
    token_url = account.options.get("token_url", KORE_TOKEN_URL)
    refuse_plain_http(token_url)
    client_id, client_secret = secrets_of(account, "client_id", "client_secret")
    return TokenLogin.client_credentials(token_url, client_id, client_secret)


def seen(sim: Mapping[str, object], iccid: str) -> CarrierSim:
    """One of Super SIM's Sim resources in our words."""
    word = str(sim.get("status") or "")[:40]
    reference, fleet = sim.get("sid"), sim.get("fleet_sid")
    return CarrierSim(
        iccid,
        known_state(STATES.get(word), "Super SIM", word, iccid),
        word,
        carrier_reference=str(reference) if reference else None,
        plan_reference=str(fleet) if fleet else None,
    )


def _claimed(order: Order, document: object) -> Answer:
    if not isinstance(document, dict) or not SIM_REFERENCE.fullmatch(str(document.get("sid"))):
        return Answer(order.iccid, AnswerKind.UNKNOWN, "not_a_sim", _not_a_sim(document))
    if not _is_about(document, order.iccid):
        return Answer(order.iccid, AnswerKind.REVIEW, "another_sim", "The claim was answered with another SIM.")
    return Answer(order.iccid, AnswerKind.DONE, "claimed", carrier_reference=str(document["sid"]))


def _changed(order: Order, document: object) -> Answer:
    if not isinstance(document, dict) or "status" not in document or complaint(document):
        return Answer(order.iccid, AnswerKind.UNKNOWN, "not_a_sim", _not_a_sim(document))
    if document.get("sid") != order.carrier_reference or not _is_about(document, order.iccid):
        return Answer(order.iccid, AnswerKind.REVIEW, "another_sim", "The change was answered with another SIM.")
    sim = seen(document, order.iccid)
    if sim.state is STATES[WORDS[order.action]]:
        return Answer(order.iccid, AnswerKind.DONE, "done_at_once", carrier_reference=sim.carrier_reference)
    if sim.state is SimState.ACTIVATING:
        return Answer(order.iccid, AnswerKind.ACCEPTED, "scheduled", carrier_reference=sim.carrier_reference)
    sentence = f"The change was answered with the status {sim.word!r}."
    return Answer(order.iccid, AnswerKind.UNKNOWN, "unexpected_status", sentence)


def _stop_if_misconfigured(refusal: RequestRefused) -> None:
    """A refusal that every SIM would meet is the account's, not the SIM's: one wrong setting rejects no fleet."""
    if refusal.status == 403:
        raise CredentialsRefused(f"{refusal} Check what the account may do.") from None
    if refusal.status in (404, 405):
        raise CredentialsRefused("There is no Super SIM at this address. Check the account's `base_url`.") from None


def _refused(order: Order, refusal: RequestRefused) -> Answer:
    """What no table lists: for good, unless the status says otherwise."""
    if refusal.status == 403:
        _stop_if_misconfigured(refusal)
    if refusal.status == 404:
        return Answer(order.iccid, AnswerKind.REVIEW, "gone", str(refusal))
    if refusal.status == 409:  # another change is under way: a read shows which
        return Answer(order.iccid, AnswerKind.UNKNOWN, "conflict", str(refusal))
    return Answer(order.iccid, AnswerKind.REJECTED, "refused", str(refusal))


def _not_a_sim(document: object) -> str:
    said = complaint(document)
    return f"A 2xx answer holds error {said.code}." if said else "A 2xx answer does not hold a SIM."


def _is_about(sim: Mapping[str, object], iccid: str) -> bool:
    return re.sub(r"[ -]", "", str(sim.get("iccid"))) == iccid


def _listed(reply: Reply) -> list[dict[str, object]]:
    sims = reply.document.get("sims") if isinstance(reply.document, dict) else None
    if not isinstance(sims, list) or not all(isinstance(sim, dict) for sim in sims):
        raise ReadFailed("Super SIM answered a listing without a list of SIMs.")
    return sims


def _next_cursor(reply: Reply, cursor: str | None) -> str | None:
    meta = reply.document.get("meta") if isinstance(reply.document, dict) else None
    address = meta.get("next_page_url") if isinstance(meta, dict) else None
    if not address:
        return None
    try:
        tokens = parse_qs(urlsplit(str(address)).query).get("PageToken", [])
    except ValueError:
        raise ReadFailed("Super SIM's listing names a next page that is no address.") from None
    if not tokens or tokens[0] == cursor:
        raise ReadFailed("Super SIM's listing turns in a circle: its next page is the one that it just gave.")
    return tokens[0]
