"""Slots are spaced so that no window of the carrier ever holds more than its limit."""

from collections import Counter
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pacing import Pace, Slots, Window, pace_of

per_seconds = st.sampled_from([0.5, 1.0, 60.0, 300.0])
windows = st.lists(st.builds(Window, st.integers(1, 2_000), per_seconds), min_size=1, max_size=3)
paces = st.tuples(windows, st.integers(0, 50), st.floats(0.5, 1.0))
USUAL = [
    ([Window(10, 1)], 5),
    ([Window(10, 1), Window(100, 60)], 10),
    ([Window(100, 60)], 10),
    ([Window(50, 1), Window(1_000, 60)], 20),
    ([Window(1, 1)], 5),
]


def most_in_any_window(departures: list[float], seconds: float) -> int:
    """The most that leave within any half-open window of this length."""
    ordered, most, start = sorted(departures), 0, 0
    for end, at in enumerate(ordered):
        while ordered[start] <= at - seconds + 1e-7:
            start += 1
        most = max(most, end - start + 1)
    return most


class Limit:
    """The row of an account as `storage/limits.py` keeps it, and every departure that it gave out."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.empty_at = 0.0
        self.left: list[float] = []

    def reserve(self, now: float, count: int) -> None:
        """So many, at this moment; more where they may leave together."""
        interval = self.pace.interval_seconds
        together = min(self.pace.together(now - self.empty_at, interval), count)
        self.empty_at = max(self.empty_at, now) + count * interval
        waits = Slots(self.empty_at - count * interval - now, interval, count, at_once=together).departures()
        self.left += [now + wait for wait in waits]


@given(paces, st.lists(st.tuples(st.floats(0, 3), st.integers(1, 12)), max_size=60), st.data())
def test_no_window_ever_holds_more_than_its_limit_whenever_and_however_many_are_reserved(
    setting: tuple[list[Window], int, float], asked: list[tuple[float, int]], data: st.DataObject
) -> None:
    limits, burst, headroom = setting
    limit = Limit(pace_of(limits, burst, headroom))
    moments = accumulate(pause for pause, _ in asked)
    for now, (_, count) in zip(moments, asked, strict=True):
        limit.reserve(1e3 + now, count)
    lateness = data.draw(st.lists(st.floats(0, 1), min_size=1, max_size=5))
    late = [at + lateness[n % len(lateness)] * limit.pace.lateness_seconds for n, at in enumerate(limit.left)]
    for window in limits:
        assert most_in_any_window(late, window.per_seconds) <= window.count


@pytest.mark.parametrize(("limits", "burst"), USUAL)
def test_a_steady_use_takes_at_least_95_percent_of_the_tightest_window(limits: list[Window], burst: int) -> None:
    pace = pace_of(limits, burst)
    assert 0.95 <= pace.per_second / min(one.count / one.per_seconds for one in limits) < 1.0


@pytest.mark.parametrize(("limits", "burst"), USUAL)
def test_bursts_as_often_as_they_are_granted_cost_no_pace_and_break_no_window(limits: list[Window], burst: int) -> None:
    limit = Limit(pace_of(limits, burst))
    size, interval = limit.pace.at_once, limit.pace.interval_seconds
    for nth in range(300):
        limit.reserve(1e3 + nth * ((2 * size - 1) * interval + 1e-6), size)
    assert Counter(Counter(limit.left).values()) == {size: 300}
    assert all(most_in_any_window(limit.left, one.per_seconds) <= one.count for one in limits)


def test_of_two_windows_the_slower_one_decides() -> None:
    both = pace_of([Window(10, 1), Window(100, 60)], headroom=1.0)
    assert both.interval_seconds == pytest.approx(0.6, abs=1e-4)


def test_no_burst_is_larger_than_the_smallest_window() -> None:
    assert pace_of([Window(10, 1), Window(100, 60)], burst=30).at_once == 10
    assert pace_of([Window(10, 1)]).at_once == 1


def test_the_default_headroom_uses_more_than_95_percent_of_the_limit() -> None:
    assert pace_of([Window(100, 1)]).per_second > 95
