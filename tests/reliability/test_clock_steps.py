"""A clock is set in mid-run, forward or back: SIMs wait longer at most, none is lost and none asked for twice."""

from dataclasses import replace

import pytest

from carriers.simulated.faults import Fault, RequestKind
from domain.lifecycle import Step
from engine.sending import send_due
from engine.settling import settle_due
from tests.engine.rig import ACCOUNT
from tests.reliability.world import QUIET_SECONDS, World

HOUR = 3600.0
ONCE = {"claim": 3, "activate": 3}


def sends_while_the_clock_is_set(world: World, label: str, seconds: float) -> None:
    """The first lease meets the step at this point; the stopwatch, which no clock moves, goes on as if nothing was."""
    steps = [seconds]

    def at(reached: str) -> None:
        if reached == label and steps:
            world.clock.move(steps.pop())

    send_due(replace(world.rig.context, at=at, slots={}), ACCOUNT)
    assert steps == []


@pytest.mark.parametrize("label", ["after-intent-commit", "after-request"])
@pytest.mark.parametrize("seconds", [2 * HOUR, -HOUR])
def test_a_clock_that_is_set_while_requests_leave_delays_and_repeats_nothing(
    world: World, label: str, seconds: float
) -> None:
    world.rig.load(3)
    sends_while_the_clock_is_set(world, label, seconds)
    assert world.go_on(2 * HOUR, step_seconds=60.0) == {Step.DONE: 3}
    assert (world.requests(), world.effects()) == (ONCE, {1})
    arrived_before_it_was_intended = seconds < 0 and label == "after-intent-commit"  # by the clock that was set
    assert {told.partition(":")[0] for told in world.broken()} == ({"3"} if arrived_before_it_was_intended else set())


def test_a_clock_that_is_set_back_keeps_every_look_and_every_slot_until_it_has_caught_up(world: World) -> None:
    world.rig.load(3)
    world.claim()
    world.send()
    world.clock.move(-HOUR)
    assert world.go_on(HOUR - 60.0, step_seconds=300.0) == {Step.ACCEPTED: 3}
    assert world.go_on(600.0) == {Step.DONE: 3}
    assert (world.requests(), world.broken()) == (ONCE, [])


def test_a_clock_that_is_set_forward_ends_a_lease_early_and_its_answer_is_read_and_not_asked_for_again(
    world: World,
) -> None:
    world.rig.load(1)
    world.claim()
    other = replace(world.rig.context, worker="second", slots={})

    def at(label: str) -> None:
        if label == "after-request":
            world.clock.move(2 * HOUR)
            settle_due(other, ACCOUNT)
            assert world.rig.steps() == {Step.UNKNOWN: 1}

    send_due(replace(world.rig.context, at=at, slots={}), ACCOUNT)
    assert world.rig.steps() == {Step.UNKNOWN: 1}, "the answer came under a lease that was over"
    assert world.go_on() == {Step.DONE: 1}
    assert world.requests() == {"claim": 1, "activate": 1}
    assert world.broken() == []


def test_a_clock_that_is_set_forward_a_day_ends_no_wait_before_the_carrier_was_read(world: World) -> None:
    world.rig.load(1)
    world.claim()
    world.fail(Fault.LOST_REPLY, kinds=[RequestKind.ACTIVATE])
    assert world.send() == {Step.UNKNOWN: 1}
    world.clock.move(30 * HOUR)
    assert world.settle() == {Step.DONE: 1}
    assert world.requests() == {"claim": 1, "activate": 1}
    world.clock.move(QUIET_SECONDS)
    assert world.broken() == []
