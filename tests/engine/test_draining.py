"""The loops: they end when nothing is due, when the time is over, or when the work is."""

import pytest

from carriers.contract import Answer, AnswerKind, CarrierSim, Order
from domain.lifecycle import SimState, Step
from engine.draining import drain, follow, settle
from storage import limits
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig
from tests.engine.scripted import REFERENCE, ScriptedCarrier, TurnedStopwatch


@pytest.fixture
def rig(scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock) -> Rig:
    scripted.can(page_size=0)
    return scripted_rig.but(stopwatch=TurnedStopwatch(moving_clock))


def accept(order: Order) -> Answer:
    return Answer(order.iccid, AnswerKind.ACCEPTED, "scheduled", carrier_reference=REFERENCE)


def stuck(iccid: str) -> CarrierSim:
    return CarrierSim(iccid, SimState.ACTIVATING, "scheduled", REFERENCE)


def test_draining_claims_and_activates_until_nothing_is_due(rig: Rig) -> None:
    rig.load(7)
    tally = drain(rig.context, ACCOUNT, at_most_seconds=60)
    assert rig.steps() == {Step.DONE: 7}
    assert (tally.taken, tally.requests, tally.steps["done"]) == (14, 14, 7)


def test_draining_nothing_ends_at_once(rig: Rig) -> None:
    assert drain(rig.context, ACCOUNT, at_most_seconds=60).taken == 0


def test_draining_ends_when_the_time_is_over(rig: Rig) -> None:
    rig.load(2)
    assert drain(rig.context, ACCOUNT, at_most_seconds=0).taken == 0
    assert rig.steps() == {Step.PLANNED: 2}


def test_draining_does_not_sit_out_a_pause(rig: Rig) -> None:
    rig.load(2)
    with rig.context.database.begin() as tx:
        limits.told_to_wait(tx, ACCOUNT, 3600)
    tally = drain(rig.context, ACCOUNT, at_most_seconds=60)
    assert tally.wait_seconds == pytest.approx(3600, abs=1)
    assert rig.steps() == {Step.PLANNED: 2}


def test_settling_looks_once_at_what_is_due(rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock) -> None:
    rig.load(3)
    scripted.can(claims=False).answer = accept
    scripted.show = stuck
    drain(rig.context, ACCOUNT, at_most_seconds=60)
    moving_clock.move(5)
    assert settle(rig.context, ACCOUNT, at_most_seconds=60).taken == 3
    assert len(scripted.read_iccids) == 3


def test_following_goes_on_until_the_work_is_over(rig: Rig, scripted: ScriptedCarrier) -> None:
    rig.load(3)
    scripted.answer = accept
    follow(rig.context, at_most_seconds=600, is_over=lambda: rig.steps() == {Step.DONE: 3})
    assert rig.steps() == {Step.DONE: 3}


def test_following_ends_at_a_stop_and_neither_sends_nor_reads_after_it(rig: Rig, scripted: ScriptedCarrier) -> None:
    rig.load(9)
    scripted.can(claims=False).answer = accept
    stopping = rig.but(is_stopping=lambda: len(scripted.submitted) >= 4)
    follow(stopping.context, at_most_seconds=600, is_over=lambda: False)
    assert 4 <= len(scripted.submitted) < 9
    assert scripted.read_iccids == []
    assert rig.steps() == {Step.ACCEPTED: len(scripted.submitted), Step.PLANNED: 9 - len(scripted.submitted)}


def test_following_sleeps_while_nothing_is_due_and_ends_in_time(rig: Rig, scripted: ScriptedCarrier) -> None:
    rig.load(1)
    scripted.can(claims=False).answer = accept
    scripted.show = stuck
    follow(rig.context, at_most_seconds=10, is_over=lambda: False)
    assert rig.steps() == {Step.ACCEPTED: 1}
    assert 2 < len(scripted.read_iccids) < 12
