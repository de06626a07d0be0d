"""One row per carrier account holds the limit over threads, processes and restarts."""

import random
import time
from collections.abc import Callable
from multiprocessing import get_context

import pytest

from domain.pacing import Pace, Slots, Window, pace_of
from storage import limits
from storage.database import Database
from storage.limits import Circuit
from tests.conftest import MovingClock

PACE = Pace(interval_seconds=0.1)

Reserve = Callable[..., Slots]


@pytest.fixture
def reserve(database: Database, moving_clock: MovingClock) -> Reserve:
    """Reserve in a transaction of its own."""

    def take(count: int = 1, pace: Pace = PACE, account: str = "kore", at_once: int = 1) -> Slots:
        with database.begin() as tx:
            return limits.reserve(tx, account, pace, count, at_once=at_once)

    return take


@pytest.fixture
def refuse(database: Database, moving_clock: MovingClock) -> Callable[[float], None]:
    """The carrier says when to come back."""

    def told(seconds: float) -> None:
        with database.begin() as tx:
            limits.told_to_wait(tx, "kore", seconds)

    return told


@pytest.fixture
def fail(database: Database, moving_clock: MovingClock) -> Callable[[], Circuit]:
    """One more failure of the carrier; the circuit after it."""

    def count() -> Circuit:
        with database.begin() as tx:
            limits.record_failure(tx, "kore", "It gave no answer.", threshold=3, pause_seconds=30)
            return limits.circuit(tx, "kore")

    return count


def circuit(database: Database) -> Circuit:
    with database.read() as tx:
        return limits.circuit(tx, "kore")


def test_slots_follow_each_other_at_the_interval(reserve: Reserve) -> None:
    waits = [reserve().wait_seconds for _ in range(4)]
    assert waits == pytest.approx([0.0, 0.1, 0.2, 0.3], abs=1e-5)


def test_several_slots_are_reserved_at_once(reserve: Reserve) -> None:
    first, second = reserve(3), reserve(2)
    assert (first.wait_seconds, first.interval_seconds, first.count) == pytest.approx((0.0, 0.1, 3), abs=1e-5)
    assert second.wait_seconds == pytest.approx(0.3, abs=1e-5)


def test_time_that_nobody_used_is_not_saved_up(reserve: Reserve, moving_clock: MovingClock) -> None:
    reserve()
    moving_clock.move(3600)
    assert [reserve().wait_seconds for _ in range(3)] == pytest.approx([0.0, 0.1, 0.2], abs=1e-5)


def test_a_burst_leaves_before_its_turn_and_whoever_comes_next_waits_until_it_is_made_up_for(
    reserve: Reserve, moving_clock: MovingClock
) -> None:
    bursting = Pace(interval_seconds=0.1, at_once=3)
    assert reserve(pace=bursting, at_once=8).departures() == pytest.approx([0.0, 0.0, 0.0], abs=1e-5)
    assert reserve(pace=bursting, at_once=8).departures() == pytest.approx([0.3], abs=1e-5)
    moving_clock.move(0.55)  # everything booked is over for 0.15 s: one turn went by unused
    assert reserve(2, pace=bursting, at_once=8).departures() == pytest.approx([0.0, 0.0], abs=1e-5)
    assert reserve(pace=bursting, at_once=8).wait_seconds == pytest.approx(0.2, abs=1e-5)


def test_a_burst_is_as_large_as_those_who_use_it(reserve: Reserve) -> None:
    assert reserve(pace=Pace(interval_seconds=0.1, at_once=5), at_once=2).count == 2
    assert reserve(4, pace=Pace(interval_seconds=0.1, at_once=5), account="telnyx").departures()[1] > 0


def test_each_carrier_account_has_its_own_limit(reserve: Reserve) -> None:
    reserve(50)
    assert reserve(account="telnyx").wait_seconds == 0.0


def test_what_is_booked_is_seen_and_not_changed_by_looking(
    reserve: Reserve, database: Database, moving_clock: MovingClock
) -> None:
    reserve(30)
    for _ in range(2):
        with database.read() as tx:
            assert limits.booked_seconds(tx, "kore") == pytest.approx(3.0, abs=1e-5)
            assert limits.booked_seconds(tx, "telnyx") == 0.0


def test_a_refusal_holds_everybody_back(reserve: Reserve, refuse: Callable[[float], None]) -> None:
    refuse(7.0)
    assert reserve().wait_seconds == pytest.approx(7.0, abs=1e-5)


def test_a_shorter_wait_does_not_cut_a_longer_one_short(reserve: Reserve, refuse: Callable[[float], None]) -> None:
    refuse(7.0)
    refuse(1.0)
    assert reserve().wait_seconds == pytest.approx(7.0, abs=1e-5)


def test_a_refusal_slows_everybody_down(reserve: Reserve, refuse: Callable[[float], None]) -> None:
    refuse(0.0)
    assert reserve(4).interval_seconds == pytest.approx(0.15)


def test_several_refusals_within_a_second_count_once(
    reserve: Reserve, refuse: Callable[[float], None], moving_clock: MovingClock
) -> None:
    for _ in range(8):
        refuse(0.0)
        moving_clock.move(0.05)
    assert reserve().interval_seconds == pytest.approx(0.15, abs=0.01)


def test_refusals_one_after_the_other_slow_down_further_but_not_for_ever(
    reserve: Reserve, refuse: Callable[[float], None], moving_clock: MovingClock
) -> None:
    intervals = []
    for _ in range(10):
        refuse(0.0)
        intervals.append(reserve().interval_seconds)
        moving_clock.move(1.01)
    assert intervals[1] == pytest.approx(0.22, abs=0.01)
    assert intervals[-1] == pytest.approx(0.8)


def test_the_pace_recovers_by_itself(
    reserve: Reserve, refuse: Callable[[float], None], moving_clock: MovingClock
) -> None:
    refuse(0.0)
    moving_clock.move(7.5)
    assert reserve().interval_seconds == pytest.approx(0.125)
    moving_clock.move(7.5)
    assert reserve().interval_seconds == pytest.approx(0.1)


def test_a_clock_that_is_set_back_does_not_slow_anybody_down(
    reserve: Reserve, refuse: Callable[[float], None], moving_clock: MovingClock
) -> None:
    refuse(0.0)
    moving_clock.move(-3600)
    assert reserve().interval_seconds == pytest.approx(0.15)


def test_failures_in_a_row_pause_the_carrier(fail: Callable[[], Circuit], database: Database) -> None:
    assert [fail().paused_for_seconds for _ in range(3)] == [0.0, 0.0, pytest.approx(30.0)]
    now = circuit(database)
    assert (now.failures_in_a_row, now.last_failure) == (3, "It gave no answer.")
    assert now.paused_for_seconds == pytest.approx(30.0)


def test_each_further_failure_doubles_the_pause_up_to_a_bound(
    fail: Callable[[], Circuit], moving_clock: MovingClock
) -> None:
    pauses = []
    for _ in range(9):
        pauses.append(fail().paused_for_seconds)
        moving_clock.move(pauses[-1])
    assert pauses == pytest.approx([0, 0, 30, 60, 120, 240, 480, 480, 480], abs=1e-3)


def test_requests_that_were_under_way_when_the_pause_began_do_not_prolong_it(
    fail: Callable[[], Circuit], moving_clock: MovingClock
) -> None:
    for _ in range(3):
        fail()
    moving_clock.move(1)
    assert [fail().paused_for_seconds for _ in range(20)] == pytest.approx([29.0] * 20, abs=1e-3)
    moving_clock.move(29)
    assert fail().paused_for_seconds == pytest.approx(60.0, abs=1e-3)


def test_a_success_ends_the_pause_and_the_count(fail: Callable[[], Circuit], database: Database) -> None:
    for _ in range(3):
        fail()
    with database.begin() as tx:
        limits.record_success(tx, "kore")
    assert circuit(database) == Circuit(0.0, 0, None)
    assert fail().paused_for_seconds == 0.0


def test_a_carrier_that_nobody_asked_yet_is_not_paused(database: Database) -> None:
    assert circuit(database) == Circuit(0.0, 0, None)


def test_a_restart_keeps_the_limit_and_the_circuit(
    reserve: Reserve, fail: Callable[[], Circuit], database_url: str, moving_clock: MovingClock
) -> None:
    reserve(20)
    for _ in range(3):
        fail()
    again = Database(database_url, clock=moving_clock)
    with again.begin() as tx:
        assert limits.circuit(tx, "kore").paused_for_seconds == pytest.approx(30.0)
        assert limits.reserve(tx, "kore", PACE, 1).wait_seconds == pytest.approx(2.0, abs=1e-5)
    again.close()


def departures(url: str, count: int) -> list[float]:
    """Reserve so many slots one by one, as one worker does: when each leaves, as epoch seconds."""
    database, left = Database(url), []
    for _ in range(count):
        with database.begin() as tx:
            wait = limits.reserve(tx, "kore", pace_of([Window(50, 1)]), 1).wait_seconds
        left.append(time.time() + wait)
        time.sleep(wait)
    database.close()
    return left


WINDOWS = (Window(10, 1), Window(100, 60))


@pytest.mark.parametrize("burst", [0, 10])
def test_no_second_and_no_minute_holds_more_than_agreed_however_reservations_fall(
    reserve: Reserve, moving_clock: MovingClock, burst: int
) -> None:
    chance, pace, left = random.Random(burst), pace_of(WINDOWS, burst), []
    for _ in range(100):
        slots = reserve(chance.randint(1, 4), pace=pace, at_once=chance.randint(1, 12))
        left += [slots.told_at + wait for wait in slots.departures()]
        moving_clock.move(chance.choice([0.0, 0.01, 0.4, 2.0, chance.expovariate(0.2)]))
    for window in WINDOWS:
        most = max(sum(start <= at < start + window.per_seconds - 1e-4 for at in left) for start in left)
        assert most <= window.count
    assert (len(set(left)) < len(left)) is bool(burst), "bursts were granted, or they were not asked for"


@pytest.mark.slow
def test_two_processes_together_never_exceed_the_limit(database_url: str) -> None:
    with get_context("spawn").Pool(2) as workers:
        both = workers.starmap(departures, [(database_url, 60)] * 2)
    left = sorted(both[0] + both[1])
    assert len(left) == 120
    assert max(sum(start <= at < start + 1.0 for at in left) for start in left) <= 50
