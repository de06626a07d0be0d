"""Telnyx: the contract, and the wire in a table. What a registration's answer says is in test_telnyx_claims.py."""

from dataclasses import dataclass, replace
from datetime import date

import pytest

from carriers.contract import AnswerKind, CarrierAccount, OpenGate, Order, SimQuery, UsageQuery
from carriers.errors import CarrierError, CredentialsRefused, LimitReached, OutcomeUnknown, ReadFailed
from carriers.http import HttpClient, Wire
from carriers.login import FixedLogin
from carriers.simulated.telnyx import CREDENTIALS, uuid_of
from carriers.telnyx import CAPABILITIES, Telnyx
from carriers.telnyx_words import PROGRESS, REACHED, STATES, complaint, reset_seconds
from domain.acting import REQUESTED
from domain.judging import WANTED
from domain.lifecycle import Action, SimState, Stage
from tests.carriers.canned import Canned, CannedCarrier, CountingGate
from tests.carriers.contract_suite import (
    CarrierContract,
    CarrierFaultsContract,
    Contract,
    SecretsContract,
    Subject,
)

GROUP = uuid_of("a group")
TELNYX = Subject(
    "telnyx",
    "8931041",
    GROUP,
    uuid_of("another group"),
    renews_tokens=False,
    descriptions=("telnyx_wireless.json",),
)
ICCID, OTHER = TELNYX.iccid(1), TELNYX.iccid(2)
SIM_ID, OTHER_ID, ACTION_ID = uuid_of("a SIM"), uuid_of("another SIM"), uuid_of("an action")
TODAY = date(2026, 2, 10)


class OfTelnyx(Contract):
    subject = TELNYX


class TestTelnyx(OfTelnyx, CarrierContract):
    pass


class TestTelnyxWithFaults(OfTelnyx, CarrierFaultsContract):
    pass


class TestTelnyxSecrets(OfTelnyx, SecretsContract):
    pass


def telnyx(url: str, **options: str) -> Telnyx:
    """The adapter for a carrier at this address; it believes that today is TODAY."""
    account = CarrierAccount("test", "telnyx", url, options, CREDENTIALS, 2.0)
    wire = Wire("Telnyx", url, 2.0, complaint, reset_seconds)
    return Telnyx(account, HttpClient(wire, FixedLogin.bearer(CREDENTIALS["api_key"])), today=lambda: TODAY)


def sim(word: str, *, iccid: str = ICCID, id_: str = SIM_ID, group: str = GROUP, **more: object) -> dict[str, object]:
    return {"id": id_, "iccid": iccid, "status": {"value": word, "reason": ""}, "sim_card_group_id": group, **more}


def action(word: str, reason: str | None = None, **changed: object) -> dict[str, object]:
    status = {"value": word, "reason": reason}
    return {"id": ACTION_ID, "sim_card_id": SIM_ID, "action_type": "enable", "status": status, **changed}


def errors(code: str = "10015", **more: object) -> dict[str, object]:
    return {"errors": [{"code": code, "title": "No", "detail": "Not that.", **more}]}


def listing(*sims: dict[str, object], number: int = 1, pages: int = 1) -> Canned:
    return Canned(200, {"data": list(sims), "meta": {"page_number": number, "total_pages": pages}})


@dataclass(frozen=True)
class Case:
    """A row of the wire: Telnyx's replies, and what we make of them."""

    label: str
    replies: tuple[Canned, ...]
    kind: AnswerKind | type[CarrierError]
    reason: str = ""
    detail: str = ""


def case(label: str, reply: Canned, *made: object) -> Case:
    return Case(label, (reply,), *made)  # type: ignore[arg-type]


REFUSED = Canned(422, errors())
GONE = Canned(404, errors("10005"))

CHANGES = [
    case("under way", Canned(202, {"data": action("in-progress")}), AnswerKind.ACCEPTED, "in_progress"),
    case("true at once", Canned(202, {"data": action("completed")}), AnswerKind.DONE, "completed"),
    case("failed", Canned(202, {"data": action("failed", "No funds.")}), AnswerKind.REJECTED, "action_failed", "funds"),
    case("an unknown word", Canned(202, {"data": action("dreaming")}), AnswerKind.UNKNOWN, "unexpected_status"),
    case("no word", Canned(202, {"data": action("")}), AnswerKind.UNKNOWN, "not_an_action"),
    case("no id", Canned(202, {"data": action("failed", id=None)}), AnswerKind.UNKNOWN, "not_an_action"),
    case("nothing", Canned(202), AnswerKind.UNKNOWN, "not_an_action"),
    case("a list", Canned(202, [1]), AnswerKind.UNKNOWN, "not_an_action"),
    case("an error in a 200", Canned(200, errors("10007")), AnswerKind.UNKNOWN, "not_an_action", "10007"),
    case(
        "another SIM",
        Canned(202, {"data": action("in-progress", sim_card_id=OTHER_ID)}),
        AnswerKind.REVIEW,
        "another_sim",
    ),
    case("no group", Canned(422, errors("70007")), AnswerKind.REJECTED, "no_group"),
    case("the limit is used up", Canned(422, errors("70000")), AnswerKind.REJECTED, "data_limit_reached"),
    Case("enabled already", (REFUSED, listing(sim("enabled"))), AnswerKind.DONE, "already_so"),
    Case("enabling already", (REFUSED, listing(sim("enabling"))), AnswerKind.ACCEPTED, "in_progress"),
    Case("disabling", (REFUSED, listing(sim("disabling"))), AnswerKind.UNKNOWN, "conflict"),
    Case("a passing trouble", (Canned(409, errors("10007")), listing(sim("disabled"))), AnswerKind.UNKNOWN, "conflict"),
    Case("for good", (REFUSED, listing(sim("blocked"))), AnswerKind.REJECTED, "refused", "'blocked'"),
    Case("refused and unread", (REFUSED, Canned(500, {})), AnswerKind.UNKNOWN, "refused_unread"),
    Case("gone", (GONE, listing()), AnswerKind.REVIEW, "gone"),
    Case("another address", (GONE, GONE), CredentialsRefused),
    case("may not", Canned(403, errors("10010")), CredentialsRefused),
    case("a wall before Telnyx", Canned(403, b"<html>"), CredentialsRefused),
    case("no money", Canned(402, errors("20100")), CredentialsRefused),
    case("wrong key", Canned(401, errors("10009")), CredentialsRefused),
    case("a proxy's 400", Canned(400, b"<html>"), OutcomeUnknown),
    case("a proxy's timeout", Canned(504, b""), OutcomeUnknown),
]

DELETED = {"data": sim("disabling")}
DELETIONS = [
    case("under way", Canned(200, DELETED), AnswerKind.ACCEPTED, "deleting"),
    case("nothing", Canned(200), AnswerKind.UNKNOWN, "not_a_sim"),
    case("another SIM", Canned(200, {"data": sim("disabling", iccid=OTHER)}), AnswerKind.REVIEW, "another_sim"),
    Case("gone already", (GONE, listing()), AnswerKind.DONE, "gone_already"),
    Case("refused", (REFUSED, listing(sim("enabled"))), AnswerKind.REJECTED, "refused"),
]

CHANGE = Order(ICCID, Action.ACTIVATE, Stage.CHANGE, SIM_ID, GROUP)


@pytest.mark.parametrize("row", CHANGES, ids=lambda row: row.label)
def test_a_change_is_answered_by_the_table(row: Case) -> None:
    _meets(row, CHANGE, ("POST", f"/sim_cards/{SIM_ID}/actions/enable"))


@pytest.mark.parametrize("row", DELETIONS, ids=lambda row: row.label)
def test_a_deletion_is_answered_by_the_table(row: Case) -> None:
    _meets(row, replace(CHANGE, action=Action.RELEASE), ("DELETE", f"/sim_cards/{SIM_ID}"))


def _meets(row: Case, order: Order, request: tuple[str, str]) -> None:
    with CannedCarrier(*row.replies) as carrier:
        adapter = telnyx(carrier.url)
        if isinstance(row.kind, type):
            with pytest.raises(row.kind):
                adapter.submit([order], OpenGate())
            return
        (answer,) = adapter.submit([order], OpenGate())
        assert (answer.iccid, answer.kind, answer.reason) == (ICCID, row.kind, row.reason)
        assert row.detail in answer.detail
        first, *looks = carrier.asked
        assert (first.method, first.path, first.body) == (*request, b"")
        assert {look.method for look in looks} <= {"GET"}


@pytest.mark.parametrize("word", ["data_limit_exceeded", "unauthorized_imei", "blocked", "abolished"])
def test_what_telnyx_itself_has_switched_off_is_barred_and_nobodys_deactivation(word: str) -> None:
    with CannedCarrier(listing(sim(word))) as carrier:
        read = telnyx(carrier.url).read(ICCID, OpenGate())
    assert (read.state, read.word) == (SimState.BARRED, word)


@pytest.mark.parametrize(
    ("word", "kind"),
    [("disabled", AnswerKind.DONE), ("disabling", AnswerKind.ACCEPTED)]
    + [(word, AnswerKind.REJECTED) for word in ("data_limit_exceeded", "unauthorized_imei", "blocked", "enabled")]
    + [("standby", AnswerKind.REJECTED)],
)
def test_a_refused_pause_is_true_only_for_a_sim_that_telnyx_does_not_switch_on_again(
    word: str, kind: AnswerKind
) -> None:
    with CannedCarrier(REFUSED, listing(sim(word))) as carrier:
        (answer,) = telnyx(carrier.url).submit([replace(CHANGE, action=Action.DEACTIVATE)], OpenGate())
        assert (answer.kind, carrier.asked[0].path) == (kind, f"/sim_cards/{SIM_ID}/actions/disable")


def test_an_action_that_is_under_way_can_be_asked_about() -> None:
    with CannedCarrier(Canned(202, {"data": action("in-progress")})) as carrier:
        (answer,) = telnyx(carrier.url).submit([CHANGE], OpenGate())
        assert answer.carrier_request == ACTION_ID


@pytest.mark.parametrize("reference", [None, "", "HS1", f"{SIM_ID}/../x"])
def test_a_change_without_a_proper_id_needs_a_person_and_makes_no_request(reference: str | None) -> None:
    with CannedCarrier(Canned(500)) as carrier:
        (answer,) = telnyx(carrier.url).submit([replace(CHANGE, carrier_reference=reference)], OpenGate())
        assert (answer.kind, answer.reason, carrier.asked) == (AnswerKind.REVIEW, "no_reference", [])


@pytest.mark.parametrize("word", [*PROGRESS, "dreaming"])
def test_an_action_is_followed_to_its_end(word: str) -> None:
    kind, reason = PROGRESS.get(word, (AnswerKind.UNKNOWN, "unexpected_status"))
    with CannedCarrier(Canned(200, {"data": action(word)})) as carrier:
        (told,) = telnyx(carrier.url).follow(ACTION_ID, [ICCID], OpenGate())
        assert (told.iccid, told.kind, told.reason) == (ICCID, kind, reason)
        assert told.detail or kind is not AnswerKind.REJECTED
        assert (carrier.asked[0].method, carrier.asked[0].path) == ("GET", f"/sim_card_actions/{ACTION_ID}")


def test_the_reason_of_a_failed_action_is_told_in_one_line() -> None:
    with CannedCarrier(Canned(200, {"data": action("failed", "The data\nlimit was exceeded.")})) as carrier:
        (told,) = telnyx(carrier.url).follow(ACTION_ID, [ICCID], OpenGate())
        assert told.detail == "The data limit was exceeded."


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Canned(200, {"data": action("failed", id=OTHER_ID)}), ReadFailed),
        (Canned(200), ReadFailed),
        (Canned(422, errors()), ReadFailed),
        (Canned(403, errors()), CredentialsRefused),
    ],
)
def test_an_action_that_cannot_be_read_tells_nothing(reply: Canned, error: type[CarrierError]) -> None:
    with CannedCarrier(reply) as carrier, pytest.raises(error):
        telnyx(carrier.url).follow(ACTION_ID, [ICCID], OpenGate())


@pytest.mark.parametrize(("action_id", "requests"), [(ACTION_ID, 1), ("../sim_cards", 0)])
def test_an_action_that_telnyx_does_not_know_is_unknown(action_id: str, requests: int) -> None:
    with CannedCarrier(GONE) as carrier:
        (told,) = telnyx(carrier.url).follow(action_id, [ICCID], OpenGate())
        assert (told.kind, len(carrier.asked)) == (AnswerKind.UNKNOWN, requests)


def test_a_refusal_is_no_end_of_an_action_but_by_the_words_of_a_read_and_standby_is_none() -> None:
    for action, words in REACHED.items():
        assert words == {word for word, state in STATES.items() if state in WANTED[action]}
    assert STATES["standby"] is SimState.READY  # "making it possible to consume data", says its description


@pytest.mark.parametrize(("word", "state"), [*STATES.items(), ("resting", SimState.UNKNOWN), ("", SimState.UNKNOWN)])
def test_each_status_word_has_its_state(word: str, state: SimState) -> None:
    with CannedCarrier(listing(sim(word))) as carrier:
        read = telnyx(carrier.url).read(ICCID, OpenGate())
        assert (read.state, read.word, read.carrier_reference, read.plan_reference) == (state, word, SIM_ID, GROUP)
        assert carrier.asked[0].query["filter[iccid]"] == ICCID


def test_of_several_sims_that_match_in_part_only_the_one_itself_is_read() -> None:
    others = [sim("enabled", iccid=f"{ICCID}{digit}", id_=OTHER_ID) for digit in range(3)]
    with CannedCarrier(listing(*others, sim("disabled")), listing(*others)) as carrier:
        adapter = telnyx(carrier.url)
        assert adapter.read(ICCID, OpenGate()).word == "disabled"
        assert adapter.read(ICCID, OpenGate()).state is SimState.ABSENT


def test_separators_in_an_iccid_do_not_make_it_another() -> None:
    with CannedCarrier(listing(sim("enabled", iccid=f"{ICCID[:4]} {ICCID[4:]}F"))) as carrier:
        assert telnyx(carrier.url).read(ICCID, OpenGate()).iccid == ICCID


@pytest.mark.parametrize(
    "reply",
    [
        listing(sim("enabled"), sim("enabled", id_=OTHER_ID)),
        listing(sim("enabled", iccid=OTHER), pages=2),  # the filter was not heard
        Canned(200, {"data": []}),
        Canned(200, {"meta": {"page_number": 1, "total_pages": 1}}),
        Canned(200, {"data": [1], "meta": {"page_number": 1, "total_pages": 1}}),
        Canned(200, []),
        Canned(422, errors()),
    ],
)
def test_a_read_that_proves_nothing_has_failed(reply: Canned) -> None:
    with CannedCarrier(reply) as carrier, pytest.raises(ReadFailed):
        telnyx(carrier.url).read(ICCID, OpenGate())


def test_pages_are_asked_for_by_their_numbers() -> None:
    with CannedCarrier(
        listing(sim("enabled"), pages=2), listing(sim("disabled", iccid=OTHER), number=2, pages=2)
    ) as it:
        adapter, query = telnyx(it.url), SimQuery(plan_reference=GROUP)
        first = adapter.page(query, None, OpenGate())
        last = adapter.page(query, first.next_cursor, OpenGate())
        assert [one.iccid for page in (first, last) for one in page.sims] == [ICCID, OTHER]
        assert (first.next_cursor, last.next_cursor) == ("2", None)
        asked = {"page[size]": "250", "filter[sim_card_group_id]": GROUP}
        assert [one.query for one in it.asked] == [asked | {"page[number]": number} for number in ("1", "2")]


@pytest.mark.parametrize(
    ("amount", "total"),
    [
        ({"amount": "2049.0", "unit": "MB"}, 2_049_000_000),
        ({"amount": "0.000001"}, 1),
        ({"amount": "1.5", "unit": "GB"}, 1_500_000_000),
        ({"amount": "123456789012.345678", "unit": "MB"}, 123_456_789_012_345_678),
        ({"amount": "1e9", "unit": "MB"}, None),
        ({"amount": "-1", "unit": "MB"}, None),
        ({"amount": "7", "unit": "MiB"}, None),
        ({"amount": None, "unit": ["MB"]}, None),
        (None, None),
    ],
)
def test_usage_is_whole_bytes_of_the_billing_period_so_far(amount: object, total: int | None) -> None:
    with CannedCarrier(listing(sim("enabled", current_billing_period_consumed_data=amount))) as carrier:
        page = telnyx(carrier.url).usage(UsageQuery(TODAY.replace(day=1), TODAY), None, OpenGate())
        told = [(one.iccid, one.carrier_reference, one.first, one.last, one.total_bytes) for one in page.usages]
        assert told == ([] if total is None else [(ICCID, SIM_ID, date(2026, 2, 1), TODAY, total)])


def test_usage_of_past_or_future_periods_is_not_told_and_not_asked_for() -> None:
    with CannedCarrier(Canned(500)) as carrier:
        for first, last in ((date(2026, 1, 1), date(2026, 1, 31)), (date(2026, 2, 11), date(2026, 2, 12))):
            assert telnyx(carrier.url).usage(UsageQuery(first, last), None, OpenGate()).usages == ()
        assert carrier.asked == []


def test_a_limit_is_heeded_in_telnyx_s_own_words() -> None:
    with CannedCarrier(Canned(429, errors("10011"), {"X-RateLimit-Reset": "12", "Retry-After": "90"})) as carrier:
        gate = CountingGate()
        with pytest.raises(LimitReached):
            telnyx(carrier.url).submit([CHANGE], gate)
        assert (gate.waits, gate.passed) == ([12.0], 1)


def test_the_key_goes_into_every_request() -> None:
    with CannedCarrier(listing()) as carrier:
        assert "answers" in telnyx(carrier.url).check()
        assert carrier.asked[0].headers["Authorization"] == f"Bearer {CREDENTIALS['api_key']}"
        assert carrier.asked[0].query["page[size]"] == "1"


@pytest.mark.parametrize(
    ("options", "secrets", "sentence"),
    [
        ({}, {}, "lacks its secret api_key"),
        ({}, {"api_key": "KEY\nX-Other: 1"}, "lacks its secret api_key"),
        ({"register_as": "perhaps"}, CREDENTIALS, "perhaps"),
    ],
)
def test_an_account_that_cannot_work_says_what_to_mend(
    options: dict[str, str], secrets: dict[str, str], sentence: str
) -> None:
    with pytest.raises(CarrierError, match=sentence):
        Telnyx.open(CarrierAccount("test", "telnyx", "https://example.com/v2", options, secrets))


def test_every_state_that_can_be_asked_for_is_shown_by_some_word_of_telnyx_or_by_its_silence() -> None:
    for action, state in REQUESTED.items():
        assert state in CAPABILITIES.states
        assert WANTED[action] & {*STATES.values(), SimState.ABSENT}
