"""Particle: the contract, and the wire in a table."""

import json
from dataclasses import dataclass, replace
from datetime import date

import pytest

from carriers.contract import AnswerKind, CarrierAccount, OpenGate, Order, SimQuery, UsageQuery
from carriers.errors import CarrierError, CredentialsRefused, LimitReached, OutcomeUnknown, ReadFailed
from carriers.particle import BLIND_WAIT_SECONDS, CAPABILITIES, CHANGING, STATES, Particle
from carriers.simulated.faults import Fault, RequestKind
from carriers.simulated.particle import CREDENTIALS
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

PARTICLE = Subject(
    "particle", "8934076", shows_plan=False, shows_change=False, answers_with_state=False, renews_tokens=False
)
ICCID, SECOND, THIRD = (PARTICLE.iccid(number) for number in (1, 2, 3))
SIMS = "/v1/products/tracker-v2/sims"
OUTSIDE = {"ok": False, "error": "SIM card not found"}
WELL = Canned(200, {"sims": [], "meta": {"total_pages": 0}})


class OfOneProduct(Contract):
    subject = PARTICLE

    def account_options(self, url: str) -> dict[str, str]:  # noqa: ARG002
        return {"product": "tracker-v2"}


class TestParticle(OfOneProduct, CarrierContract):
    pass


class TestFaults(OfOneProduct, CarrierFaultsContract):
    pass


class TestSecrets(OfOneProduct, SecretsContract):
    pass


class TestImports(OfOneProduct):
    """What an importing carrier has besides."""

    def test_an_import_says_nothing_of_its_sims_and_they_are_absent_until_they_are_active(self, world: World) -> None:
        world.fails(Fault.STUCK, RequestKind.ACTIVATE)
        answer = world.change(Action.ACTIVATE, None)
        assert (answer.kind, answer.carrier_reference) == (AnswerKind.QUEUED, None)
        assert (world.read().state, world.listed()) == (SimState.ABSENT, [])

    def test_a_repeated_import_of_what_is_under_way_or_true_has_no_effect(self, world: World) -> None:
        for _ in range(2):
            assert world.change(Action.ACTIVATE, None).kind is AnswerKind.QUEUED
        world.settled(SimState.ACTIVE)
        assert world.change(Action.ACTIVATE, None).kind is AnswerKind.QUEUED
        assert world.effects(RequestKind.ACTIVATE) == 1

    def test_a_sim_whose_first_activation_failed_is_imported_again_because_it_has_no_reference(
        self, world: World
    ) -> None:
        world.fails(Fault.FALLS_BACK, RequestKind.ACTIVATE, first=1)
        world.change(Action.ACTIVATE, None)
        fallen = world.settled(SimState.INACTIVE)
        assert (fallen.state, fallen.carrier_reference) == (SimState.INACTIVE, None)
        assert world.change(Action.ACTIVATE, fallen.carrier_reference).kind is AnswerKind.QUEUED
        assert world.settled(SimState.ACTIVE).carrier_reference == world.iccid

    def test_a_sim_that_was_released_can_be_imported_again(self, world: World) -> None:
        world.active()
        world.change(Action.RELEASE, world.iccid)
        world.settled(SimState.ABSENT)
        world.change(Action.ACTIVATE, None)
        assert world.settled(SimState.ACTIVE).state is SimState.ACTIVE


def sim(status: str, iccid: str = ICCID) -> dict[str, object]:
    return {"_id": iccid, "status": status, CHANGING: False}


def account(url: str = "https://api.example.com") -> CarrierAccount:
    return CarrierAccount("test", "particle", url, {"product": "tracker-v2"}, CREDENTIALS, 5.0)


def order(action: Action, iccid: str = ICCID, *, reference: str | None = None, country: str | None = "DE") -> Order:
    return Order(iccid, action, Stage.CHANGE, reference, home_country=country)


IMPORT = order(Action.ACTIVATE)
REACTIVATE = order(Action.ACTIVATE, reference=ICCID)
DEACTIVATE = order(Action.DEACTIVATE, reference=ICCID)
RELEASE = order(Action.RELEASE, reference=ICCID)


@dataclass(frozen=True)
class Case:
    """A row of the wire: the carrier's reply, and what we make of it."""

    label: str
    order: Order
    reply: Canned
    kind: AnswerKind | type[CarrierError]
    reason: str = ""


CASES = [
    Case("import queued", IMPORT, Canned(200, {"ok": True}), AnswerKind.QUEUED, "queued"),
    Case("import not ok", IMPORT, Canned(200, OUTSIDE), AnswerKind.UNKNOWN, "not_taken"),
    Case("import without a word", IMPORT, Canned(200, {}), AnswerKind.UNKNOWN, "not_taken"),
    Case("import answered by a list", IMPORT, Canned(200, [1]), AnswerKind.UNKNOWN, "not_taken"),
    Case("import without a body", IMPORT, Canned(204), AnswerKind.UNKNOWN, "not_taken"),
    Case("import refused", IMPORT, Canned(400, {"ok": False, "error": "country"}), AnswerKind.REJECTED, "refused"),
    Case("import conflict", IMPORT, Canned(409, {"ok": False, "error": "busy"}), AnswerKind.UNKNOWN, "conflict"),
    Case("import timed out", IMPORT, Canned(408, {"ok": False, "error": "timeout"}), OutcomeUnknown),
    Case("import timed out behind", IMPORT, Canned(504, {"ok": False, "error": "timeout"}), OutcomeUnknown),
    Case("import into no product", IMPORT, Canned(404, OUTSIDE), CredentialsRefused),
    Case("import without a right", IMPORT, Canned(403, {"ok": False, "error": "no"}), CredentialsRefused),
    Case("import without payment", IMPORT, Canned(402, {"ok": False, "error": "pay"}), CredentialsRefused),
    Case("import with a wrong token", IMPORT, Canned(401, {"error": "invalid_token"}), CredentialsRefused),
    Case("a proxy's 400", IMPORT, Canned(400, b"<html>"), OutcomeUnknown),
    Case("reactivation", REACTIVATE, Canned(200, {"ok": True}), AnswerKind.ACCEPTED, "reactivate"),
    Case("reactivation shown", REACTIVATE, Canned(200, sim("active")), AnswerKind.ACCEPTED, "reactivate"),
    Case("reactivation without a body", REACTIVATE, Canned(204), AnswerKind.ACCEPTED, "reactivate"),
    Case("reactivation not ok", REACTIVATE, Canned(200, OUTSIDE), AnswerKind.UNKNOWN, "not_taken"),
    Case("reactivation of what is gone", REACTIVATE, Canned(404, OUTSIDE), AnswerKind.UNKNOWN, "not_in_product"),
    Case("reactivation timed out", REACTIVATE, Canned(408, OUTSIDE), OutcomeUnknown),
    Case("reactivation without a right", REACTIVATE, Canned(403, b""), CredentialsRefused),
    Case("deactivation", DEACTIVATE, Canned(200, {"ok": True}), AnswerKind.ACCEPTED, "deactivate"),
    Case("deactivation refused", DEACTIVATE, Canned(400, OUTSIDE), AnswerKind.REJECTED, "refused"),
    Case("release done", RELEASE, Canned(204), AnswerKind.DONE, "released"),
    Case("release pending", RELEASE, Canned(202), AnswerKind.ACCEPTED, "release_pending"),
    Case("release of what is gone", RELEASE, Canned(404, OUTSIDE), AnswerKind.UNKNOWN, "not_in_product"),
]
ASKED = {
    IMPORT: ("POST", SIMS, {"sims": [ICCID], "country": "DE"}),
    REACTIVATE: ("PUT", f"{SIMS}/{ICCID}", {"action": "reactivate"}),
    DEACTIVATE: ("PUT", f"{SIMS}/{ICCID}", {"action": "deactivate"}),
    RELEASE: ("DELETE", f"{SIMS}/{ICCID}", None),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_a_changing_request_is_answered_by_the_table(case: Case) -> None:
    with CannedCarrier(case.reply) as carrier:
        adapter = Particle.open(account(carrier.url))
        if isinstance(case.kind, type):
            with pytest.raises(case.kind):
                adapter.submit([case.order], OpenGate())
        else:
            (answer,) = adapter.submit([case.order], OpenGate())
            assert (answer.iccid, answer.kind, answer.reason) == (ICCID, case.kind, case.reason)
        (asked,) = carrier.asked
        assert (asked.method, asked.path, json.loads(asked.body or "null")) == ASKED[case.order]
        assert asked.headers["Authorization"] == f"Bearer {CREDENTIALS['access_token']}"


def test_an_import_names_all_sims_of_its_country_and_every_one_is_answered() -> None:
    orders = [order(Action.ACTIVATE, iccid, country="FR") for iccid in (ICCID, SECOND, THIRD)]
    with CannedCarrier(Canned(200, {"ok": True})) as carrier:
        answers = Particle.open(account(carrier.url)).submit(orders, OpenGate())
        assert [(one.iccid, one.kind) for one in answers] == [
            (iccid, AnswerKind.QUEUED) for iccid in (ICCID, SECOND, THIRD)
        ]
        assert json.loads(carrier.asked[0].body) == {"sims": [ICCID, SECOND, THIRD], "country": "FR"}


def test_an_import_without_a_home_country_is_rejected_unsent() -> None:
    with CannedCarrier(Canned(500)) as carrier:
        (answer,) = Particle.open(account(carrier.url)).submit([order(Action.ACTIVATE, country=None)], OpenGate())
        assert (answer.kind, answer.reason, carrier.asked) == (AnswerKind.REJECTED, "no_home_country", [])


def test_imports_share_a_request_within_a_country_and_nothing_else_shares_any() -> None:
    batch_of = Particle.open(account()).batch_of
    assert batch_of(IMPORT) == batch_of(order(Action.ACTIVATE, SECOND))
    assert batch_of(IMPORT) != batch_of(order(Action.ACTIVATE, SECOND, country="FR"))
    alone = [REACTIVATE, order(Action.ACTIVATE, SECOND, reference=SECOND), IMPORT]
    assert len(set(map(batch_of, alone))) == 3
    assert batch_of(DEACTIVATE) != batch_of(order(Action.DEACTIVATE, SECOND, reference=SECOND))
    assert batch_of(RELEASE) != batch_of(order(Action.RELEASE, SECOND))


@pytest.mark.parametrize(
    ("status", "changing", "state", "reference"),
    [
        ("never_before_activated", False, SimState.INACTIVE, None),
        ("never_before_activated", True, SimState.ACTIVATING, None),
        ("active", False, SimState.ACTIVE, ICCID),
        ("active", True, SimState.ACTIVATING, ICCID),
        ("inactive_user_deactivated", False, SimState.DEACTIVATED, ICCID),
        ("inactive_user_deactivated", True, SimState.ACTIVATING, ICCID),
        ("inactive_data_limit_reached", False, SimState.BARRED, ICCID),
        ("inactive_invalid_payment_method", False, SimState.BARRED, ICCID),
        ("resting", False, SimState.UNKNOWN, None),
        ("resting", True, SimState.UNKNOWN, None),
        ("", False, SimState.UNKNOWN, None),
    ],
)
def test_each_status_word_has_its_state_and_a_sim_its_reference_once_it_was_active(
    status: str, changing: bool, state: SimState, reference: str | None
) -> None:
    with CannedCarrier(Canned(200, sim(status) | {CHANGING: changing, "msisdn": "8823"})) as carrier:
        read = Particle.open(account(carrier.url)).read(ICCID, OpenGate())
        assert (read.iccid, read.state, read.word, read.carrier_reference) == (ICCID, state, status, reference)
        assert (read.msisdn, carrier.asked[0].path) == ("8823", f"{SIMS}/{ICCID}")


@pytest.mark.parametrize(("status", "word"), [(404, ""), (403, "not ours (403)")])
def test_a_sim_that_a_product_does_not_show_is_absent_when_the_product_is_there(status: int, word: str) -> None:
    with CannedCarrier(Canned(status, OUTSIDE), WELL) as carrier:
        read = Particle.open(account(carrier.url)).read(ICCID, OpenGate())
        assert (read.state, read.word) == (SimState.ABSENT, word)
        assert [asked.path for asked in carrier.asked] == [f"{SIMS}/{ICCID}", SIMS]


def test_that_a_product_is_there_is_asked_once() -> None:
    gate = CountingGate()
    with CannedCarrier(Canned(404, OUTSIDE), WELL, Canned(404, OUTSIDE)) as carrier:
        adapter = Particle.open(account(carrier.url))
        assert {adapter.read(iccid, gate).state for iccid in (ICCID, SECOND)} == {SimState.ABSENT}
        assert gate.passed == 3


@pytest.mark.parametrize("status", [403, 404])
def test_in_a_product_that_is_not_there_no_sim_is_absent(status: int) -> None:
    with CannedCarrier(Canned(status, OUTSIDE)) as carrier:
        adapter = Particle.open(account(carrier.url))
        for request in (adapter.check, lambda: adapter.read(ICCID, OpenGate())):
            with pytest.raises(CredentialsRefused, match="product"):
                request()


@pytest.mark.parametrize(
    "reply",
    [
        Canned(200, sim("active", iccid=SECOND)),
        Canned(200, {"ok": False, "error": "busy"}),
        Canned(200, [sim("active")]),
        Canned(200),
        Canned(400, {"ok": False, "error": "ICCID"}),
        Canned(404, b"<html>"),
    ],
)
def test_a_read_that_tells_nothing_of_this_sim_has_failed(reply: Canned) -> None:
    with CannedCarrier(reply) as carrier, pytest.raises(ReadFailed):
        Particle.open(account(carrier.url)).read(ICCID, OpenGate())


def test_an_iccid_with_blanks_is_the_same_sim() -> None:
    with CannedCarrier(Canned(200, sim("active", iccid=f"{ICCID[:4]} {ICCID[4:]}"))) as carrier:
        assert Particle.open(account(carrier.url)).read(ICCID, OpenGate()).carrier_reference == ICCID


def page_of(*iccids: str, pages: object = 2) -> Canned:
    return Canned(200, {"sims": [sim("active", iccid) for iccid in iccids], "meta": {"total_pages": pages}})


def test_pages_are_asked_by_number_until_the_last() -> None:
    with CannedCarrier(page_of(ICCID, SECOND), page_of(THIRD)) as carrier:
        adapter = Particle.open(account(carrier.url))
        first = adapter.page(SimQuery(SimState.ACTIVE), None, OpenGate())
        second = adapter.page(SimQuery(SimState.ACTIVE), first.next_cursor, OpenGate())
        assert [one.iccid for one in (*first.sims, *second.sims)] == [ICCID, SECOND, THIRD]
        assert second.next_cursor is None
        assert [asked.query for asked in carrier.asked] == [{"page": page, "perPage": "100"} for page in "12"]


def test_a_page_that_comes_again_is_a_circle() -> None:
    with CannedCarrier(page_of(ICCID, SECOND, pages=9)) as carrier:
        adapter = Particle.open(account(carrier.url))
        following = adapter.page(SimQuery(), None, OpenGate()).next_cursor
        with pytest.raises(ReadFailed, match="circle"):
            adapter.page(SimQuery(), following, OpenGate())


@pytest.mark.parametrize("document", [{}, [], {"sims": 1}, {"sims": [1]}, {"sims": []}, {"sims": [], "meta": {}}])
def test_a_listing_without_its_sims_or_its_number_of_pages_has_failed(document: object) -> None:
    with CannedCarrier(Canned(200, document)) as carrier, pytest.raises(ReadFailed):
        Particle.open(account(carrier.url)).page(SimQuery(), None, OpenGate())


MAY = UsageQuery(date(2026, 5, 1), date(2026, 5, 31), ICCID)


def used(*days: tuple[str, str], iccid: str = ICCID) -> Canned:
    """Usage with its numbers as they stand in the text."""
    by_day = ", ".join(f'{{"date": "{day}", "mbs_used": {mbs}, "mbs_used_cumulative": 9.9}}' for day, mbs in days)
    return Canned(200, f'{{"ok": true, "iccid": "{iccid}", "usage_by_day": [{by_day}]}}'.encode())


@pytest.mark.parametrize(
    ("megabytes", "whole"),
    [
        ("0", 0),
        ("1", 1_000_000),
        ("0.1", 100_000),
        ("0.000001", 1),
        ("1e-6", 1),
        ("0.0000004", 0),
        ("0.0000005", 1),
        ("1.005", 1_005_000),
        ("4.35", 4_350_000),
        ("1234567.891234", 1_234_567_891_234),
    ],
)
def test_megabytes_become_the_bytes_that_their_digits_say(megabytes: str, whole: int) -> None:
    with CannedCarrier(used(("2026-05-03", megabytes))) as carrier:
        (usage,) = Particle.open(account(carrier.url)).usage(MAY, None, OpenGate()).usages
        assert (usage.total_bytes, usage.first, usage.last) == (whole, date(2026, 5, 3), date(2026, 5, 3))
        assert (usage.iccid, carrier.asked[0].path) == (ICCID, f"{SIMS}/{ICCID}/data_usage")


def test_only_days_that_were_asked_for_and_that_are_told_are_given() -> None:
    days = [("2026-04-30", "1"), ("2026-05-01", "2"), ("2026-05-04T00:00:00.000Z", "3"), ("2026-05-05", "null")]
    with CannedCarrier(used(*days, ("2026-06-01", "4"))) as carrier:
        usages = Particle.open(account(carrier.url)).usage(MAY, None, OpenGate()).usages
        assert {(one.first.day, one.total_bytes) for one in usages} == {(1, 2_000_000), (4, 3_000_000)}


def test_a_sim_outside_the_product_has_no_usage() -> None:
    with CannedCarrier(Canned(404, OUTSIDE), WELL) as carrier:
        assert Particle.open(account(carrier.url)).usage(MAY, None, OpenGate()).usages == ()


@pytest.mark.parametrize(
    "reply",
    [
        used(("2026-05-03", "-1")),
        used(("2026-05-03", "true")),
        used(("2026-05-03", "NaN")),
        used(("soon", "1")),
        used(iccid=SECOND),
        Canned(200, {"iccid": ICCID}),
        Canned(200, {"iccid": ICCID, "usage_by_day": [7]}),
    ],
)
def test_usage_that_makes_no_sense_is_not_read(reply: Canned) -> None:
    with CannedCarrier(reply) as carrier, pytest.raises(ReadFailed):
        Particle.open(account(carrier.url)).usage(MAY, None, OpenGate())


def test_usage_is_asked_of_one_sim() -> None:
    with pytest.raises(ReadFailed, match="ICCID"):
        Particle.open(account()).usage(replace(MAY, iccid=None), None, OpenGate())


def test_a_429_waits_blindly() -> None:
    gate = CountingGate()
    with CannedCarrier(Canned(429, {"ok": False, "error": "slow down"})) as carrier, pytest.raises(LimitReached):
        Particle.open(account(carrier.url)).read(ICCID, gate)
    assert gate.waits == [BLIND_WAIT_SECONDS]


def test_the_version_in_the_base_url_is_not_doubled() -> None:
    with CannedCarrier(WELL) as carrier:
        Particle.open(account(f"{carrier.url}/v1/")).check()
        assert carrier.asked[0].path == SIMS


def test_every_state_that_can_be_asked_for_has_a_word_or_is_absence() -> None:
    assert set(CAPABILITIES.states) - {SimState.RELEASED} <= set(STATES.values())


def test_a_listing_that_makes_no_sense_does_not_prove_that_the_product_is_there() -> None:
    with CannedCarrier(Canned(404, OUTSIDE), Canned(200, {"ok": True})) as carrier, pytest.raises(ReadFailed):
        Particle.open(account(carrier.url)).read(ICCID, OpenGate())


@pytest.mark.parametrize(
    ("options", "secrets", "sentence"),
    [
        ({"product": "1234"}, {}, "lacks its secret access_token"),
        ({}, CREDENTIALS, "option `product` is ''"),
        ({"product": "../users"}, CREDENTIALS, "id or slug of a product"),
    ],
)
def test_an_account_that_cannot_work_says_what_to_mend(
    options: dict[str, str], secrets: dict[str, str], sentence: str
) -> None:
    with pytest.raises(CarrierError, match=sentence):
        Particle.open(CarrierAccount("test", "particle", "https://example.com", options, secrets))


def test_the_code_of_a_manifest_is_not_sent() -> None:
    with CannedCarrier(Canned(200, {"ok": True})) as carrier:
        coded = replace(IMPORT, registration_code=code_of(ICCID))
        Particle.open(account(carrier.url)).submit([coded], OpenGate())
        assert code_of(ICCID).encode() not in carrier.asked[0].body
