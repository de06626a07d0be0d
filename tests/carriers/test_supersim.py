"""Super SIM: the contract, and the wire in a table."""

from dataclasses import dataclass, replace

import pytest

from carriers.contract import AnswerKind, CarrierAccount, OpenGate, Order, SimQuery
from carriers.errors import CarrierError, CredentialsRefused, NotSent, OutcomeUnknown, ReadFailed
from carriers.login import basic as basic_header
from carriers.simulated.faults import Fault, RequestKind
from carriers.simulated.supersim import CREDENTIALS, TOKEN_PATH
from carriers.supersim import CAPABILITIES, STATES, SuperSim
from domain.lifecycle import Action, SimState, Stage
from tests.carriers.canned import Canned, CannedCarrier, CountingGate
from tests.carriers.contract_suite import (
    CarrierContract,
    CarrierFaultsContract,
    Contract,
    SecretsContract,
    Subject,
    World,
    code_of,
)

PLAN = "HF" + 32 * "a"
SUPER_SIM = Subject(
    "supersim",
    "8988307",
    PLAN,
    "HF" + 32 * "b",
    renews_tokens=False,
    marks={"account_sid": "AC" + 4 * "5ec2e7ed"},
    descriptions=("supersim.json",),
)
ICCID = SUPER_SIM.iccid(1)
CODE = code_of(ICCID)
SID = "HS" + 32 * "0"
OTHER_SID = "HS" + 32 * "1"


def basic(url: str, timeout_seconds: float = 5.0) -> CarrierAccount:
    return CarrierAccount("test", "supersim", url, {}, CREDENTIALS, timeout_seconds)


def oauth(url: str, timeout_seconds: float = 5.0) -> CarrierAccount:
    options = {"auth": "oauth", "token_url": f"{url}{TOKEN_PATH}"}
    return CarrierAccount("test", "supersim", url, options, CREDENTIALS, timeout_seconds)


class ByBasic(Contract):
    subject = SUPER_SIM


class ByOAuth(Contract):
    """KORE's way in. The description is of Twilio's days: it knows Basic alone, and no tokens."""

    subject = replace(
        SUPER_SIM,
        renews_tokens=True,
        around=(TOKEN_PATH,),
        shown={"Authorization": basic_header("AC", "described")},
    )

    def account_options(self, url: str) -> dict[str, str]:
        return {"auth": "oauth", "token_url": f"{url}{TOKEN_PATH}"}


class TestWithBasic(ByBasic, CarrierContract):
    pass


class TestWithOAuth(ByOAuth, CarrierContract):
    pass


class TestFaultsWithBasic(ByBasic, CarrierFaultsContract):
    pass


class TestFaultsWithOAuth(ByOAuth, CarrierFaultsContract):
    pass


class TestSecretsWithBasic(ByBasic, SecretsContract):
    pass


class TestSecretsWithOAuth(ByOAuth, SecretsContract):
    pass


class TestDeliveredRegistered(Contract):
    """Option `registration = "done"`: the SIMs are in the account before anybody asks."""

    subject = SUPER_SIM
    timeout_seconds = 2.0

    def account_options(self, url: str) -> dict[str, str]:  # noqa: ARG002
        return {"registration": "done"}

    def test_a_claim_is_a_look_that_brings_the_reference_and_changes_nothing(self, world: World) -> None:
        there = world.server.carrier.fleet.put(world.iccid, SimState.INACTIVE, None)
        answer = world.claim()
        assert (answer.kind, answer.carrier_reference) == (AnswerKind.DONE, there.reference)
        assert world.changing_requests() == 0

    def test_a_sim_that_is_not_in_the_account_is_rejected(self, world: World) -> None:
        assert (world.claim().kind, world.claim().reason) == (AnswerKind.REJECTED, "not_in_account")

    def test_a_look_that_fails_means_that_nothing_was_sent(self, world: World) -> None:
        world.fails(Fault.INVALID_JSON, RequestKind.READ)
        with pytest.raises(NotSent):
            world.claim()

    def test_no_registration_code_is_asked_of_a_manifest(self, world: World) -> None:
        assert not world.carrier.capabilities.needs_registration_code

    def test_another_word_is_refused_by_name(self) -> None:
        account = replace(basic("http://127.0.0.1:1"), options={"registration": "perhaps"})
        with pytest.raises(CarrierError, match="perhaps"):
            SuperSim.open(account)


def sim(status: str, *, sid: str = SID, iccid: str = ICCID) -> dict[str, object]:
    return {"sid": sid, "iccid": iccid, "status": status, "fleet_sid": None}


def complaint_of(code: int | str, message: str = "no", status: int = 400) -> dict[str, object]:
    return {"code": code, "message": message, "more_info": "", "status": status}


@dataclass(frozen=True)
class Case:
    """A row of the wire: the carrier's reply, and what we make of it."""

    label: str
    reply: Canned
    kind: AnswerKind | type[CarrierError]
    reason: str = ""
    reference: str | None = None


CLAIMS = [
    Case("created", Canned(201, sim("new")), AnswerKind.DONE, "claimed", SID),
    Case("created with 200", Canned(200, sim("new")), AnswerKind.DONE, "claimed", SID),
    Case("another SIM", Canned(201, sim("new", iccid=ICCID[:-1])), AnswerKind.REVIEW, "another_sim"),
    Case("not a SID", Canned(201, sim("new", sid="../x")), AnswerKind.UNKNOWN, "not_a_sim"),
    Case("a list", Canned(201, [1]), AnswerKind.UNKNOWN, "not_a_sim"),
    Case("parameter missing", Canned(400, complaint_of(83001)), AnswerKind.REJECTED, "parameter_missing"),
    Case("not registrable", Canned(400, complaint_of(83002)), AnswerKind.REJECTED, "not_registrable"),
    Case("ours, SID told", Canned(400, complaint_of(83003, f"yours: {SID}")), AnswerKind.DONE, "already_ours", SID),
    Case("code as text", Canned(400, complaint_of("83002")), AnswerKind.REJECTED, "not_registrable"),
    Case("invalid", Canned(400, complaint_of(20001)), AnswerKind.REJECTED, "refused"),
    Case("conflict", Canned(409, complaint_of(20409, status=409)), AnswerKind.UNKNOWN, "conflict"),
    Case("another address", Canned(404, complaint_of(20404, status=404)), CredentialsRefused),
    Case("may not", Canned(403, complaint_of(20403, status=403)), CredentialsRefused),
    Case("a wall before the carrier", Canned(403, b"<html>"), CredentialsRefused),
    Case("wrong token", Canned(401, complaint_of(20003, status=401)), CredentialsRefused),
    Case("a proxy's 400", Canned(400, b"<html>Bad Request"), OutcomeUnknown),
    Case("request timeout", Canned(408, complaint_of(20408, status=408)), OutcomeUnknown),
    Case("empty", Canned(201), AnswerKind.UNKNOWN, "not_a_sim"),
    Case("no content", Canned(204), AnswerKind.UNKNOWN, "not_a_sim"),
]

CHANGES = [
    Case("scheduled", Canned(202, sim("scheduled")), AnswerKind.ACCEPTED, "scheduled", SID),
    Case("active at once", Canned(200, sim("active")), AnswerKind.DONE, "done_at_once", SID),
    Case("ready connects", Canned(200, sim("ready")), AnswerKind.DONE, "done_at_once", SID),
    Case("still new", Canned(200, sim("new")), AnswerKind.UNKNOWN, "unexpected_status"),
    Case("unknown word", Canned(202, sim("dormant")), AnswerKind.UNKNOWN, "unexpected_status"),
    Case("no word", Canned(202, {"sid": SID, "iccid": ICCID}), AnswerKind.UNKNOWN, "not_a_sim"),
    Case("another SIM", Canned(202, sim("scheduled", sid=OTHER_SID)), AnswerKind.REVIEW, "another_sim"),
    Case("gone", Canned(404, complaint_of(20404, status=404)), AnswerKind.REVIEW, "gone"),
    Case("no fleet", Canned(400, complaint_of(20001)), AnswerKind.REJECTED, "refused"),
    Case("conflict", Canned(409, complaint_of(20409, status=409)), AnswerKind.UNKNOWN, "conflict"),
    Case("may not", Canned(403, complaint_of(20403, status=403)), CredentialsRefused),
]

CLAIM = Order(ICCID, Action.ACTIVATE, Stage.CLAIM, registration_code=CODE)
CHANGE = Order(ICCID, Action.ACTIVATE, Stage.CHANGE, SID, PLAN)


@pytest.mark.parametrize("case", CLAIMS, ids=lambda case: case.label)
def test_a_claim_is_answered_by_the_table(case: Case) -> None:
    with CannedCarrier(case.reply) as carrier:
        _meets(carrier, CLAIM, case)
        (asked,) = carrier.asked
        assert (asked.method, asked.path) == ("POST", "/v1/Sims")
        assert asked.form == {"Iccid": ICCID, "RegistrationCode": CODE}


@pytest.mark.parametrize("case", CHANGES, ids=lambda case: case.label)
def test_a_change_is_answered_by_the_table(case: Case) -> None:
    with CannedCarrier(case.reply) as carrier:
        _meets(carrier, CHANGE, case)
        (asked,) = carrier.asked
        assert (asked.method, asked.path) == ("POST", f"/v1/Sims/{SID}")
        assert asked.form == {"Status": "active", "Fleet": PLAN}


def _meets(carrier: CannedCarrier, order: Order, case: Case) -> None:
    adapter = SuperSim.open(basic(carrier.url))
    if isinstance(case.kind, type):
        with pytest.raises(case.kind):
            adapter.submit([order], OpenGate())
        return
    (answer,) = adapter.submit([order], OpenGate())
    assert (answer.iccid, answer.kind, answer.reason) == (ICCID, case.kind, case.reason)
    assert answer.carrier_reference == case.reference


def test_a_sim_that_is_ours_without_a_sid_in_the_message_is_read() -> None:
    with CannedCarrier(Canned(400, complaint_of(83003)), Canned(200, {"sims": [sim("new")]})) as carrier:
        gate = CountingGate()
        (answer,) = SuperSim.open(basic(carrier.url)).submit([CLAIM], gate)
        assert (answer.kind, answer.carrier_reference) == (AnswerKind.DONE, SID)
        assert [asked.method for asked in carrier.asked] == ["POST", "GET"]
        assert gate.passed == 2


def test_a_sim_that_is_ours_and_not_listed_needs_a_person() -> None:
    with CannedCarrier(Canned(400, complaint_of(83003)), Canned(200, {"sims": []})) as carrier:
        (answer,) = SuperSim.open(basic(carrier.url)).submit([CLAIM], OpenGate())
        assert (answer.kind, answer.reason) == (AnswerKind.REVIEW, "contradiction")


@pytest.mark.parametrize("reference", [None, "", "HS1", f"{SID}/../x"])
def test_a_change_without_a_proper_sid_needs_a_person_and_makes_no_request(reference: str | None) -> None:
    with CannedCarrier(Canned(500)) as carrier:
        order = Order(ICCID, Action.ACTIVATE, Stage.CHANGE, reference, PLAN)
        (answer,) = SuperSim.open(basic(carrier.url)).submit([order], OpenGate())
        assert (answer.kind, answer.reason, carrier.asked) == (AnswerKind.REVIEW, "no_reference", [])


def test_a_deactivation_leaves_the_fleet_alone() -> None:
    with CannedCarrier(Canned(202, sim("scheduled"))) as carrier:
        SuperSim.open(basic(carrier.url)).submit([Order(ICCID, Action.DEACTIVATE, Stage.CHANGE, SID, PLAN)], OpenGate())
        assert carrier.asked[0].form == {"Status": "inactive"}


@pytest.mark.parametrize(
    "document",
    [{"sims": [sim("active", iccid="89883070000000000001")]}, {"sims": [sim("new")] * 2}, {}, [], {"sims": 1}],
)
def test_a_read_answered_about_another_sim_has_failed(document: object) -> None:
    with CannedCarrier(Canned(200, document)) as carrier, pytest.raises(ReadFailed):
        SuperSim.open(basic(carrier.url)).read(ICCID, OpenGate())


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Canned(400, complaint_of(20001)), ReadFailed),
        (Canned(400, complaint_of("20001")), ReadFailed),
        (Canned(403, complaint_of(20403)), CredentialsRefused),
        (Canned(403, b"<html>"), CredentialsRefused),
        (Canned(404, complaint_of(20404)), CredentialsRefused),
        (Canned(401, complaint_of(20003)), CredentialsRefused),
    ],
)
def test_a_refused_read_is_repeated_later_unless_the_configuration_is_wrong(
    reply: Canned, error: type[CarrierError]
) -> None:
    with CannedCarrier(reply) as carrier:
        adapter = SuperSim.open(basic(carrier.url))
        for request in (adapter.check, lambda: adapter.read(ICCID, OpenGate())):
            with pytest.raises(error):
                request()


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("new", SimState.INACTIVE),
        ("scheduled", SimState.ACTIVATING),
        ("ready", SimState.ACTIVE),
        ("active", SimState.ACTIVE),
        ("inactive", SimState.DEACTIVATED),
        ("resting", SimState.UNKNOWN),
        ("", SimState.UNKNOWN),
    ],
)
def test_each_status_word_has_its_state(word: str, state: SimState) -> None:
    with CannedCarrier(Canned(200, {"sims": [sim(word)]})) as carrier:
        seen = SuperSim.open(basic(carrier.url)).read(ICCID, OpenGate())
        assert (seen.state, seen.word) == (state, word)
        assert carrier.asked[0].query == {"Iccid": ICCID}


def test_a_next_page_that_is_no_address_is_a_listing_that_failed() -> None:
    listing = {"sims": [sim("active")], "meta": {"next_page_url": "http://["}}
    with CannedCarrier(Canned(200, listing)) as carrier, pytest.raises(ReadFailed, match="no address"):
        SuperSim.open(basic(carrier.url)).page(SimQuery(), None, OpenGate())


def test_every_state_that_can_be_asked_for_has_a_word() -> None:
    assert set(CAPABILITIES.states) <= set(STATES.values())


def test_the_version_in_the_base_url_is_not_doubled() -> None:
    with CannedCarrier(Canned(200, {"sims": []})) as carrier:
        SuperSim.open(basic(f"{carrier.url}/v1/")).check()
        assert carrier.asked[0].path == "/v1/Sims"


@pytest.mark.parametrize(
    ("options", "secrets", "sentence"),
    [
        ({}, {"account_sid": "AC"}, "lacks its secret auth_token"),
        ({"auth": "oauth"}, {}, "lacks its secret client_id and client_secret"),
        ({"auth": "magic"}, {}, "must be basic or oauth"),
        ({"auth": "oauth", "token_url": "http://example.com/token"}, {"client_id": "a", "client_secret": "b"}, "https"),
    ],
)
def test_an_account_that_cannot_work_says_what_to_mend(
    options: dict[str, str], secrets: dict[str, str], sentence: str
) -> None:
    with pytest.raises(CarrierError, match=sentence):
        SuperSim.open(CarrierAccount("test", "supersim", "https://example.com", options, secrets))
