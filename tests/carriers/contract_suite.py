"""What every adapter must do, told through a simulated carrier. A carrier's test file says how to reach its account."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from carriers.contract import Answer, AnswerKind, Carrier, CarrierAccount, CarrierSim, OpenGate, Order, SimQuery
from carriers.errors import CarrierError, CredentialsRefused, LimitReached, OutcomeUnknown, ReadFailed
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.log import changing_requests, effect_counts
from carriers.simulated.server import SimulatedCarrierServer
from domain.lifecycle import Action, SimState, Stage
from tests.carriers.canned import CountingGate
from tests.carriers.conftest import Simulate

ICCID = "89883070000123456789"
OTHERS = "89883070000123456797"
UNKNOWN = "89883070000123456805"
CODE = "H3LL0W0RLD"
PLAN = "HF" + 32 * "a"
GATE = OpenGate()


@dataclass
class World:
    """An adapter and the simulated carrier behind it."""

    server: SimulatedCarrierServer
    carrier: Carrier

    def fails(self, fault: Fault, *kinds: RequestKind, **settings: object) -> None:
        """From now on every such request meets this fault."""
        self.server.carrier.faults = replace(Faults({fault: 1.0}, frozenset(kinds)), **settings)  # type: ignore[arg-type]

    def works(self) -> None:
        self.server.carrier.faults = Faults()

    def claim(self, iccid: str = ICCID, code: str = CODE) -> Answer:
        return self._submit(Order(iccid, Action.ACTIVATE, Stage.CLAIM, plan_reference=PLAN, registration_code=code))

    def change(self, action: Action, reference: str | None) -> Answer:
        return self._submit(Order(ICCID, action, Stage.CHANGE, reference, PLAN))

    def activate(self) -> Answer:
        return self.change(Action.ACTIVATE, self.claim().carrier_reference)

    def read(self, iccid: str = ICCID) -> CarrierSim:
        return self.carrier.read(iccid, GATE)

    def settled(self, state: SimState) -> CarrierSim:
        """The SIM once it has this state; gives up after 5 s."""
        until = time.monotonic() + 5
        while (sim := self.read()).state is not state and time.monotonic() < until:
            time.sleep(0.02)
        return sim

    def effects(self, kind: RequestKind, iccid: str = ICCID) -> int:
        self.server.carrier.settle()
        return effect_counts(self.server.carrier.log.entries())[iccid, kind]

    def changing_requests(self) -> int:
        return len(changing_requests(self.server.carrier.log.entries()))

    def _submit(self, order: Order) -> Answer:
        (answer,) = self.carrier.submit([order], GATE)
        return answer


class Contract:
    """Subclasses say how to reach their account of the simulated carrier."""

    options = Options(activation_seconds=0.05)

    def account(self, url: str) -> CarrierAccount:
        raise NotImplementedError

    @pytest.fixture
    def server(self, simulate: Simulate) -> SimulatedCarrierServer:
        return simulate(self.options)

    @pytest.fixture
    def address(self, server: SimulatedCarrierServer) -> str:
        """Where the adapter finds the carrier."""
        return server.url

    @pytest.fixture
    def world(self, server: SimulatedCarrierServer, address: str) -> Iterator[World]:
        server.carrier.fleet.add_card(ICCID, CODE)
        server.carrier.fleet.add_card(OTHERS, CODE, others=True)
        carrier = open_carrier(self.account(address))
        yield World(server, carrier)
        carrier.close()


class CarrierContract(Contract):
    """The carrier is well."""

    def test_a_claimed_sim_is_inactive_and_has_a_reference(self, world: World) -> None:
        answer = world.claim()
        assert (answer.iccid, answer.kind) == (ICCID, AnswerKind.DONE)
        sim = world.read()
        assert (sim.iccid, sim.state) == (ICCID, SimState.INACTIVE)
        assert sim.carrier_reference == answer.carrier_reference is not None

    def test_a_sim_that_is_ours_already_is_claimed_with_the_same_reference(self, world: World) -> None:
        first, again = world.claim(), world.claim()
        assert again.kind is AnswerKind.DONE
        assert again.carrier_reference == first.carrier_reference
        assert world.effects(RequestKind.CLAIM) == 1

    def test_somebody_elses_sim_is_rejected(self, world: World) -> None:
        answer = world.claim(OTHERS)
        assert (answer.kind, answer.reason) == (AnswerKind.REJECTED, "not_registrable")
        assert world.read(OTHERS).state is SimState.ABSENT

    def test_a_wrong_registration_code_is_rejected(self, world: World) -> None:
        assert world.claim(code="WR0NG").kind is AnswerKind.REJECTED

    def test_an_activation_is_accepted_and_comes_true_with_its_plan(self, world: World) -> None:
        assert world.activate().kind is AnswerKind.ACCEPTED
        assert world.read().state in (SimState.ACTIVATING, SimState.ACTIVE)
        sim = world.settled(SimState.ACTIVE)
        assert (sim.state, sim.plan_reference) == (SimState.ACTIVE, PLAN)

    def test_an_active_sim_stays_active_when_it_is_activated_again(self, world: World) -> None:
        reference = world.claim().carrier_reference
        world.change(Action.ACTIVATE, reference)
        world.settled(SimState.ACTIVE)
        assert world.change(Action.ACTIVATE, reference).kind is AnswerKind.DONE
        assert world.effects(RequestKind.ACTIVATE) == 1

    def test_an_active_sim_can_be_deactivated(self, world: World) -> None:
        reference = world.claim().carrier_reference
        world.change(Action.ACTIVATE, reference)
        world.settled(SimState.ACTIVE)
        assert world.change(Action.DEACTIVATE, reference).kind is AnswerKind.ACCEPTED
        assert world.settled(SimState.DEACTIVATED).state is SimState.DEACTIVATED

    def test_an_action_that_is_not_offered_makes_no_request(self, world: World) -> None:
        offered = world.carrier.capabilities.states
        if SimState.RELEASED in offered or SimState.ABSENT in offered:
            pytest.skip("this carrier releases SIMs")
        assert world.change(Action.RELEASE, world.claim().carrier_reference).kind is AnswerKind.REJECTED
        assert world.changing_requests() == 1

    def test_a_sim_that_is_not_in_the_account_is_absent(self, world: World) -> None:
        assert world.read(UNKNOWN).state is SimState.ABSENT

    def test_all_pages_together_hold_every_sim_once(self, world: World) -> None:
        size = world.carrier.capabilities.page_size
        wanted = {f"8988307{number:013d}" for number in range(size + 7)}
        for iccid in sorted(wanted):
            world.server.carrier.fleet.put(iccid, SimState.ACTIVE, PLAN)
        listed, cursor = [], None
        while True:
            page = world.carrier.page(SimQuery(), cursor, GATE)
            listed += [sim.iccid for sim in page.sims]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert sorted(listed) == sorted(wanted)

    def test_a_listing_by_state_and_plan_holds_only_those(self, world: World) -> None:
        fleet = world.server.carrier.fleet
        fleet.put("89883070000000000001", SimState.ACTIVE, PLAN)
        fleet.put("89883070000000000002", SimState.INACTIVE, PLAN)
        fleet.put("89883070000000000003", SimState.ACTIVE, "HF" + 32 * "b")
        page = world.carrier.page(SimQuery(SimState.ACTIVE, PLAN), None, GATE)
        assert [sim.iccid for sim in page.sims] == ["89883070000000000001"]

    def test_a_check_says_that_address_and_credentials_are_good(self, world: World) -> None:
        assert "answers" in world.carrier.check()


CHANGING = (RequestKind.CLAIM, RequestKind.ACTIVATE)
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


class CarrierFaultsContract(Contract):
    """The carrier is not well. `account` must have a timeout of `timeout_seconds`."""

    timeout_seconds = 0.6

    @pytest.mark.parametrize(("fault", "effects"), NO_ANSWER)
    def test_a_claim_without_a_usable_answer_is_unknown_and_sent_once(
        self, world: World, fault: Fault, effects: int
    ) -> None:
        world.fails(fault, RequestKind.CLAIM, slow_seconds=2 * self.timeout_seconds)
        with pytest.raises(OutcomeUnknown) as unknown:
            world.claim()
        assert not unknown.value.retryable
        assert (world.changing_requests(), world.effects(RequestKind.CLAIM)) == (1, effects)

    @pytest.mark.parametrize(("fault", "effects"), NO_ANSWER)
    def test_an_activation_without_a_usable_answer_is_unknown_and_sent_once(
        self, world: World, fault: Fault, effects: int
    ) -> None:
        world.fails(fault, RequestKind.ACTIVATE, slow_seconds=2 * self.timeout_seconds)
        with pytest.raises(OutcomeUnknown):
            world.activate()
        assert (world.changing_requests(), world.effects(RequestKind.ACTIVATE)) == (2, effects)

    @pytest.mark.parametrize("kind", CHANGING)
    def test_an_error_inside_of_a_200_is_no_success(self, world: World, kind: RequestKind) -> None:
        world.fails(Fault.ERROR_INSIDE, kind)
        answer = world.claim() if kind is RequestKind.CLAIM else world.activate()
        assert answer.kind is AnswerKind.UNKNOWN

    def test_an_effect_that_comes_late_is_seen_by_a_read_after_the_lost_request(self, world: World) -> None:
        world.fails(Fault.LATE_EFFECT, RequestKind.CLAIM, late_seconds=0.8)
        with pytest.raises(OutcomeUnknown):
            world.claim()
        assert world.read().state is SimState.ABSENT
        assert world.settled(SimState.INACTIVE).state is SimState.INACTIVE

    @pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.RESET, Fault.LOST_REPLY, Fault.TRUNCATED])
    def test_a_read_is_repeated_after_one_quick_failure(self, world: World, fault: Fault) -> None:
        world.claim()
        world.fails(fault, RequestKind.READ, first=1)
        assert world.read().state is SimState.INACTIVE

    @pytest.mark.parametrize("fault", [fault for fault, _ in NO_ANSWER if fault is not Fault.ERROR_AFTER_EFFECT])
    def test_a_read_that_keeps_failing_fails_within_bounds(self, world: World, fault: Fault) -> None:
        world.fails(fault, RequestKind.READ, slow_seconds=2 * self.timeout_seconds)
        started = time.monotonic()
        with pytest.raises(ReadFailed):
            world.read()
        assert time.monotonic() - started < 4 * self.timeout_seconds + 1
        assert len(world.server.carrier.log.entries()) <= 4  # three reads, and a token where one is needed

    @pytest.mark.parametrize(("fault", "seconds"), [(Fault.LIMITED, 7.0), (Fault.LIMITED_SILENT, 1.0)])
    @pytest.mark.parametrize("kind", [RequestKind.CLAIM, RequestKind.READ])
    def test_a_429_tells_the_gate_how_long_to_wait_and_is_sent_once(
        self, world: World, kind: RequestKind, fault: Fault, seconds: float
    ) -> None:
        world.carrier.check()
        world.fails(fault, retry_after_seconds=7)
        gate = CountingGate()
        order = Order(ICCID, Action.ACTIVATE, Stage.CLAIM, registration_code=CODE)
        with pytest.raises(LimitReached) as reached:
            world.carrier.submit([order], gate) if kind is RequestKind.CLAIM else world.carrier.read(ICCID, gate)
        assert (reached.value.retry_after_seconds, gate.waits, gate.passed) == (seconds, [seconds], 1)
        assert world.effects(RequestKind.CLAIM) == 0

    def test_an_unknown_status_word_is_an_unknown_state_with_the_word_kept(self, world: World) -> None:
        world.claim()
        world.fails(Fault.UNKNOWN_WORD, RequestKind.READ, word="recalibrating")
        sim = world.read()
        assert (sim.state, sim.word) == (SimState.UNKNOWN, "recalibrating")

    def test_an_activation_answered_with_an_unknown_word_is_unknown(self, world: World) -> None:
        world.fails(Fault.UNKNOWN_WORD, RequestKind.ACTIVATE)
        assert world.activate().kind is AnswerKind.UNKNOWN

    def test_a_stuck_sim_stays_in_progress(self, world: World) -> None:
        world.fails(Fault.STUCK, RequestKind.ACTIVATE)
        assert world.activate().kind is AnswerKind.ACCEPTED
        time.sleep(0.2)
        assert world.read().state is SimState.ACTIVATING

    def test_a_change_that_falls_back_shows_the_old_state(self, world: World) -> None:
        world.fails(Fault.FALLS_BACK, RequestKind.ACTIVATE)
        world.activate()
        assert world.settled(SimState.INACTIVE).state is SimState.INACTIVE

    def test_a_listing_that_turns_in_a_circle_is_an_error(self, world: World) -> None:
        world.server.carrier.fleet.put(ICCID, SimState.ACTIVE, PLAN)
        world.fails(Fault.PAGE_REPEATS)
        with pytest.raises(ReadFailed, match="circle"):
            self._list(world)

    def test_a_next_page_on_another_host_is_asked_of_our_own(self, world: World) -> None:
        size = world.carrier.capabilities.page_size
        for number in range(size + 1):
            world.server.carrier.fleet.put(f"8988307{number:013d}", SimState.ACTIVE, PLAN)
        world.fails(Fault.PAGE_FOREIGN)
        assert self._list(world) == size + 1

    def test_wrong_credentials_ask_for_a_person(self, world: World) -> None:
        account = self.account(world.server.url)
        wrong = open_carrier(replace(account, secrets=dict.fromkeys(account.secrets, "wrong")))
        for request in (wrong.check, lambda: wrong.read(ICCID, GATE)):
            with pytest.raises(CredentialsRefused):
                request()
        wrong.close()

    def test_a_carrier_that_is_not_there_was_sent_nothing(self, world: World) -> None:
        world.server.close()
        with pytest.raises(CarrierError) as down:
            world.claim()
        assert (type(down.value).__name__, down.value.retryable) == ("CarrierDown", True)

    def _list(self, world: World) -> int:
        count, cursor = 0, None
        while True:
            page = world.carrier.page(SimQuery(), cursor, GATE)
            count += len(page.sims)
            cursor = page.next_cursor
            if cursor is None:
                return count
