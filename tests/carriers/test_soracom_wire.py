"""Soracom's requests for one SIM, its reads and its traffic: the wire in tables."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import pytest

from carriers.contract import AnswerKind, CarrierAccount, OpenGate, Order, SimQuery, UsageQuery
from carriers.errors import CarrierError, CredentialsRefused, LimitReached, OutcomeUnknown, ReadFailed
from carriers.simulated.soracom import CREDENTIALS
from carriers.soracom import CAPABILITIES, Soracom
from carriers.soracom_words import DONE_WORDS, STATES, VERBS
from domain.judging import WANTED
from domain.lifecycle import SimState, Stage
from tests.carriers.canned import Canned, CannedCarrier, CountingGate
from tests.carriers.soracom_canned import (
    CHANGE,
    CLAIM,
    CODE,
    GROUP,
    ICCID,
    NOT_THERE,
    OTHER,
    PAUSE,
    REFUSED,
    RELEASE,
    TOKEN,
    body_of,
    no,
    sim,
    talking,
)


@dataclass(frozen=True)
class Case:
    """A row of the wire: an order, the carrier's replies, and what we make of them."""

    label: str
    order: Order
    replies: Sequence[Canned]
    kind: AnswerKind | type[CarrierError]
    reason: str = ""
    reference: str | None = None


CASES = [
    Case("registered", CLAIM, [Canned(201, sim("ready"))], AnswerKind.DONE, "claimed", ICCID),
    Case("registered with 200", CLAIM, [Canned(200, sim("ready"))], AnswerKind.DONE, "claimed", ICCID),
    Case("another SIM registered", CLAIM, [Canned(201, sim("ready", OTHER))], AnswerKind.REVIEW, "another_sim"),
    Case("no SIM registered", CLAIM, [Canned(201, {"code": "X", "message": ""})], AnswerKind.UNKNOWN, "not_a_sim"),
    Case("empty registration", CLAIM, [Canned(201)], AnswerKind.UNKNOWN, "not_a_sim"),
    Case("ours already", CLAIM, [REFUSED, Canned(200, sim("active"))], AnswerKind.DONE, "already_ours", ICCID),
    Case("ours, for good gone", CLAIM, [REFUSED, Canned(200, sim("terminated"))], AnswerKind.REJECTED, "terminated"),
    Case("wrong code", CLAIM, [REFUSED, NOT_THERE], AnswerKind.REJECTED, "not_registrable"),
    Case("no such SIM", CLAIM, [NOT_THERE, NOT_THERE], AnswerKind.REJECTED, "not_registrable"),
    Case("refused, unread", CLAIM, [REFUSED, Canned(500)], AnswerKind.UNKNOWN, "refused_unread"),
    Case("registration in conflict", CLAIM, [no(409), NOT_THERE], AnswerKind.UNKNOWN, "conflict"),
    Case("may not register", CLAIM, [no(403), NOT_THERE], CredentialsRefused),
    Case("active at once", CHANGE, [Canned(200, sim("active"))], AnswerKind.DONE, "done_at_once", ICCID),
    Case("still ready", CHANGE, [Canned(200, sim("ready"))], AnswerKind.UNKNOWN, "unexpected_status"),
    Case("unknown word", CHANGE, [Canned(200, sim("dormant"))], AnswerKind.UNKNOWN, "unexpected_status"),
    Case("another SIM changed", CHANGE, [Canned(200, sim("active", OTHER))], AnswerKind.REVIEW, "another_sim"),
    Case("no SIM changed", CHANGE, [Canned(200, [])], AnswerKind.UNKNOWN, "not_a_sim"),
    Case("no content", CHANGE, [Canned(204)], AnswerKind.UNKNOWN, "not_a_sim"),
    Case("gone", CHANGE, [NOT_THERE, NOT_THERE], AnswerKind.REVIEW, "gone"),
    Case("refused", CHANGE, [REFUSED, Canned(200, sim("ready"))], AnswerKind.REJECTED, "refused"),
    Case("refused, so already", CHANGE, [REFUSED, Canned(200, sim("active"))], AnswerKind.DONE, "already_so", ICCID),
    Case("terminated", CHANGE, [REFUSED, Canned(200, sim("terminated"))], AnswerKind.REJECTED, "terminated"),
    Case("conflict", CHANGE, [no(409), Canned(200, sim("ready"))], AnswerKind.UNKNOWN, "conflict"),
    Case("may not", CHANGE, [no(403), Canned(200, sim("ready"))], CredentialsRefused),
    Case(
        "read of another SIM",
        CHANGE,
        [REFUSED, Canned(200, sim("active", OTHER))],
        AnswerKind.UNKNOWN,
        "refused_unread",
    ),
    Case("a wall before the carrier", CHANGE, [Canned(403, b"<html>"), Canned(403, b"<html>")], CredentialsRefused),
    Case("wrong token", CHANGE, [no(401), TOKEN, no(401)], CredentialsRefused),
    Case("a proxy's 400", CHANGE, [Canned(400, b"<html>Bad Request")], OutcomeUnknown),
    Case("request timeout", CHANGE, [no(408)], OutcomeUnknown),
    Case("inactive at once", PAUSE, [Canned(200, sim("inactive"))], AnswerKind.DONE, "done_at_once", ICCID),
    Case("ready would connect", PAUSE, [Canned(200, sim("ready"))], AnswerKind.UNKNOWN, "unexpected_status"),
    Case("standby would connect", PAUSE, [REFUSED, Canned(200, sim("standby"))], AnswerKind.REJECTED, "refused"),
    Case("suspended already", PAUSE, [REFUSED, Canned(200, sim("suspended"))], AnswerKind.DONE, "already_so", ICCID),
    Case("terminated at once", RELEASE, [Canned(200, sim("terminated"))], AnswerKind.DONE, "done_at_once", ICCID),
    Case("terminated before", RELEASE, [REFUSED, Canned(200, sim("terminated"))], AnswerKind.DONE, "already_so", ICCID),
    Case("not there", RELEASE, [NOT_THERE, NOT_THERE], AnswerKind.DONE, "already_gone"),
    Case(
        "protected",
        RELEASE,
        [REFUSED, Canned(200, sim("active", terminationEnabled=False))],
        AnswerKind.REJECTED,
        "termination_protected",
    ),
    Case("not protected", RELEASE, [REFUSED, Canned(200, sim("active"))], AnswerKind.REJECTED, "refused"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_a_request_for_one_sim_is_answered_by_the_table(case: Case) -> None:
    with talking(*case.replies) as (adapter, carrier):
        if isinstance(case.kind, type):
            with pytest.raises(case.kind):
                adapter.submit([case.order], OpenGate())
        else:
            (answer,) = adapter.submit([case.order], OpenGate())
            assert (answer.iccid, answer.kind, answer.reason) == (ICCID, case.kind, case.reason)
            assert answer.carrier_reference == case.reference
            assert CODE not in str(answer)
        changes = [asked for asked in carrier.asked if asked.method == "POST" and asked.path != "/v1/auth"]
        verb = "register" if case.order.stage is Stage.CLAIM else VERBS[case.order.action]
        assert {asked.path for asked in changes} == {f"/v1/sims/{ICCID}/{verb}"}
        assert len(changes) == (2 if case.label == "wrong token" else 1)


def test_a_registration_names_the_code_and_the_group() -> None:
    with talking(Canned(201, sim("ready"))) as (adapter, carrier):
        adapter.submit([CLAIM], OpenGate())
        adapter.submit([replace(CLAIM, plan_reference="")], OpenGate())
        login, *claims = carrier.asked
        assert body_of(login) == {
            "authKeyId": CREDENTIALS["auth_key_id"],
            "authKey": CREDENTIALS["auth_key"],
            "tokenTimeoutSeconds": 3600,
        }
        secret = {"registrationSecret": CODE}
        assert [body_of(asked) for asked in claims] == [secret | {"groupId": GROUP}, secret]
        assert claims[0].headers["X-Soracom-API-Key"] == "api-1"
        assert claims[0].headers["X-Soracom-Token"] == "t0k3n"


@pytest.mark.parametrize("reference", ["../x", "a/b", "?", 65 * "1"])
def test_a_change_with_a_reference_that_is_no_sim_id_makes_no_request(reference: str) -> None:
    with talking(Canned(500)) as (adapter, carrier):
        order = replace(CHANGE, carrier_reference=reference)
        (answer,) = adapter.submit([order], OpenGate())
        assert (answer.kind, answer.reason, carrier.asked) == (AnswerKind.REVIEW, "no_reference", [])


@pytest.mark.parametrize("answer", [{"token": "t"}, {"apiKey": "a"}, {"apiKey": "a b", "token": "t"}, [], {}])
def test_a_login_without_key_and_token_asks_for_a_person(answer: object) -> None:
    with CannedCarrier(Canned(200, answer)) as carrier, pytest.raises(CredentialsRefused):
        Soracom.open(CarrierAccount("test", "soracom", carrier.url, {}, CREDENTIALS)).check()


@pytest.mark.parametrize("reply", [Canned(200, {}), Canned(200, [1]), Canned(200, [{"status": "active"}])])
def test_a_listing_that_is_no_list_of_sims_has_failed(reply: Canned) -> None:
    with talking(reply) as (adapter, _), pytest.raises(ReadFailed):
        adapter.page(SimQuery(), None, OpenGate())


@pytest.mark.parametrize("document", [sim("active", OTHER), {"simId": ICCID}, {"code": "X", "message": ""}, [], None])
def test_a_read_answered_about_another_sim_has_failed(document: object) -> None:
    with talking(Canned(200, document)) as (adapter, _), pytest.raises(ReadFailed):
        adapter.read(ICCID, OpenGate())


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (no(400), ReadFailed),
        (Canned(404, b"<html>"), ReadFailed),
        (no(403), CredentialsRefused),
        (Canned(403, b"<html>"), CredentialsRefused),
        (no(401), CredentialsRefused),
    ],
)
def test_a_refused_read_is_repeated_later_unless_the_configuration_is_wrong(
    reply: Canned, error: type[CarrierError]
) -> None:
    with talking(reply) as (adapter, carrier):
        carrier.replies = [TOKEN, reply, TOKEN, reply] if reply.status == 401 else carrier.replies
        with pytest.raises(error):
            adapter.read(ICCID, OpenGate())


@pytest.mark.parametrize("word", [*STATES, "resting", ""])
def test_each_status_word_has_its_state(word: str) -> None:
    with talking(Canned(200, sim(word, groupId=GROUP))) as (adapter, carrier):
        seen = adapter.read(ICCID, OpenGate())
        assert (seen.state, seen.word) == (STATES.get(word, SimState.UNKNOWN), word)
        assert (seen.carrier_reference, seen.plan_reference) == (ICCID, GROUP)
        assert carrier.asked[-1].path == f"/v1/sims/{ICCID}"


def test_an_answer_ends_an_action_by_the_same_words_as_a_read_and_every_state_has_a_word() -> None:
    for action, words in DONE_WORDS.items():
        assert words == {word for word, state in STATES.items() if state in WANTED[action]}
    assert set(CAPABILITIES.states) <= set(STATES.values())


@pytest.mark.parametrize("word", ["ready", "standby"])
def test_a_sim_that_would_connect_is_ready_also_where_a_claim_says_so(word: str) -> None:
    for replies in ([Canned(201, sim(word))], [REFUSED, Canned(200, sim(word))]):
        with talking(*replies) as (adapter, _):
            (answer,) = adapter.submit([CLAIM], OpenGate())
            assert (answer.kind, answer.state) == (AnswerKind.DONE, SimState.READY)
    with talking(Canned(200, sim(word))) as (adapter, _):
        assert adapter.read(ICCID, OpenGate()).state is SimState.READY


def test_an_euicc_is_known_by_the_iccids_of_its_profiles() -> None:
    subscriber = {"imsi": "295050123456789", "msisdn": "423663012345678"}
    profile = {"iccid": ICCID, "primaryImsi": "295050123456789", "subscribers": {"295050123456789": subscriber}}
    euicc = sim("active", "89049032000000000000000000000001", activeProfileId=ICCID, profiles={ICCID: profile})
    with talking(Canned(200, euicc)) as (adapter, _):
        seen = adapter.read(ICCID, OpenGate())
        assert (seen.iccid, seen.carrier_reference) == (ICCID, "89049032000000000000000000000001")
        assert (seen.imsi, seen.msisdn) == ("295050123456789", "423663012345678")


def test_what_has_no_iccid_is_not_listed() -> None:
    with talking(Canned(200, [sim("active", "virtual-1"), sim("active")])) as (adapter, _):
        assert [one.iccid for one in adapter.page(SimQuery(), None, OpenGate()).sims] == [ICCID]


def day(unixtime: object, **classes: object) -> dict[str, object]:
    traffic = {name.replace("_", "."): counts for name, counts in classes.items()}
    return {"date": "20260318", "unixtime": unixtime, "dataTrafficStatsMap": traffic}


MARCH_18 = 1773792000
BOTH_WAYS = {"uploadByteSizeTotal": 100, "downloadByteSizeTotal": 200, "uploadPacketSizeTotal": 3}
ON_THE_18TH = UsageQuery(date(2026, 3, 18), date(2026, 3, 18), ICCID, ICCID)


def test_traffic_is_the_sum_of_both_directions_and_all_speed_classes_and_a_missing_day_stays_missing() -> None:
    days = [day(MARCH_18, s1_fast=BOTH_WAYS, s1_4xfast=BOTH_WAYS), day(MARCH_18 + 86_400, s1_fast=BOTH_WAYS)]
    with talking(Canned(200, days)) as (adapter, carrier):
        asked_for = replace(ON_THE_18TH, first=date(2026, 3, 17))
        (told,) = adapter.usage(asked_for, None, OpenGate()).usages
        assert (told.first, told.last, told.total_bytes) == (date(2026, 3, 18), date(2026, 3, 18), 600)
        assert carrier.asked[-1].path == f"/v1/stats/air/sims/{ICCID}"
        assert carrier.asked[-1].query == {"from": str(MARCH_18 - 86_400), "to": str(MARCH_18), "period": "day"}


@pytest.mark.parametrize("reply", [NOT_THERE, Canned(200, [])])
def test_a_sim_that_is_terminated_or_was_silent_has_no_traffic_to_tell(reply: Canned) -> None:
    with talking(reply) as (adapter, _):
        assert adapter.usage(ON_THE_18TH, None, OpenGate()).usages == ()


@pytest.mark.parametrize(
    "document",
    [
        {},
        [1],
        [{"date": "20260318"}],
        [day("noon")],
        [day(10**20)],
        [day(MARCH_18, s1_fast={"uploadByteSizeTotal": 1.5})],
        [day(MARCH_18, s1_fast={"uploadByteSizeTotal": -1})],
        [day(MARCH_18, s1_fast=7)],
    ],
)
def test_traffic_that_makes_no_sense_has_failed(document: object) -> None:
    with talking(Canned(200, document)) as (adapter, _), pytest.raises(ReadFailed):
        adapter.usage(ON_THE_18TH, None, OpenGate())


def test_a_429_without_a_time_waits_for_the_minute_to_be_over() -> None:
    with talking(no(429)) as (adapter, _):
        gate = CountingGate()
        with pytest.raises(LimitReached):
            adapter.submit([CHANGE], gate)
        assert gate.waits == [60.0]


def test_the_version_in_the_base_url_is_not_doubled() -> None:
    with CannedCarrier(TOKEN, Canned(200, [])) as carrier:
        sentence = Soracom.open(CarrierAccount("test", "soracom", f"{carrier.url}/v1/", {}, CREDENTIALS)).check()
        assert [asked.path for asked in carrier.asked] == ["/v1/auth", "/v1/sims"]
        assert "Global coverage (127.0.0.1" in sentence


def test_without_a_batch_group_each_sim_is_a_request_and_no_job_is_followed() -> None:
    with talking(Canned(500)) as (adapter, _):
        can = adapter.capabilities
        assert (can.orders_per_request, can.follows) == (1, False)
        assert can.quiet_seconds < CAPABILITIES.quiet_seconds


def test_sims_that_are_delivered_registered_are_not_claimed() -> None:
    with talking(Canned(500), registration="done", batch_group="aaaa1111") as (adapter, _):
        can = adapter.capabilities
        assert (can.claims, can.needs_registration_code, can.orders_per_request) == (False, False, 10_000)


@pytest.mark.parametrize(
    ("url", "options", "secrets", "sentence"),
    [
        ("https://example.com", {}, {"auth_key_id": "k"}, "lacks its secret auth_key"),
        ("https://example.com", {}, {}, "lacks its secret auth_key_id and auth_key"),
        ("https://example.com", {"registration": "perhaps"}, CREDENTIALS, "perhaps"),
        ("https://example.com", {"batch_group": "a/b"}, CREDENTIALS, "no id of a batch group"),
        (
            "https://g.example.com",
            {"japan_url": "https://example.com", "batch_group": "aaaa1111"},
            CREDENTIALS,
            "japan_batch_group",
        ),
        ("http://example.com", {}, CREDENTIALS, "https"),
        ("https://g.example.com", {"japan_url": "http://example.com"}, CREDENTIALS, "https"),
    ],
)
def test_an_account_that_cannot_work_says_what_to_mend(
    url: str, options: dict[str, str], secrets: dict[str, str], sentence: str
) -> None:
    with pytest.raises(CarrierError, match=sentence):
        Soracom.open(CarrierAccount("test", "soracom", url, options, secrets))
