"""Soracom: the contract, its two coverages, its jobs and its termination protection."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import requests

from carriers.contract import Answer, AnswerKind, OpenGate, Order, SimQuery, UsageQuery
from carriers.errors import LimitReached, NotSent, ReadFailed
from carriers.simulated.faults import Fault, RequestKind
from carriers.simulated.soracom import CREDENTIALS
from carriers.simulated.soracom_jobs import BATCH_GROUPS
from carriers.soracom import Soracom
from domain.lifecycle import Action, SimState, Stage
from tests.carriers.contract_suite import (
    CarrierContract,
    CarrierFaultsContract,
    Contract,
    SecretsContract,
    World,
    code_of,
)
from tests.carriers.soracom_canned import SORACOM

JAPANS = replace(SORACOM, issuer="8981100", home_country="JP")


def both(url: str) -> dict[str, str]:
    """The options of an account with both coverages and their batch groups."""
    groups = {"batch_group": BATCH_GROUPS["g"], "japan_batch_group": BATCH_GROUPS["jp"]}
    return {"japan_url": url.replace("127.0.0.1", "localhost"), **groups}


class Whole(Contract):
    subject = SORACOM

    def account_options(self, url: str) -> dict[str, str]:
        return both(url)


class InJapan(Whole):
    subject = JAPANS


class OneByOne(Contract):
    """Without batch groups and without Japan."""

    subject = SORACOM


class TestGlobal(Whole, CarrierContract):
    pass


class TestJapan(InJapan, CarrierContract):
    pass


class TestOneByOne(OneByOne, CarrierContract):
    pass


class TestFaultsGlobal(Whole, CarrierFaultsContract):
    pass


class TestFaultsJapan(InJapan, CarrierFaultsContract):
    pass


class TestSecrets(Whole, SecretsContract):
    pass


class TestTwoCoverages(Whole):
    """One account at both: each SIM belongs to the coverage of its home country."""

    def both_sims(self, world: World) -> tuple[str, str]:
        iccids = SORACOM.iccid(1), JAPANS.iccid(1)
        for iccid in iccids:
            world.server.carrier.fleet.add_card(iccid, code_of(iccid))
        return iccids

    def order(self, iccid: str, country: str, action: Action = Action.ACTIVATE) -> Order:
        return Order(iccid, action, Stage.CHANGE, home_country=country)

    def test_each_sim_is_registered_at_its_own_and_read_and_listed_with_the_others(self, world: World) -> None:
        abroad, at_home = self.both_sims(world)
        for iccid, country in ((abroad, "DE"), (at_home, "JP")):
            claim = replace(world.claim_of(iccid), home_country=country)
            assert world.submit([claim])[0].kind is AnswerKind.DONE
        assert [world.read(iccid).state for iccid in (abroad, at_home)] == [SimState.READY] * 2
        assert [sim.iccid for sim in world.listed()] == [abroad, at_home]

    def test_a_page_of_global_is_followed_by_one_of_japan_and_the_cursor_says_which(self, world: World) -> None:
        for iccid in self.both_sims(world):
            world.server.carrier.fleet.put(iccid, SimState.ACTIVE, None)
        first = world.carrier.page(SimQuery(), None, OpenGate())
        assert ([sim.iccid for sim in first.sims], first.next_cursor) == ([SORACOM.iccid(1)], "jp:")
        last = world.carrier.page(SimQuery(), first.next_cursor, OpenGate())
        assert ([sim.iccid for sim in last.sims], last.next_cursor) == ([JAPANS.iccid(1)], None)

    def test_a_cursor_of_another_coverage_is_refused_by_name(self, world: World) -> None:
        with pytest.raises(ReadFailed, match="'eu'"):
            world.carrier.page(SimQuery(), "eu:K1", OpenGate())

    def test_no_job_holds_sims_of_both(self, world: World) -> None:
        abroad, at_home = (world.carrier.batch_of(self.order("89", country)) for country in ("DE", "JP"))
        assert abroad != at_home
        assert world.carrier.batch_of(self.order("89", "US")) == abroad

    def test_a_sim_of_japan_that_is_sent_abroad_needs_a_person(self, world: World) -> None:
        _, at_home = self.both_sims(world)
        world.server.carrier.fleet.put(at_home, SimState.INACTIVE, None)
        (answer,) = world.submit([self.order(at_home, "DE")])
        assert (answer.kind, answer.reason) == (AnswerKind.REVIEW, "other_coverage")
        (claimed,) = world.submit([replace(world.claim_of(at_home), home_country="DE")])
        assert (claimed.kind, claimed.reason) == (AnswerKind.REVIEW, "other_coverage")
        assert world.read(at_home).state is SimState.READY

    def test_a_release_at_the_wrong_coverage_is_not_taken_for_done(self, world: World) -> None:
        _, at_home = self.both_sims(world)
        world.server.carrier.fleet.put(at_home, SimState.ACTIVE, None)
        (answer,) = world.submit([self.order(at_home, "DE", Action.RELEASE)])
        assert (answer.kind, world.read(at_home).state) == (AnswerKind.REVIEW, SimState.ACTIVE)

    def test_the_token_of_one_is_not_good_for_the_other(self, world: World) -> None:
        world.carrier.check()
        tokens = [entry for entry in world.server.carrier.log.entries() if entry.kind is RequestKind.TOKEN]
        assert len(tokens) == 2

    def test_traffic_in_japan_is_found_too(self, world: World) -> None:
        _, at_home = self.both_sims(world)
        today = datetime.now(UTC).date()
        world.server.carrier.fleet.put(at_home, SimState.ACTIVE, None)
        world.server.carrier.fleet.put_usage(at_home, today, 1234)
        carrier = world.carrier
        assert isinstance(carrier, Soracom)
        (told,) = carrier.usage(UsageQuery(today, today, at_home), None, OpenGate()).usages
        assert (told.total_bytes, told.iccid) == (1234, at_home)


class TestJapansSimsWithoutJapan(OneByOne):
    def test_an_account_with_one_coverage_sends_everything_there(self, world: World) -> None:
        order = Order(world.iccid, Action.ACTIVATE, Stage.CHANGE, home_country="JP")
        world.own()
        assert world.submit([order])[0].kind is AnswerKind.DONE


class TestJobs(Whole):
    def start(self, world: World, count: int, action: Action = Action.ACTIVATE) -> Sequence[Answer]:
        orders = [self.order(world, number, action) for number in range(count)]
        return world.submit(orders)

    def order(self, world: World, number: int, action: Action = Action.ACTIVATE) -> Order:
        iccid = world.subject.iccid(500 + number)
        if world.server.carrier.fleet.find(iccid) is None:
            world.server.carrier.fleet.put(iccid, SimState.INACTIVE, None)
        return Order(iccid, action, Stage.CHANGE, home_country="DE")

    def follow(self, world: World, answers: Sequence[Answer]) -> list[Answer]:
        carrier = world.carrier
        assert isinstance(carrier, Soracom)
        return list(carrier.follow(answers[0].carrier_request or "", [one.iccid for one in answers], OpenGate()))

    def test_ten_thousand_sims_are_one_request_and_one_more_says_that_all_are_done(self, world: World) -> None:
        world.carrier.check()
        before = len(world.server.carrier.log.entries())
        answers = self.start(world, 10_000)
        assert {answer.kind for answer in answers} == {AnswerKind.ACCEPTED}
        world.settled(SimState.ACTIVE, iccid=answers[-1].iccid)
        reads = sum(entry.kind is RequestKind.READ for entry in world.server.carrier.log.entries())
        assert {answer.kind for answer in self.follow(world, answers)} == {AnswerKind.DONE}
        assert len(world.server.carrier.log.entries()) - before - reads == 2

    def test_a_token_that_expires_before_a_job_is_renewed_and_the_job_begun_once(self, world: World) -> None:
        world.carrier.check()
        world.fails(Fault.TOKEN_EXPIRES, RequestKind.ACTIVATE, first=1)
        answers = self.start(world, 3)
        assert {answer.kind for answer in answers} == {AnswerKind.ACCEPTED}
        assert [world.effects(RequestKind.ACTIVATE, answer.iccid) for answer in answers] == [1, 1, 1]

    def test_while_one_job_runs_another_of_its_action_is_told_to_come_back(self, world: World) -> None:
        world.server.carrier.fleet.activation_seconds = 30.0
        self.start(world, 3)
        orders = [self.order(world, number) for number in range(10, 5_010)]
        with pytest.raises(NotSent) as sent:
            world.submit(orders)
        assert not isinstance(sent.value, LimitReached)
        assert sent.value.retry_after_seconds == 150.0
        assert {answer.kind for answer in self.start(world, 3, Action.DEACTIVATE)} == {AnswerKind.ACCEPTED}

    def test_a_running_job_is_under_way_for_all_of_its_sims(self, world: World) -> None:
        world.server.carrier.fleet.activation_seconds = 30.0
        answers = self.start(world, 3)
        assert {one.kind for one in self.follow(world, answers)} == {AnswerKind.ACCEPTED}

    def test_of_a_failed_job_only_the_errors_are_asked_for_in_as_many_pages_as_they_need(self, world: World) -> None:
        bad = {world.subject.iccid(500 + number) for number in range(150)}
        world.fails(Fault.FALLS_BACK, RequestKind.ACTIVATE, iccids=frozenset(bad))
        answers = self.start(world, 300)
        world.settled(SimState.ACTIVE, iccid=answers[-1].iccid)
        asked = len(self.asked_about_jobs(world))
        told = self.follow(world, answers)
        assert {one.iccid for one in told if one.kind is AnswerKind.REJECTED} == bad
        assert {one.kind for one in told if one.iccid not in bad} == {AnswerKind.DONE}
        assert len(self.asked_about_jobs(world)) - asked == 3

    def asked_about_jobs(self, world: World) -> list[str]:
        return [entry.path for entry in world.server.carrier.log.entries() if entry.kind is RequestKind.FOLLOW]

    def test_a_stopped_job_tells_nothing_of_the_sims_that_it_left_out(self, world: World) -> None:
        left_out = world.subject.iccid(500)
        world.fails(Fault.STUCK, RequestKind.ACTIVATE, iccids=frozenset({left_out}))
        answers = self.start(world, 3)
        world.settled(SimState.ACTIVE, iccid=answers[-1].iccid)
        kinds = {one.iccid: one.kind for one in self.follow(world, answers)}
        assert kinds.pop(left_out) is AnswerKind.UNKNOWN
        assert set(kinds.values()) == {AnswerKind.DONE}

    def test_a_job_that_is_kept_no_longer_tells_nothing(self, world: World) -> None:
        group = BATCH_GROUPS["g"]
        for name in (f"g/{group}/job99999999", f"eu/{group}/job1", "../../v1/auth", ""):
            (one,) = self.follow(world, [Answer(world.iccid, AnswerKind.ACCEPTED, carrier_request=name)])
            assert (one.kind, one.reason) == (AnswerKind.UNKNOWN, "no_such_job")

    def test_terminations_and_sims_whose_sim_id_is_no_iccid_go_alone(self, world: World) -> None:
        first, second = (self.order(world, number) for number in (1, 2))
        batch_of = world.carrier.batch_of
        assert batch_of(first) == batch_of(second) == batch_of(replace(second, carrier_reference=second.iccid))
        assert batch_of(replace(second, carrier_reference="890000")) not in (batch_of(first), batch_of(second))
        releases = [replace(order, action=Action.RELEASE) for order in (first, second)]
        assert len({batch_of(order) for order in releases}) == 2
        at_most = world.carrier.capabilities.at_most
        assert [at_most(Stage.CHANGE, action) for action in Action] == [10_000, 10_000, 1]


class TestTermination(Whole):
    def test_a_protected_sim_is_refused_and_its_protection_stays(self, world: World) -> None:
        reference = world.active()
        by_hand(world, "disable_termination")
        answer = world.change(Action.RELEASE, reference)
        assert (answer.kind, answer.reason) == (AnswerKind.REJECTED, "termination_protected")
        assert world.read().state is SimState.ACTIVE
        assert not [entry for entry in world.server.carrier.log.entries() if entry.path.endswith("enable_termination")]

    def test_a_sim_whose_protection_a_person_lifted_is_terminated(self, world: World) -> None:
        reference = world.active()
        by_hand(world, "disable_termination")
        by_hand(world, "enable_termination")
        assert world.change(Action.RELEASE, reference).kind is AnswerKind.DONE
        assert world.read().state is SimState.ABSENT
        assert world.change(Action.RELEASE, reference).reason == "already_gone"


def by_hand(world: World, verb: str) -> None:
    """What a person does in Soracom's console."""
    proof = {"authKeyId": CREDENTIALS["auth_key_id"], "authKey": CREDENTIALS["auth_key"]}
    given = requests.post(f"{world.server.url}/v1/auth", json=proof, timeout=5).json()
    headers = {"X-Soracom-API-Key": given["apiKey"], "X-Soracom-Token": given["token"]}
    url = f"{world.server.url}/v1/sims/{world.iccid}/{verb}"
    assert requests.post(url, headers=headers, timeout=5).status_code == 200
