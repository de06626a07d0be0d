"""1NCE: the contract, the wire in a table, and what a change must leave as it was."""

import json
from dataclasses import dataclass, replace
from datetime import date

import pytest

from carriers.contract import AnswerKind, CarrierAccount, OpenGate, Order, SimQuery, UsageQuery
from carriers.errors import CarrierError, CredentialsRefused, NotSent, OutcomeUnknown, ReadFailed
from carriers.onence import CAPABILITIES, OneNce
from carriers.onence_words import STATES
from carriers.simulated.onence import CREDENTIALS
from domain.lifecycle import Action, SimState, Stage
from tests.carriers.canned import Canned, CannedCarrier
from tests.carriers.contract_suite import (
    CarrierContract,
    CarrierFaultsContract,
    Contract,
    SecretsContract,
    Subject,
)

ONE_NCE = Subject(
    "1nce",
    "89882806",
    shows_plan=False,
    shows_change=False,
    answers_with_state=False,
    answers_with_body=False,
    digits=20,
    descriptions=("1nce_sims.json", "1nce_auth.json"),  # the token endpoint has a file of its own
)
ICCID = ONE_NCE.iccid(1)
OTHER = ONE_NCE.iccid(2)
TOKEN = Canned(200, {"access_token": "t0k3n", "token_type": "bearer", "expires_in": 3600})


class OfOneNce(Contract):
    subject = ONE_NCE


class TestOneNce(OfOneNce, CarrierContract):
    pass


class TestFaults(OfOneNce, CarrierFaultsContract):
    pass


class TestSecrets(OfOneNce, SecretsContract):
    pass


def account(url: str, timeout_seconds: float = 5.0) -> CarrierAccount:
    return CarrierAccount("test", "1nce", url, {}, CREDENTIALS, timeout_seconds)


def order(iccid: str = ICCID, action: Action = Action.ACTIVATE) -> Order:
    return Order(iccid, action, Stage.CHANGE)


def sim(iccid: str = ICCID, status: str = "Disabled", **more: object) -> dict[str, object]:
    known = {"iccid": iccid[:-1], "iccid_with_luhn": iccid, "status": status, "imei_lock": False, "label": "DX-1"}
    return known | more


def listing(*sims: dict[str, object], page: int = 1, pages: int = 1) -> Canned:
    return Canned(200, list(sims), {"X-Current-Page": str(page), "X-Total-Pages": str(pages)})


@dataclass(frozen=True)
class Case:
    """A row of the wire: the carrier's reply, and what we make of it."""

    label: str
    reply: Canned
    kind: AnswerKind | type[CarrierError]
    reason: str = ""


def refused(status: int) -> Canned:
    return Canned(status, {"statusCode": status, "errorCode": "X", "message": "no"})


ALIKE = [
    Case("error inside", Canned(200, {"statusCode": 500, "message": "broken"}), AnswerKind.UNKNOWN, "error_inside"),
    Case("may not", refused(403), CredentialsRefused),
    Case("no such method", refused(405), CredentialsRefused),
    Case("may not, without a word", Canned(403), CredentialsRefused),
    Case("a wall before the carrier", Canned(403, b"<html>"), CredentialsRefused),
    Case("wrong token", refused(401), CredentialsRefused),
    Case("a proxy's 400", Canned(400, b"<html>Bad Request"), OutcomeUnknown),
    Case("request timeout", refused(408), OutcomeUnknown),
    Case("broken", refused(500), OutcomeUnknown),
    Case("too many", refused(429), NotSent),
]
ONE = [
    Case("taken", Canned(200), AnswerKind.ACCEPTED, "accepted"),
    Case("taken, with a body", Canned(200, sim()), AnswerKind.ACCEPTED, "accepted"),
    Case("gone", Canned(404), AnswerKind.REVIEW, "gone"),
    Case("another change under way", refused(409), AnswerKind.UNKNOWN, "conflict"),
    Case("refused", refused(400), AnswerKind.REJECTED, "refused"),
    *ALIKE,
]
MANY = [
    Case("queued", Canned(201), AnswerKind.QUEUED, "queued"),
    Case("refused", refused(400), NotSent),
    Case("too large", refused(413), NotSent),
    *ALIKE,
]


@pytest.mark.parametrize("case", ONE, ids=lambda case: case.label)
def test_a_change_of_one_sim_is_answered_by_the_table(case: Case) -> None:
    with CannedCarrier(TOKEN, Canned(200, sim(imei_lock=True)), case.reply, TOKEN, case.reply) as carrier:
        _meets(carrier, case, [order()])
        asked = carrier.asked[2]
        assert (asked.method, asked.path) == ("PUT", f"/v1/sims/{ICCID[:-1]}")
        wanted = {"iccid": ICCID[:-1], "status": "Enabled", "imei_lock": True, "label": "DX-1"}
        assert json.loads(asked.body) == wanted


@pytest.mark.parametrize("case", MANY, ids=lambda case: case.label)
def test_a_change_of_many_sims_is_answered_by_the_table(case: Case) -> None:
    read = [Canned(200, sim(ICCID)), Canned(200, sim(OTHER, label=None))]
    with CannedCarrier(TOKEN, *read, case.reply, TOKEN, case.reply) as carrier:
        _meets(carrier, case, [order(ICCID), order(OTHER)])
        asked = carrier.asked[3]
        assert (asked.method, asked.path) == ("POST", "/v1/sims")
        assert json.loads(asked.body) == [
            {"iccid": ICCID[:-1], "status": "Enabled", "imei_lock": False, "label": "DX-1"},
            {"iccid": OTHER[:-1], "status": "Enabled", "imei_lock": False},
        ]


def _meets(carrier: CannedCarrier, case: Case, orders: list[Order]) -> None:
    adapter = OneNce.open(account(carrier.url))
    if isinstance(case.kind, type):
        with pytest.raises(case.kind):
            adapter.submit(orders, OpenGate())
        return
    answers = adapter.submit(orders, OpenGate())
    assert [answer.iccid for answer in answers] == [one.iccid for one in orders]
    assert {(answer.kind, answer.reason) for answer in answers} == {(case.kind, case.reason)}


def test_the_token_is_bought_with_user_and_password_in_the_header_and_the_grant_as_json() -> None:
    with CannedCarrier(TOKEN, listing()) as carrier:
        OneNce.open(account(f"{carrier.url}/v1/")).check()
        bought, used = carrier.asked
        assert (bought.method, bought.path) == ("POST", "/oauth/token")
        assert json.loads(bought.body) == {"grant_type": "client_credentials"}
        assert bought.headers["Authorization"].startswith("Basic ")
        assert (used.path, used.headers["Authorization"]) == ("/v1/sims", "Bearer t0k3n")


BEFORE_THE_CHANGE = [
    Case("enabled already", Canned(200, sim(status="Enabled")), AnswerKind.DONE, "enabled_already"),
    Case("not there", Canned(404), AnswerKind.REJECTED, "not_in_account"),
    Case("no lock told", Canned(200, {**sim(), "imei_lock": None}), AnswerKind.REVIEW, "settings_unknown"),
    Case("a lock in words", Canned(200, sim(imei_lock="true")), AnswerKind.REVIEW, "settings_unknown"),
    Case("a label that is no text", Canned(200, sim(label=["a"])), AnswerKind.REVIEW, "settings_unknown"),
    Case("another SIM", Canned(200, sim(OTHER)), NotSent),
    Case("no SIM", Canned(200, []), NotSent),
    Case("nothing", Canned(200), NotSent),
    Case("broken", refused(500), NotSent),
    Case("refused", refused(400), NotSent),
    Case("may not", refused(403), CredentialsRefused),
]


@pytest.mark.parametrize("case", BEFORE_THE_CHANGE, ids=lambda case: case.label)
def test_what_the_read_before_a_change_says_may_spare_or_forbid_the_change(case: Case) -> None:
    with CannedCarrier(TOKEN, listing(), case.reply) as carrier:
        adapter = OneNce.open(account(carrier.url))
        adapter.check()
        if isinstance(case.kind, type):
            with pytest.raises(case.kind) as raised:
                adapter.submit([order()], OpenGate())
            assert not isinstance(raised.value, NotSent) or raised.value.retry_after_seconds >= 10
        else:
            (answer,) = adapter.submit([order()], OpenGate())
            assert (answer.kind, answer.reason) == (case.kind, case.reason)
        assert {asked.method for asked in carrier.asked[1:]} == {"GET"}


def test_a_disabled_sim_is_disabled_again_because_an_earlier_change_may_still_be_queued() -> None:
    with CannedCarrier(TOKEN, Canned(200, sim()), Canned(200)) as carrier:
        (answer,) = OneNce.open(account(carrier.url)).submit([order(action=Action.DEACTIVATE)], OpenGate())
        assert (answer.kind, [asked.method for asked in carrier.asked]) == (AnswerKind.ACCEPTED, ["POST", "GET", "PUT"])
        assert json.loads(carrier.asked[2].body)["status"] == "Disabled"


def test_a_404_from_an_address_that_lists_nothing_is_a_wrong_address_and_no_missing_sim() -> None:
    with CannedCarrier(TOKEN, Canned(404)) as carrier:
        adapter = OneNce.open(account(carrier.url))
        for ask in (lambda: adapter.read(ICCID, OpenGate()), lambda: adapter.submit([order()], OpenGate())):
            with pytest.raises(CredentialsRefused, match="base_url"):
                ask()


@pytest.mark.parametrize(
    ("document", "state"),
    [
        (sim(), SimState.INACTIVE),
        (sim(activation_date="2018-03-09T07:59:09.000+0000"), SimState.DEACTIVATED),
        (sim(status="Enabled", activation_date="2018-03-09T07:59:09.000+0000"), SimState.ACTIVE),
        (sim(status="Enabled"), SimState.ACTIVE),
        (sim(status="ONLINE"), SimState.UNKNOWN),
        (sim(status=""), SimState.UNKNOWN),
        (sim(iccid_with_luhn=None), SimState.INACTIVE),
        (sim(iccid=ICCID), SimState.INACTIVE),
    ],
)
def test_each_status_word_has_its_state_with_and_without_an_activation(
    document: dict[str, object], state: SimState
) -> None:
    with CannedCarrier(TOKEN, Canned(200, document)) as carrier:
        found = OneNce.open(account(carrier.url)).read(ICCID, OpenGate())
        assert (found.iccid, found.state, found.word) == (ICCID, state, document["status"])
        assert carrier.asked[1].path == f"/v1/sims/{ICCID[:-1]}"


@pytest.mark.parametrize(
    "row",
    [
        {"iccid": "", "status": "Enabled"},
        sim(iccid_with_luhn=OTHER),
        sim(iccid=ICCID[:-1] + "0" if ICCID[-1] != "0" else ICCID[:-1] + "1"),
        sim(iccid=ICCID + "0"),
    ],
)
def test_a_row_whose_numbers_are_not_one_cards_is_no_sim_of_the_listing(row: dict[str, object]) -> None:
    with CannedCarrier(TOKEN, listing(row, sim(OTHER))) as carrier:
        page = OneNce.open(account(carrier.url)).page(SimQuery(), None, OpenGate())
        assert [found.iccid for found in page.sims] == [OTHER]


def test_every_state_that_can_be_asked_for_has_a_word() -> None:
    assert set(CAPABILITIES.states) <= set(STATES.values())


@pytest.mark.parametrize(
    ("secrets", "sentence"), [({}, "username and password"), ({"username": "u"}, "lacks its secret password")]
)
def test_an_account_that_cannot_work_says_what_to_mend(secrets: dict[str, str], sentence: str) -> None:
    with pytest.raises(CarrierError, match=sentence):
        OneNce.open(replace(account("https://example.com"), secrets=secrets))


def stat(day: str, volume: object, unit: str = "MB") -> dict[str, object]:
    return {"date": day, "data": {"volume": volume, "traffic_type": {"unit": unit}}}


def usage_of(*stats: dict[str, object]) -> dict[date, int]:
    with CannedCarrier(TOKEN, Canned(200, {"stats": list(stats)})) as carrier:
        query = UsageQuery(date(2026, 11, 1), date(2026, 11, 3), ICCID)
        page = OneNce.open(account(carrier.url)).usage(query, None, OpenGate())
        assert carrier.asked[1].query == {"start_dt": "2026-11-01", "end_dt": "2026-11-03"}
        assert (page.next_cursor, {used.iccid for used in page.usages} - {ICCID}) == (None, set())
        return {used.first: used.total_bytes for used in page.usages}


def test_usage_is_whole_bytes_of_each_day_and_days_that_are_not_told_stay_missing() -> None:
    told = usage_of(
        stat("2026-11-01T00:00:00.000Z", "0.002803"),
        stat("2026-11-03", "49999.999999"),
        stat("2026-11-03", "0.000001"),
        stat("2026-11-04", "7"),
        stat("TOTAL", "9"),
        {"date": "2026-11-02", "sms": {"volume": "3"}},
    )
    assert told == {date(2026, 11, 1): 2803, date(2026, 11, 3): 50_000_000_000}


@pytest.mark.parametrize(
    ("volume", "unit"), [("0.1", "GB"), ("a lot", "MB"), ("-1", "MB"), ("NaN", "MB"), (None, "MB")]
)
def test_usage_that_is_no_number_of_bytes_is_not_guessed(volume: object, unit: str) -> None:
    with pytest.raises(ReadFailed, match="no number of bytes"):
        usage_of(stat("2026-11-01", volume, unit))
