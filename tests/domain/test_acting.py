"""What an action means for one SIM, by every state and step; whatever people ask for, in any order, one at a time."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.acting import ACTED, LIVE_STEPS, REFUSED, REQUESTED, SENTENCES, Fate, Standing, fate_of
from domain.deciding import FOR_PEOPLE
from domain.judging import WANTED
from domain.lifecycle import OPEN_STEPS, Action, SimState, Step

ACTIVATED = (Action.ACTIVATE, Step.DONE)
ACTIVATE, DEACTIVATE, RELEASE = Action.ACTIVATE, Action.DEACTIVATE, Action.RELEASE


@pytest.mark.parametrize(
    ("action", "state", "fate"),
    [
        (ACTIVATE, SimState.ACTIVE, Fate.NOTHING_TO_DO),
        (ACTIVATE, SimState.DEACTIVATED, Fate.PLANNED),
        (ACTIVATE, SimState.INACTIVE, Fate.PLANNED),
        (ACTIVATE, SimState.ACTIVATING, Fate.PLANNED),
        (ACTIVATE, SimState.ABSENT, Fate.NOT_CLAIMED),
        (DEACTIVATE, SimState.ACTIVE, Fate.PLANNED),
        (DEACTIVATE, SimState.DEACTIVATED, Fate.NOTHING_TO_DO),
        (DEACTIVATE, SimState.INACTIVE, Fate.NOTHING_TO_DO),
        (ACTIVATE, SimState.READY, Fate.PLANNED),
        (DEACTIVATE, SimState.READY, Fate.PLANNED),
        (DEACTIVATE, SimState.UNKNOWN, Fate.PLANNED),
        (DEACTIVATE, SimState.ABSENT, Fate.NOTHING_TO_DO),
        (RELEASE, SimState.ACTIVE, Fate.PLANNED),
        (RELEASE, SimState.DEACTIVATED, Fate.PLANNED),
        (RELEASE, SimState.ABSENT, Fate.FREED),
        *((action, SimState.RELEASED, Fate.RELEASED) for action in Action),
    ],
)
def test_the_present_state_decides_where_nothing_is_under_way(action: Action, state: SimState, fate: Fate) -> None:
    assert fate_of(action, Standing(state, ACTIVATED)) is fate


@pytest.mark.parametrize("step", sorted(LIVE_STEPS))
@pytest.mark.parametrize(
    ("under_way", "asked", "fate"),
    [
        (ACTIVATE, ACTIVATE, Fate.NOTHING_TO_DO),
        (ACTIVATE, DEACTIVATE, Fate.QUEUED),
        (DEACTIVATE, ACTIVATE, Fate.QUEUED),
        (DEACTIVATE, DEACTIVATE, Fate.NOTHING_TO_DO),
        (DEACTIVATE, RELEASE, Fate.QUEUED),
        (RELEASE, ACTIVATE, Fate.RELEASED),
        (RELEASE, RELEASE, Fate.RELEASED),
    ],
)
def test_what_is_under_way_decides_before_the_state(step: Step, under_way: Action, asked: Action, fate: Fate) -> None:
    for state in set(SimState) - {SimState.RELEASED}:
        assert fate_of(asked, Standing(state, (under_way, step))) is fate


def test_a_protected_product_keeps_its_sims_and_lets_them_be_deactivated() -> None:
    standing = Standing(SimState.ACTIVE, ACTIVATED, is_protected=True)
    assert fate_of(RELEASE, standing) is Fate.PROTECTED
    assert fate_of(DEACTIVATE, standing) is Fate.PLANNED


def test_a_carrier_is_asked_only_for_what_it_offers() -> None:
    pauses = (SimState.ACTIVE, SimState.DEACTIVATED)
    assert fate_of(RELEASE, Standing(SimState.ACTIVE, ACTIVATED, offers=pauses)) is Fate.NOT_OFFERED
    assert fate_of(DEACTIVATE, Standing(SimState.ACTIVE, ACTIVATED, offers=pauses)) is Fate.PLANNED
    assert fate_of(DEACTIVATE, Standing(SimState.ACTIVE, ACTIVATED, offers=None)) is Fate.NOT_CONFIGURED


@pytest.mark.parametrize("step", [Step.NEEDS_REVIEW, Step.TIMED_OUT])
@pytest.mark.parametrize("last", Action)
@pytest.mark.parametrize("asked", Action)
def test_where_the_last_operation_is_not_settled_nothing_is_asked_whatever_the_state(
    step: Step, last: Action, asked: Action
) -> None:
    fates = {state: fate_of(asked, Standing(state, (last, step))) for state in SimState}
    assert fates.pop(SimState.RELEASED) is Fate.RELEASED
    assert set(fates.values()) == {Fate.UNSETTLED}


def test_a_released_sim_is_taken_in_again_only_where_it_was_named_and_its_carrier_can() -> None:
    released = Standing(SimState.RELEASED, (RELEASE, Step.DONE), may_return=True)
    assert fate_of(ACTIVATE, released) is Fate.TAKEN_BACK
    assert fate_of(ACTIVATE, replace(released, lacks_code=True)) is Fate.NEEDS_CODE
    assert fate_of(ACTIVATE, replace(released, offers=())) is Fate.NOT_OFFERED
    assert fate_of(ACTIVATE, replace(released, newest=(RELEASE, Step.TIMED_OUT))) is Fate.UNSETTLED
    assert {fate_of(action, released) for action in (DEACTIVATE, RELEASE)} == {Fate.RELEASED}
    assert fate_of(ACTIVATE, replace(released, may_return=False)) is Fate.RELEASED
    under_way = Standing(SimState.ACTIVE, (RELEASE, Step.ACCEPTED), may_return=True)
    assert fate_of(ACTIVATE, under_way) is Fate.RELEASED


def test_what_the_carrier_refused_leaves_a_sim_that_can_be_freed() -> None:
    assert fate_of(RELEASE, Standing(SimState.ABSENT, (ACTIVATE, Step.REJECTED))) is Fate.FREED


@pytest.mark.parametrize("action", Action)
def test_a_held_sim_waits_for_room_whatever_is_asked(action: Action) -> None:
    assert fate_of(action, Standing(SimState.ABSENT, (ACTIVATE, Step.HELD))) is Fate.HELD


def test_what_the_carrier_has_barred_is_not_activated_by_us_and_can_be_given_back() -> None:
    barred = Standing(SimState.BARRED, (ACTIVATE, Step.DONE))
    assert fate_of(ACTIVATE, barred) is Fate.BARRED
    assert fate_of(RELEASE, barred) is Fate.PLANNED


def test_every_fate_has_a_sentence_and_is_acted_on_refused_or_nothing_to_do() -> None:
    assert set(SENTENCES) == set(Fate) == {*ACTED, *REFUSED, Fate.NOTHING_TO_DO}


@dataclass
class Sim:
    """A SIM with its operations; what is first in the queue goes on, and ends well or badly."""

    state: SimState
    operations: list[tuple[Action, Step]] = field(default_factory=list)
    requests: list[tuple[SimState, Action]] = field(default_factory=list)

    def standing(self) -> Standing:
        live = [one for one in self.operations if one[1] in LIVE_STEPS]
        newest = next(reversed(live or self.operations), None)
        return Standing(self.state, newest)

    def ask(self, action: Action) -> Fate:
        standing = self.standing()
        fate = fate_of(action, standing)
        if fate in (Fate.PLANNED, Fate.QUEUED):
            self.requests.append((standing.expected, action))
            self.operations.append((action, Step.PLANNED))
        elif fate is Fate.FREED:
            self.operations.append((action, Step.DONE))
            self.state = SimState.RELEASED
        return fate

    def first_live(self) -> int | None:
        return next((at for at, (_, step) in enumerate(self.operations) if step in LIVE_STEPS), None)

    def go_on(self, target: Step) -> None:
        at = self.first_live()
        if at is None:
            return
        action = self.operations[at][0]
        self.operations[at] = (action, target)
        if target is Step.DONE:
            self.state = REQUESTED[action]

    def in_flight(self) -> int:
        return sum(step in OPEN_STEPS for _, step in self.operations)


TARGETS = st.sampled_from([*OPEN_STEPS, Step.DONE, Step.REJECTED, Step.TIMED_OUT, Step.NEEDS_REVIEW])
DEEDS = st.lists(st.one_of(st.sampled_from(Action), TARGETS), max_size=30)


@given(st.sampled_from(SimState), DEEDS)
def test_any_sequence_keeps_one_in_flight_and_plans_no_request_for_what_is_so(
    state: SimState, deeds: list[Action | Step]
) -> None:
    sim = Sim(state)
    for deed in deeds:
        was_released = sim.standing().expected is SimState.RELEASED
        if isinstance(deed, Action):
            live, newest = sim.standing().is_live, sim.standing().newest
            fate = sim.ask(deed)
            assert fate not in ACTED or newest is None or newest[1] not in FOR_PEOPLE
            assert (fate is Fate.RELEASED) == was_released
            assert fate is not Fate.PLANNED or not live
            assert fate is not Fate.QUEUED or live
            assert sim.ask(deed) not in ACTED  # asked twice is asked once
        else:
            sim.go_on(deed)
        assert sim.in_flight() <= 1
    assert all(expected not in WANTED[action] for expected, action in sim.requests)
