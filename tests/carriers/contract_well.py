"""What every adapter must do while its carrier is well."""

import time
from collections.abc import Sequence

from carriers.contract import (
    Answer,
    AnswerKind,
    Calling,
    Following,
    Metering,
    SimQuery,
    UsageScope,
)
from carriers.simulated.faults import Fault, RequestKind
from carriers.simulated.log import effect_counts
from carriers.simulated.registry import simulation_of
from domain.lifecycle import Action, SimState, Stage
from tests.carriers.contract_subject import FRESH, GATE, GONE, NOT_ACTIVE, UNDER_WAY, World, code_of
from tests.carriers.contract_usage import UsageContract


class CarrierContract(UsageContract):
    """The carrier is well."""

    def test_a_claimed_sim_is_not_active_and_the_claim_tells_its_state_and_its_reference(self, world: World) -> None:
        world.needs(world.can.claims, "no claim")
        answer = world.claim()
        assert (answer.iccid, answer.kind) == (world.iccid, AnswerKind.DONE)
        sim = world.read()
        assert (sim.iccid, sim.state) == (world.iccid, answer.state or SimState.INACTIVE)
        assert sim.state in FRESH
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
        again = world.change(Action.RELEASE, reference)
        assert again.kind in (AnswerKind.DONE, AnswerKind.UNKNOWN)  # what is gone has not failed to go
        assert world.read().state in GONE
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

    def test_a_sim_that_the_carrier_has_not_made_is_neither_claimed_nor_activated(self, world: World) -> None:
        if world.can.claims:
            assert world.claim(world.unknown).kind is AnswerKind.REJECTED
        reference = None if world.can.imports else simulation_of(world.subject.carrier).reference_of(world.unknown)
        answer = world.change(Action.ACTIVATE, reference, world.unknown)
        no = (AnswerKind.REJECTED, AnswerKind.REVIEW)
        assert answer.kind in no or (world.can.imports and answer.kind is AnswerKind.QUEUED)
        time.sleep(0.1)
        assert world.read(world.unknown).state is SimState.ABSENT
        assert effect_counts(world.server.carrier.log.entries()) == {}

    def test_a_sim_that_the_carrier_bars_reads_as_barred_and_is_not_activated_by_asking(self, world: World) -> None:
        world.needs(simulation_of(world.subject.carrier).bars, "no word for a barred SIM")
        reference = world.server.carrier.fleet.put(world.iccid, SimState.BARRED, world.subject.plan).reference
        sim = world.read()
        assert (sim.state, sim.carrier_reference) == (SimState.BARRED, reference)
        assert sim.word not in ("", SimState.BARRED)  # the carrier's own word is kept for people
        assert [listed.state for listed in world.listed()] == [SimState.BARRED]
        assert world.change(Action.ACTIVATE, reference).kind is AnswerKind.REJECTED
        assert world.effects(RequestKind.ACTIVATE) == 0

    def test_a_barred_sim_can_be_deactivated_and_is_barred_no_longer(self, world: World) -> None:
        world.needs(simulation_of(world.subject.carrier).bars, "no word for a barred SIM")
        reference = world.server.carrier.fleet.put(world.iccid, SimState.BARRED, world.subject.plan).reference
        assert world.change(Action.DEACTIVATE, reference).kind in UNDER_WAY
        assert world.settled(*NOT_ACTIVE).state in NOT_ACTIVE

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

    def test_what_a_carrier_says_that_it_offers_it_has(self, world: World) -> None:
        assert isinstance(world.carrier, Following) or not world.can.follows
        assert isinstance(world.carrier, Metering) or world.can.usage is UsageScope.NONE
        assert isinstance(world.carrier, Calling) or not world.can.calls_back

    def test_a_check_says_that_address_and_credentials_are_good(self, world: World) -> None:
        assert "answers" in world.carrier.check()
