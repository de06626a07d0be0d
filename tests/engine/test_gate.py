"""Departures: evenly spaced, inside the lease, and none of them wasted."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from carriers.errors import CarrierPaused, NotSent
from domain.pacing import Pace
from engine.context import Timing
from engine.gate import LeaseGate, Slots, gate_of_lease
from engine.sending import send_due
from storage import limits
from storage.database import Database
from storage.schema import history
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig
from tests.engine.scripted import ScriptedCarrier, TurnedStopwatch

PACE = Pace(interval_seconds=0.1, lateness_seconds=0.015)


@pytest.fixture
def stopwatch(moving_clock: MovingClock) -> TurnedStopwatch:
    return TurnedStopwatch(moving_clock)


@pytest.fixture
def gate(scripted_rig: Rig, moving_clock: MovingClock, stopwatch: TurnedStopwatch) -> LeaseGate:
    """Two slots are reserved at a time; the lease lets requests go for 10 s."""
    slots = Slots(scripted_rig.context.commit, ACCOUNT, PACE, stopwatch)
    return LeaseGate(slots, stopwatch, stopwatch.time + 10.0, lateness_seconds=PACE.lateness_seconds, threads=2)


def paused_for(database: Database, seconds: float) -> None:
    with database.begin() as tx:
        limits.told_to_wait(tx, ACCOUNT, seconds)


def booked_seconds(database: Database, clock: MovingClock) -> float:
    """How far ahead the limit is booked."""
    with database.read() as tx:
        return float(tx.execute(text("SELECT empty_at FROM limits")).scalar_one()) - clock().timestamp()


def test_requests_leave_one_interval_apart(gate: LeaseGate, stopwatch: TurnedStopwatch) -> None:
    left = []
    for _ in range(4):
        gate.wait_for_slot()
        left.append(round(stopwatch.time - 1000.0, 3))
    assert left == [0.0, 0.1, 0.2, 0.3]


def test_a_burst_leaves_at_once_from_all_threads_and_the_next_request_waits_for_its_turn(
    scripted_rig: Rig, stopwatch: TurnedStopwatch
) -> None:
    slots = Slots(scripted_rig.context.commit, ACCOUNT, Pace(interval_seconds=0.1, at_once=5), stopwatch)
    gate = LeaseGate(slots, stopwatch, stopwatch.time + 10.0, lateness_seconds=0.015, threads=8)
    left = []
    for _ in range(7):
        gate.wait_for_slot()
        left.append(round(stopwatch.time - 1000.0, 3))
    assert left == [0.0] * 5 + [0.5, 0.6]


def test_a_slot_after_the_lease_is_refused_and_not_spent(
    gate: LeaseGate, stocked: Database, moving_clock: MovingClock
) -> None:
    paused_for(stocked, 60)
    for _ in range(50):
        with pytest.raises(NotSent) as refused:
            gate.wait_for_slot()
        assert refused.value.retry_after_seconds == pytest.approx(60, abs=0.2)
    assert booked_seconds(stocked, moving_clock) < 61


def test_a_gate_is_closed_when_its_lease_has_ended(gate: LeaseGate, stopwatch: TurnedStopwatch) -> None:
    gate.wait_for_slot()
    stopwatch.pass_by(10.1)
    with pytest.raises(NotSent):
        gate.wait_for_slot()


def test_a_stop_ends_a_long_wait_and_lets_nothing_through(
    scripted_rig: Rig, stopwatch: TurnedStopwatch, stocked: Database
) -> None:
    rig = scripted_rig.but(stopwatch=stopwatch, is_stopping=lambda: stopwatch.time > 1002.0)
    gate = gate_of_lease(rig.context, ACCOUNT, started=stopwatch.time)
    gate.wait_for_slot()
    paused_for(stocked, 30)
    with pytest.raises(NotSent, match="was stopped"):
        for _ in range(100):
            gate.wait_for_slot()
    assert stopwatch.time < 1003.0
    with pytest.raises(NotSent, match="was stopped"):
        gate.wait_for_slot()


def test_a_thread_that_wakes_too_late_lets_its_slot_go(gate: LeaseGate, stopwatch: TurnedStopwatch) -> None:
    gate.wait_for_slot()  # slots at 0.0 and 0.1 are in hand
    stopwatch.pass_by(0.116)
    gate.wait_for_slot()
    assert stopwatch.time == pytest.approx(1000.2)


def test_a_thread_that_is_a_little_late_uses_its_slot(gate: LeaseGate, stopwatch: TurnedStopwatch) -> None:
    gate.wait_for_slot()
    stopwatch.pass_by(0.114)
    gate.wait_for_slot()
    assert stopwatch.time == pytest.approx(1000.114)


def test_a_paused_carrier_lets_nothing_through(gate: LeaseGate, stocked: Database) -> None:
    with stocked.begin() as tx:
        limits.record_failure(tx, ACCOUNT, "It is down.", threshold=1, pause_seconds=30)
    with pytest.raises(CarrierPaused, match=r"30 s: It is down\.") as paused:
        gate.wait_for_slot()
    assert paused.value.retry_after_seconds == pytest.approx(30)


def test_what_the_carrier_says_voids_the_slots_in_hand(scripted_rig: Rig, stopwatch: TurnedStopwatch) -> None:
    swift = Pace(interval_seconds=0.01)
    slots = Slots(scripted_rig.context.commit, ACCOUNT, swift, stopwatch)
    gate = LeaseGate(slots, stopwatch, stopwatch.time + 20.0, lateness_seconds=0.015, threads=8)
    gate.wait_for_slot()
    gate.told_to_wait(7.0)
    gate.wait_for_slot()
    assert sum(stopwatch.slept) == pytest.approx(7.0, abs=0.1)


def test_the_last_departure_leaves_time_for_its_answer_within_the_lease(
    scripted_rig: Rig, stopwatch: TurnedStopwatch
) -> None:
    rig = scripted_rig.but(stopwatch=stopwatch)
    timing, work = rig.context.timing, rig.context.carriers[ACCOUNT]
    gate = gate_of_lease(rig.context, ACCOUNT, started=stopwatch.time)
    stopwatch.pass_by(timing.lease_seconds - work.timeout_seconds - timing.lease_margin_seconds)
    gate.wait_for_slot()
    stopwatch.pass_by(0.001)
    with pytest.raises(NotSent):
        gate.wait_for_slot()


@pytest.mark.parametrize("seconds", [6, 3600])
def test_a_long_pause_costs_neither_slots_nor_history(
    scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock, seconds: int
) -> None:
    scripted_rig.load(30)
    database = scripted_rig.context.database
    paused_for(database, seconds)
    for _ in range(5):
        tally = send_due(scripted_rig.context, ACCOUNT)
        assert (tally.taken, scripted.submitted) == (0, [])
        assert tally.wait_seconds == pytest.approx(seconds, abs=1)
    with database.read() as tx:
        assert tx.execute(history.select()).all() == []
    assert booked_seconds(database, moving_clock) == pytest.approx(seconds, abs=1)


def test_no_more_is_taken_than_can_leave_within_the_lease(scripted_rig: Rig, stopwatch: TurnedStopwatch) -> None:
    scripted_rig.load(30)
    slow = Pace(interval_seconds=4.0)
    work = scripted_rig.context.carriers[ACCOUNT]
    rig = scripted_rig.but(
        carriers={ACCOUNT: replace(work, pace=slow)}, stopwatch=stopwatch, timing=Timing(lease_seconds=22.0)
    )
    paused_for(rig.context.database, 4)  # of the 12 s in which requests may leave, 8 remain
    assert send_due(rig.context, ACCOUNT).taken == 2
