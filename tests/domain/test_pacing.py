"""Slots are spaced so that no window of the carrier ever holds more than its limit."""

from hypothesis import given
from hypothesis import strategies as st

from domain.pacing import Pace, Window, pace_of


def most_in_any_window(pace: Pace, window: Window) -> int:
    """Departures at their slots, each as late as the pace lets it be, the worst way for one window."""
    slots = [i * pace.interval_seconds for i in range(window.count * 3)]
    first_late = slots[0] + pace.lateness_seconds
    return sum(1 for slot in slots if slot < first_late + window.per_seconds and slot >= slots[0])


@given(count=st.integers(1, 2_000), per_seconds=st.sampled_from([1.0, 60.0, 300.0]))
def test_no_window_holds_more_than_the_limit_even_when_departures_are_late(count: int, per_seconds: float) -> None:
    window = Window(count, per_seconds)
    assert most_in_any_window(pace_of([window]), window) <= count


def test_of_two_windows_the_slower_one_decides() -> None:
    assert pace_of([Window(10, 1), Window(100, 60)], headroom=1.0).interval_seconds == 0.6


def test_the_default_headroom_uses_more_than_95_percent_of_the_limit() -> None:
    assert pace_of([Window(100, 1)]).per_second > 95
