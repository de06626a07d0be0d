"""The other clock's moments are found although every answer takes its time."""

from hypothesis import given
from hypothesis import strategies as st

from domain.clocks import OtherClock

times = st.floats(0.001, 0.5)


@given(offset=st.floats(-1e6, 1e6), ways=st.lists(st.tuples(times, times), min_size=1, max_size=30))
def test_the_error_is_at_most_half_of_the_quickest_answers_time(offset: float, ways: list[tuple[float, float]]) -> None:
    clock, now = OtherClock(), 1000.0
    for there, back in ways:
        clock.learn(now, now + there - offset, now + there + back)
        now += 10.0
    quickest = min(there + back for there, back in ways)
    assert abs(clock.here(5000.0 - offset) - 5000.0) <= quickest / 2 + 1e-6


@given(slow=st.floats(1.0, 60.0))
def test_a_slow_answer_shifts_nothing(slow: float) -> None:
    clock = OtherClock()
    clock.learn(10.0, 500.001, 10.002)
    before = clock.here(600.0)
    clock.learn(20.0, 510.5, 20.0 + slow)
    assert clock.here(600.0) == before


def test_a_clock_that_was_set_is_believed_at_once() -> None:
    clock = OtherClock()
    clock.learn(10.0, 500.0, 10.002)
    clock.learn(11.0, 900.0, 11.002)
    assert abs(clock.here(901.0) - 12.001) < 1e-6
