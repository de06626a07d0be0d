"""What every adapter must do, told through its simulated carrier. A carrier's test file says what its account is like.

A test that asks for what a carrier does not offer is skipped with the capability that it lacks.
"""

import logging
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from stdnum import luhn

from carriers.contract import (
    Answer,
    AnswerKind,
    Capabilities,
    Carrier,
    CarrierAccount,
    CarrierSim,
    Following,
    Metering,
    OpenGate,
    Order,
    SimQuery,
    Usage,
    UsageQuery,
    UsageScope,
)
from carriers.errors import CarrierError, CredentialsRefused, LimitReached, OutcomeUnknown, ReadFailed
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.log import changing_requests, effect_counts
from carriers.simulated.registry import simulation_of
from carriers.simulated.server import SimulatedCarrierServer
from domain.lifecycle import Action, SimState, Stage
from tests.carriers.canned import CountingGate
from tests.carriers.conftest import Simulate

GATE = OpenGate()
UNDER_WAY = (AnswerKind.ACCEPTED, AnswerKind.QUEUED, AnswerKind.DONE)
NOT_ACTIVE = (SimState.INACTIVE, SimState.DEACTIVATED)
GONE = (SimState.ABSENT, SimState.RELEASED)


def code_of(iccid: str) -> str:
    """The registration code of a SIM in these tests."""
    return f"C0DE{iccid}"


@dataclass(frozen=True)
class Subject:
    """What one carrier's SIMs and answers are like, as far as its capabilities do not say it."""

    carrier: str
    issuer: str  # first digits of its ICCIDs
    plan: str | None = None  # the carrier's id of a plan
    other_plan: str | None = None
    home_country: str = "DE"
    shows_plan: bool = True  # a read says which plan the SIM has
    shows_change: bool = True  # a read says that a change is under way
    answers_with_state: bool = True  # the answer to a change shows the SIM's status word
    answers_with_body: bool = True  # the answer to a change has a body at all
    renews_tokens: bool = True  # its login gives tokens that expire
    digits: int = 19  # of an ICCID with its check digit

    def iccid(self, number: int) -> str:
        """One of its ICCIDs."""
        body = f"{self.issuer}{number:0{self.digits - 1 - len(self.issuer)}d}"
        return body + luhn.calc_check_digit(body)


@dataclass
class World:
    """An adapter and the simulated carrier behind it."""

    subject: Subject
    server: SimulatedCarrierServer
    carrier: Carrier

    @property
    def can(self) -> Capabilities:
        return self.carrier.capabilities

    @property
    def iccid(self) -> str:
        return self.subject.iccid(1)

    @property
    def others(self) -> str:
        """Somebody else's SIM."""
        return self.subject.iccid(2)

    @property
    def unknown(self) -> str:
        """A SIM that the carrier has not made."""
        return self.subject.iccid(3)

    def needs(self, capability: object, name: str) -> None:
        """Skip the test where the carrier does not offer that."""
        if not capability:
            pytest.skip(f"{self.subject.carrier}: {name}")

    def fails(self, fault: Fault, *kinds: RequestKind, **settings: object) -> None:
        """From now on every such request meets this fault."""
        self.server.carrier.faults = replace(Faults({fault: 1.0}, frozenset(kinds)), **settings)  # type: ignore[arg-type]

    def works(self) -> None:
        self.server.carrier.faults = Faults()

    def claim(self, iccid: str | None = None, code: str | None = None) -> Answer:
        return self.submit([self.claim_of(iccid or self.iccid, code)])[0]

    def claim_of(self, iccid: str, code: str | None = None) -> Order:
        return replace(self.order(Action.ACTIVATE, iccid), stage=Stage.CLAIM, registration_code=code or code_of(iccid))

    def order(self, action: Action, iccid: str, reference: str | None = None) -> Order:
        return Order(iccid, action, Stage.CHANGE, reference, self.subject.plan, self.subject.home_country)

    def own(self, iccid: str | None = None) -> str | None:
        """Have the SIM ready for its activation by this carrier's way; the carrier's reference of it."""
        iccid = iccid or self.iccid
        if self.can.claims:
            return self.claim(iccid).carrier_reference
        if self.can.imports:
            return None
        return self.server.carrier.fleet.put(iccid, SimState.INACTIVE, self.subject.plan).reference

    def change(self, action: Action, reference: str | None, iccid: str | None = None) -> Answer:
        return self.submit([self.order(action, iccid or self.iccid, reference)])[0]

    def activate(self) -> Answer:
        return self.change(Action.ACTIVATE, self.own())

    def active(self) -> str | None:
        """Have the SIM active; the carrier's reference of it."""
        reference = self.own()
        self.change(Action.ACTIVATE, reference)
        sim = self.settled(SimState.ACTIVE)
        return sim.carrier_reference or reference

    def submit(self, orders: Sequence[Order]) -> Sequence[Answer]:
        return self.carrier.submit(orders, GATE)

    def read(self, iccid: str | None = None) -> CarrierSim:
        return self.carrier.read(iccid or self.iccid, GATE)

    def settled(self, *states: SimState, iccid: str | None = None) -> CarrierSim:
        """The SIM once it has one of these states; gives up after 5 s."""
        until = time.monotonic() + 5
        while (sim := self.read(iccid)).state not in states and time.monotonic() < until:
            time.sleep(0.02)
        return sim

    def listed(self, query: SimQuery | None = None, most_pages: int = 50) -> list[CarrierSim]:
        sims: list[CarrierSim] = []
        cursor: str | None = None
        for _ in range(most_pages):
            page = self.carrier.page(query or SimQuery(), cursor, GATE)
            sims += page.sims
            cursor = page.next_cursor
            if cursor is None:
                return sims
        raise AssertionError(f"the listing did not end within {most_pages} pages")

    def effects(self, kind: RequestKind, iccid: str | None = None) -> int:
        self.server.carrier.settle()
        return effect_counts(self.server.carrier.log.entries())[iccid or self.iccid, kind]

    def changing_requests(self) -> int:
        return len(changing_requests(self.server.carrier.log.entries()))


class Contract:
    """Subclasses set `subject`, and `account` where the address and the usual credentials are not enough."""

    subject: ClassVar[Subject]
    options = Options(activation_seconds=0.05)
    timeout_seconds = 5.0

    def account(self, url: str) -> CarrierAccount:
        """How to reach the simulated carrier at this address."""
        carrier = self.subject.carrier
        credentials = dict(simulation_of(carrier).credentials)
        return CarrierAccount("test", carrier, url, self.account_options(url), credentials, self.timeout_seconds)

    def account_options(self, url: str) -> dict[str, str]:  # noqa: ARG002
        """What else the adapter must know."""
        return {}

    @pytest.fixture
    def server(self, simulate: Simulate) -> SimulatedCarrierServer:
        return simulate(self.options, carrier=self.subject.carrier)

    @pytest.fixture
    def address(self, server: SimulatedCarrierServer) -> str:
        """Where the adapter finds the carrier."""
        return server.url

    @pytest.fixture
    def world(self, server: SimulatedCarrierServer, address: str) -> Iterator[World]:
        carrier = open_carrier(self.account(address))
        world = World(self.subject, server, carrier)
        server.carrier.fleet.add_card(world.iccid, code_of(world.iccid))
        server.carrier.fleet.add_card(world.others, code_of(world.others), others=True)
        yield world
        carrier.close()


class CarrierContract(Contract):
    """The carrier is well."""

    def test_a_claimed_sim_is_inactive_and_has_a_reference(self, world: World) -> None:
        world.needs(world.can.claims, "no claim")
        answer = world.claim()
        assert (answer.iccid, answer.kind) == (world.iccid, AnswerKind.DONE)
        sim = world.read()
        assert (sim.iccid, sim.state) == (world.iccid, SimState.INACTIVE)
        assert sim.carrier_reference == answer.carrier_reference is not None

    def test_a_sim_that_is_ours_already_is_claimed_with_the_same_reference(self, world: World) -> None:
        world.needs(world.can.claims, "no claim")
        first, again = world.claim(), world.claim()
        assert again.kind is AnswerKind.DONE
        assert again.carrier_reference == first.carrier_reference
        assert world.effects(RequestKind.CLAIM) == 1

    def test_somebody_elses_sim_never_becomes_ours(self, world: World) -> None:
        if world.can.claims:
            answer = world.claim(world.others)
            assert answer.kind in (AnswerKind.REJECTED, AnswerKind.REVIEW)
        else:
            answer = world.change(Action.ACTIVATE, None, world.others)
            assert answer.kind is not AnswerKind.DONE
        time.sleep(0.1)
        assert world.read(world.others).state is SimState.ABSENT
        assert effect_counts(world.server.carrier.log.entries()) == {}

    def test_a_wrong_registration_code_is_rejected(self, world: World) -> None:
        world.needs(world.can.needs_registration_code, "no registration code")
        assert world.claim(code="WR0NG").kind is AnswerKind.REJECTED
        assert world.read().state is SimState.ABSENT

    def test_many_claims_in_one_request_are_each_answered_for_themselves(self, world: World) -> None:
        world.needs(world.can.claims and world.can.claims_per_request > 1, "one SIM a claim")
        good = [world.subject.iccid(number) for number in range(10, 15)]
        for iccid in good:
            world.server.carrier.fleet.add_card(iccid, code_of(iccid))
        mixed = [*good[:2], world.unknown, *good[2:], world.others]
        answers = world.submit([world.claim_of(iccid) for iccid in mixed])
        assert [answer.iccid for answer in answers] == mixed
        assert {answer.iccid for answer in answers if answer.kind is AnswerKind.DONE} == set(good)
        assert world.changing_requests() == 1

    def test_an_activation_is_under_way_and_comes_true_with_its_plan(self, world: World) -> None:
        assert world.activate().kind in UNDER_WAY
        sim = world.settled(SimState.ACTIVE)
        assert (sim.iccid, sim.state) == (world.iccid, SimState.ACTIVE)
        assert sim.plan_reference == world.subject.plan or not world.subject.shows_plan
        assert world.effects(RequestKind.ACTIVATE) == 1

    def test_an_active_sim_stays_active_when_it_is_activated_again(self, world: World) -> None:
        again = world.change(Action.ACTIVATE, world.active())
        assert (again.kind in UNDER_WAY) is world.can.repeatable
        assert world.read().state is SimState.ACTIVE
        assert world.effects(RequestKind.ACTIVATE) == 1

    def test_an_active_sim_can_be_deactivated_and_again_changes_nothing(self, world: World) -> None:
        world.needs(SimState.DEACTIVATED in world.can.states, "no deactivation")
        reference = world.active()
        assert world.change(Action.DEACTIVATE, reference).kind in UNDER_WAY
        assert world.settled(*NOT_ACTIVE).state in NOT_ACTIVE
        again = world.change(Action.DEACTIVATE, reference)
        assert (again.kind in UNDER_WAY) is world.can.repeatable
        assert world.effects(RequestKind.DEACTIVATE) == 1

    def test_a_deactivated_sim_can_be_activated_again(self, world: World) -> None:
        world.needs(SimState.DEACTIVATED in world.can.states, "no deactivation")
        reference = world.active()
        world.change(Action.DEACTIVATE, reference)
        world.settled(*NOT_ACTIVE)
        assert world.change(Action.ACTIVATE, reference).kind in UNDER_WAY
        assert world.settled(SimState.ACTIVE).state is SimState.ACTIVE
        assert world.effects(RequestKind.ACTIVATE) == 2

    def test_a_released_sim_leaves_the_account(self, world: World) -> None:
        world.needs(SimState.RELEASED in world.can.states, "no release")
        reference = world.active()
        assert world.change(Action.RELEASE, reference).kind in UNDER_WAY
        assert world.settled(*GONE).state in GONE
        world.change(Action.RELEASE, reference)
        assert world.effects(RequestKind.RELEASE) == 1

    def test_an_action_that_is_not_offered_makes_no_request(self, world: World) -> None:
        world.needs(SimState.RELEASED not in world.can.states, "this carrier releases SIMs")
        reference = world.own()
        before = world.changing_requests()
        assert world.change(Action.RELEASE, reference).kind is AnswerKind.REJECTED
        assert world.changing_requests() == before

    def test_many_sims_are_activated_by_one_request(self, world: World) -> None:
        most = world.can.at_most(Stage.CHANGE)
        world.needs(most > 1, "one SIM a request")
        iccids = [world.subject.iccid(number) for number in range(20, 20 + min(most, 12))]
        for iccid in iccids:
            world.server.carrier.fleet.add_card(iccid, code_of(iccid))
        orders = [world.order(Action.ACTIVATE, iccid, world.own(iccid)) for iccid in iccids]
        assert len({world.carrier.batch_of(order) for order in orders}) == 1
        before = world.changing_requests()
        answers = world.submit(orders)
        assert [answer.iccid for answer in answers] == iccids
        assert {answer.kind for answer in answers} <= set(UNDER_WAY)
        assert world.changing_requests() == before + 1
        for iccid in iccids:
            assert world.settled(SimState.ACTIVE, iccid=iccid).state is SimState.ACTIVE

    def test_of_many_sims_only_those_that_are_ours_become_active(self, world: World) -> None:
        world.needs(world.can.at_most(Stage.CHANGE) > 1, "one SIM a request")
        good = [world.order(Action.ACTIVATE, world.iccid, world.own())]
        bad = [world.order(Action.ACTIVATE, iccid) for iccid in (world.others, world.unknown)]
        answers = world.submit([*good, *bad])
        assert [answer.iccid for answer in answers] == [world.iccid, world.others, world.unknown]
        assert not {answer.kind for answer in answers[1:]} & {AnswerKind.DONE}
        assert world.settled(SimState.ACTIVE).state is SimState.ACTIVE
        assert {world.read(order.iccid).state for order in bad} == {SimState.ABSENT}

    def test_a_job_or_action_tells_its_end_and_the_reason_of_a_failure(self, world: World) -> None:
        world.needs(world.can.follows, "no job or action to ask about")
        iccids = [world.subject.iccid(number) for number in range(20, 22 if world.can.orders_per_request > 1 else 21)]
        for iccid in iccids:
            world.server.carrier.fleet.add_card(iccid, code_of(iccid))
        owned = {iccid: world.own(iccid) for iccid in iccids}
        for action, fault, end in (
            (Action.ACTIVATE, None, AnswerKind.DONE),
            (Action.DEACTIVATE, Fault.FALLS_BACK, AnswerKind.REJECTED),
        ):
            if fault:
                world.fails(fault, RequestKind.DEACTIVATE, iccids=frozenset(iccids[:1]))
            answers = world.submit([world.order(action, iccid, reference) for iccid, reference in owned.items()])
            told = self._followed(world, answers)
            assert told[iccids[0]].kind is end
            assert bool(told[iccids[0]].reason and told[iccids[0]].detail) or fault is None
            assert {told[iccid].kind for iccid in iccids[1:]} <= {AnswerKind.DONE}

    def _followed(self, world: World, answers: Sequence[Answer]) -> dict[str, Answer]:
        """How the one job or action of these answers ended, by ICCID."""
        assert isinstance(world.carrier, Following)
        (job,) = {answer.carrier_request for answer in answers}
        assert job is not None
        iccids = [answer.iccid for answer in answers]
        until = time.monotonic() + 5
        while True:
            told = {one.iccid: one for one in world.carrier.follow(job, iccids, GATE)}
            assert told.keys() == set(iccids)
            if AnswerKind.ACCEPTED not in {one.kind for one in told.values()} or time.monotonic() > until:
                return told
            time.sleep(0.02)

    def test_a_sim_that_is_not_in_the_account_is_absent(self, world: World) -> None:
        assert world.read(world.unknown).state is SimState.ABSENT
        assert world.read(world.others).state is SimState.ABSENT

    def test_all_pages_together_hold_every_sim_once(self, world: World) -> None:
        world.needs(world.can.page_size, "no listing")
        wanted = {world.subject.iccid(number) for number in range(100, 107 + world.can.page_size)}
        for iccid in sorted(wanted):
            world.server.carrier.fleet.put(iccid, SimState.ACTIVE, world.subject.plan)
        assert sorted(sim.iccid for sim in world.listed()) == sorted(wanted)

    def test_a_listing_by_state_holds_those_and_where_the_carrier_filters_no_others(self, world: World) -> None:
        world.needs(world.can.page_size, "no listing")
        active, inactive = world.subject.iccid(10), world.subject.iccid(11)
        world.server.carrier.fleet.put(active, SimState.ACTIVE, world.subject.plan)
        world.server.carrier.fleet.put(inactive, SimState.INACTIVE, world.subject.plan)
        listed = {sim.iccid: sim.state for sim in world.listed(SimQuery(SimState.ACTIVE))}
        assert listed[active] is SimState.ACTIVE
        assert (inactive not in listed) is world.can.filters_by_state

    def test_a_listing_of_a_plan_holds_its_sims(self, world: World) -> None:
        world.needs(world.can.page_size and world.subject.other_plan, "no listing by plan")
        mine, other = world.subject.iccid(10), world.subject.iccid(11)
        world.server.carrier.fleet.put(mine, SimState.ACTIVE, world.subject.plan)
        world.server.carrier.fleet.put(other, SimState.ACTIVE, world.subject.other_plan)
        listed = world.listed(SimQuery(plan_reference=world.subject.plan))
        assert [sim.iccid for sim in listed] == [mine]

    def test_usage_is_told_in_bytes_and_only_for_what_was_asked(self, world: World) -> None:
        world.needs(world.can.usage is not UsageScope.NONE, "no usage")
        today = datetime.now(UTC).date()
        first = today.replace(day=1) if not world.can.usage_by_day else today - timedelta(days=2)
        reference = world.active()
        used = {today: 3_000_000, first: 1_000_000}
        for day, amount in used.items():
            world.server.carrier.fleet.put_usage(world.iccid, day, amount)
        world.server.carrier.fleet.put_usage(world.iccid, first - timedelta(days=1), 500_000)
        told = self._usage(world, first, today, reference)
        assert sum(usage.total_bytes for usage in told) == sum(used.values())
        if world.can.usage_by_day:
            assert {usage.first: usage.total_bytes for usage in told if usage.total_bytes} == used
            assert all(usage.first == usage.last for usage in told)

    def _usage(self, world: World, first: date, last: date, reference: str | None) -> list[Usage]:
        assert isinstance(world.carrier, Metering)
        one = world.can.usage is UsageScope.SIM
        query = UsageQuery(first, last, world.iccid if one else None, reference if one else None)
        told: list[Usage] = []
        cursor: str | None = None
        for _ in range(50):
            page = world.carrier.usage(query, cursor, GATE)
            told += page.usages
            cursor = page.next_cursor
            if cursor is None:
                break
        assert cursor is None
        return [one for one in told if world.iccid == one.iccid or (one.carrier_reference or "") == reference]

    def test_a_check_says_that_address_and_credentials_are_good(self, world: World) -> None:
        assert "answers" in world.carrier.check()


NO_ANSWER = [
    # fault, requests that took effect all the same
    (Fault.ERROR_500, 0),
    (Fault.ERROR_502, 0),
    (Fault.ERROR_503, 0),
    (Fault.ERROR_504, 0),
    (Fault.ERROR_AFTER_EFFECT, 1),
    (Fault.RESET, 0),
    (Fault.LOST_REPLY, 1),
    (Fault.TRUNCATED, 1),
    (Fault.INVALID_JSON, 1),
    (Fault.REDIRECT, 0),
    (Fault.HANG, 0),
    (Fault.SLOW, 1),
    (Fault.DRIBBLE, 1),
]
OF_A_BODY = (Fault.TRUNCATED, Fault.INVALID_JSON, Fault.DRIBBLE)


class CarrierFaultsContract(Contract):
    """The carrier is not well."""

    timeout_seconds = 0.6

    @pytest.mark.parametrize(("fault", "effects"), NO_ANSWER)
    def test_a_claim_without_a_usable_answer_is_unknown_and_sent_once(
        self, world: World, fault: Fault, effects: int
    ) -> None:
        world.needs(world.can.claims, "no claim")
        world.fails(fault, RequestKind.CLAIM, slow_seconds=2 * self.timeout_seconds)
        with pytest.raises(OutcomeUnknown) as unknown:
            world.claim()
        assert not unknown.value.retryable
        assert (world.changing_requests(), world.effects(RequestKind.CLAIM)) == (1, effects)

    @pytest.mark.parametrize(("fault", "effects"), NO_ANSWER)
    def test_an_activation_without_a_usable_answer_is_unknown_and_sent_once(
        self, world: World, fault: Fault, effects: int
    ) -> None:
        world.needs(world.subject.answers_with_body or fault not in OF_A_BODY, "the answer has no body")
        reference = world.own()
        before = world.changing_requests()
        world.fails(fault, RequestKind.ACTIVATE, slow_seconds=2 * self.timeout_seconds)
        with pytest.raises(OutcomeUnknown) as unknown:
            world.change(Action.ACTIVATE, reference)
        assert not unknown.value.retryable
        assert (world.changing_requests() - before, world.effects(RequestKind.ACTIVATE)) == (1, effects)

    @pytest.mark.parametrize("kind", [RequestKind.CLAIM, RequestKind.ACTIVATE])
    def test_an_error_inside_of_a_200_is_no_success(self, world: World, kind: RequestKind) -> None:
        world.needs(world.can.claims or kind is not RequestKind.CLAIM, "no claim")
        world.fails(Fault.ERROR_INSIDE, kind)
        answer = world.claim() if kind is RequestKind.CLAIM else world.activate()
        assert answer.kind is AnswerKind.UNKNOWN

    def test_an_effect_that_comes_late_is_seen_by_a_read_after_the_lost_request(self, world: World) -> None:
        reference = None if world.can.claims else world.own()
        kind = RequestKind.CLAIM if world.can.claims else RequestKind.ACTIVATE
        before = world.read().state
        world.fails(Fault.LATE_EFFECT, kind, late_seconds=0.8)
        with pytest.raises(OutcomeUnknown):
            world.claim() if world.can.claims else world.change(Action.ACTIVATE, reference)
        assert world.read().state is before
        after = SimState.INACTIVE if world.can.claims else SimState.ACTIVE
        assert world.settled(after).state is after

    @pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.RESET, Fault.LOST_REPLY, Fault.TRUNCATED])
    def test_a_read_is_repeated_after_one_quick_failure(self, world: World, fault: Fault) -> None:
        world.active()
        world.fails(fault, RequestKind.READ, first=1)
        assert world.read().state is SimState.ACTIVE

    @pytest.mark.parametrize("fault", [fault for fault, _ in NO_ANSWER if fault is not Fault.ERROR_AFTER_EFFECT])
    def test_a_read_that_keeps_failing_fails_within_bounds(self, world: World, fault: Fault) -> None:
        world.fails(fault, RequestKind.READ, slow_seconds=2 * self.timeout_seconds)
        started = time.monotonic()
        with pytest.raises(ReadFailed):
            world.read()
        assert time.monotonic() - started < 4 * self.timeout_seconds + 1
        assert len(world.server.carrier.log.entries()) <= 4  # three reads, and a token where one is needed

    @pytest.mark.parametrize("told", [True, False])
    @pytest.mark.parametrize("kind", [RequestKind.CLAIM, RequestKind.ACTIVATE, RequestKind.READ])
    def test_a_429_tells_the_gate_how_long_to_wait_and_is_sent_once(
        self, world: World, kind: RequestKind, told: bool
    ) -> None:
        world.needs(world.can.claims or kind is not RequestKind.CLAIM, "no claim")
        world.needs(world.can.reset_header or not told, "a 429 does not say when to come back")
        order = world.claim_of(world.iccid)
        if kind is RequestKind.ACTIVATE:
            order = world.order(Action.ACTIVATE, world.iccid, world.own())
        world.carrier.check()
        world.fails(Fault.LIMITED if told else Fault.LIMITED_SILENT, retry_after_seconds=7)
        gate = CountingGate()
        with pytest.raises(LimitReached) as reached:
            world.carrier.read(world.iccid, gate) if kind is RequestKind.READ else world.carrier.submit([order], gate)
        (seconds,) = gate.waits
        assert (reached.value.retry_after_seconds, gate.passed) == (seconds, 1)
        assert seconds == 7.0 if told else seconds >= 1.0
        assert world.effects(RequestKind.ACTIVATE) == 0

    def test_a_token_that_expires_in_the_middle_is_renewed_once(self, world: World) -> None:
        world.needs(world.subject.renews_tokens, "its credentials do not expire")
        reference = world.own()
        world.fails(Fault.TOKEN_EXPIRES, RequestKind.ACTIVATE, first=1)
        assert world.change(Action.ACTIVATE, reference).kind in UNDER_WAY
        assert world.effects(RequestKind.ACTIVATE) == 1

    def test_a_token_that_is_refused_again_asks_for_a_person(self, world: World) -> None:
        world.fails(Fault.TOKEN_EXPIRES)
        with pytest.raises(CredentialsRefused):
            world.read()

    def test_a_failing_token_endpoint_means_that_nothing_was_sent(self, world: World) -> None:
        world.needs(world.subject.renews_tokens, "its credentials do not expire")
        world.fails(Fault.ERROR_500, RequestKind.TOKEN)
        with pytest.raises(CarrierError) as down:
            world.activate()
        assert (type(down.value).__name__, world.changing_requests()) == ("CarrierDown", 0)

    def test_an_unknown_status_word_is_an_unknown_state_with_the_word_kept(self, world: World) -> None:
        world.active()
        world.fails(Fault.UNKNOWN_WORD, RequestKind.READ, word="recalibrating")
        sim = world.read()
        assert (sim.state, sim.word) == (SimState.UNKNOWN, "recalibrating")

    def test_an_activation_answered_with_an_unknown_word_is_unknown(self, world: World) -> None:
        world.needs(world.subject.answers_with_state, "the answer tells no status")
        world.fails(Fault.UNKNOWN_WORD, RequestKind.ACTIVATE)
        assert world.activate().kind is AnswerKind.UNKNOWN

    def test_a_stuck_sim_never_shows_as_active(self, world: World) -> None:
        world.fails(Fault.STUCK, RequestKind.ACTIVATE)
        assert world.activate().kind is not AnswerKind.DONE
        time.sleep(0.2)
        state = world.read().state
        assert state is not SimState.ACTIVE
        assert state is SimState.ACTIVATING or not world.subject.shows_change

    def test_a_change_that_falls_back_shows_the_old_state(self, world: World) -> None:
        world.fails(Fault.FALLS_BACK, RequestKind.ACTIVATE)
        assert world.activate().kind is not AnswerKind.DONE
        time.sleep(0.2)
        assert world.read().state in (SimState.INACTIVE, SimState.ABSENT)

    def test_a_listing_that_repeats_its_pages_comes_to_an_end(self, world: World) -> None:
        world.needs(world.can.page_size, "no listing")
        size = world.can.page_size
        wanted = {world.subject.iccid(number) for number in range(100, 101 + size)}
        for iccid in wanted:
            world.server.carrier.fleet.put(iccid, SimState.ACTIVE, world.subject.plan)
        world.fails(Fault.PAGE_REPEATS)
        try:
            listed = world.listed()
        except ReadFailed as error:
            assert "circle" in str(error)
        else:
            assert {sim.iccid for sim in listed} <= wanted

    def test_a_next_page_on_another_host_is_asked_of_our_own(self, world: World) -> None:
        world.needs(world.can.page_size, "no listing")
        for number in range(100, 101 + world.can.page_size):
            world.server.carrier.fleet.put(world.subject.iccid(number), SimState.ACTIVE, world.subject.plan)
        world.fails(Fault.PAGE_FOREIGN)
        assert len(world.listed()) == world.can.page_size + 1

    def test_wrong_credentials_ask_for_a_person(self, world: World) -> None:
        account = self.account(world.server.url)
        wrong = open_carrier(replace(account, secrets=dict.fromkeys(account.secrets, "wrong")))
        for request in (wrong.check, lambda: wrong.read(world.iccid, GATE)):
            with pytest.raises(CredentialsRefused):
                request()
        wrong.close()

    def test_a_carrier_that_is_not_there_was_sent_nothing(self, world: World) -> None:
        reference = None if world.can.claims else world.own()
        world.server.close()
        with pytest.raises(CarrierError) as down:
            world.claim() if world.can.claims else world.change(Action.ACTIVATE, reference)
        assert (type(down.value).__name__, down.value.retryable) == ("CarrierDown", True)


class SecretsContract(Contract):
    """Marker secrets go through everything that fails; none may come out anywhere."""

    timeout_seconds = 0.4

    @pytest.mark.parametrize("fault", [None, *Fault])
    def test_no_fault_brings_a_secret_to_light(
        self, fault: Fault | None, simulate: Simulate, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        carrier = self.subject.carrier
        marked = {name: f"m4rk3r-{name}" for name in simulation_of(carrier).credentials}
        options = replace(
            self.options,
            open_registry=True,
            credentials=marked,
            faults=Faults({fault: 1.0} if fault else {}, slow_seconds=0.6),
            log_file=tmp_path / "requests.jsonl",
            state_file=tmp_path / "state.jsonl",
        )
        with caplog.at_level(logging.DEBUG):
            server = simulate(options, carrier=carrier)
            account = replace(self.account(server.url), secrets=marked)
            shown = self._shown_by(account)
        written = "".join(file.read_text() for file in tmp_path.iterdir())
        assert '"kind"' in written
        assert "m4rk3r" not in shown + caplog.text + written

    def _shown_by(self, account: CarrierAccount) -> str:
        """What a claim and a change under this account let people see, the whole trace of errors included."""
        carrier = open_carrier(account)
        world = World(self.subject, None, carrier)  # type: ignore[arg-type]
        claim = replace(world.claim_of(world.iccid), registration_code=f"m4rk3r-{world.iccid}")
        change = world.order(Action.ACTIVATE, world.iccid, "HS" + 32 * "0")
        shown = repr(account) + repr(carrier) + repr(vars(carrier)) + repr(claim)
        for order in (claim, change) if carrier.capabilities.claims else (change,):
            try:
                shown += str(carrier.submit([order], GATE))
            except CarrierError as error:
                shown += "".join(traceback.format_exception(error)) + repr(error)
        carrier.close()
        return shown
