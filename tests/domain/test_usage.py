"""Days, sums that become days, and what is known: nothing is lost, doubled or negative."""

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.usage import DAY, Days, Increase, Known, Reading, day_of, increase, joined, not_known, read_so_far, spread

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
moments = st.datetimes(datetime(2023, 12, 1), datetime(2024, 4, 1), timezones=st.just(UTC))  # noqa: DTZ001


def days(first: int, last: int) -> Days:
    """Days of February and March 2024, counted from February 1st as 0."""
    return Days(date(2024, 2, 1) + first * DAY, date(2024, 2, 1) + last * DAY)


spans = st.builds(lambda first, length: days(first, first + length), st.integers(0, 40), st.integers(0, 9))


@given(st.integers(0, 10**15), moments, moments)
def test_a_spread_sum_is_whole_and_nowhere_negative_or_outside(total: int, one: datetime, other: datetime) -> None:
    since, until = sorted((one, other))
    parts = spread(Increase(total, since, until))
    assert sum(parts.values()) == total
    assert all(part > 0 for part in parts.values())
    assert all(day_of(since) <= day <= day_of(until) for day in parts)


def test_a_leap_day_and_the_end_of_a_month_get_their_part() -> None:
    told = Increase(96, datetime(2024, 2, 28, tzinfo=UTC), datetime(2024, 3, 3, tzinfo=UTC))
    assert [(day.month, day.day, part) for day, part in spread(told).items()] == [
        (2, 28, 24),
        (2, 29, 24),
        (3, 1, 24),
        (3, 2, 24),
    ]


@pytest.mark.parametrize("change", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 8), date(2026, 11, 1)])
def test_a_day_on_which_clocks_change_has_24_hours(change: date) -> None:
    begins = datetime(change.year, change.month, change.day, tzinfo=UTC)
    assert set(spread(Increase(48, begins - DAY, begins + DAY)).values()) == {24}


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 300_000)), max_size=12))
def test_what_came_between_readings_adds_up_to_the_highest_of_each_period(steps: list[tuple[int, int]]) -> None:
    at, before, counted = datetime(2026, 1, 30, tzinfo=UTC), None, 0
    highest: dict[date, int] = {}
    for total, seconds in steps:
        at += timedelta(seconds=seconds)
        now = Reading(at.date().replace(day=1), total, at)
        came = increase(before, now)
        assert came.total_bytes >= 0
        assert came.since <= came.until
        counted += came.total_bytes
        before = read_so_far(before, now)
        highest[now.first] = max(total, highest.get(now.first, 0))
    assert counted == sum(highest.values())


def test_a_new_period_begins_at_nothing_on_its_first_day() -> None:
    before = Reading(date(2026, 2, 1), 900, datetime(2026, 2, 27, tzinfo=UTC))
    came = increase(before, Reading(date(2026, 3, 1), 40, NOON))
    assert (came.total_bytes, came.since) == (40, datetime(2026, 3, 1, tzinfo=UTC))


def test_a_sim_used_nothing_before_it_was_active() -> None:
    active_since = NOON - timedelta(hours=2)
    assert increase(None, Reading(date(2026, 3, 1), 40, NOON), active_since).since == active_since


@given(st.lists(spans, max_size=8), st.integers())
def test_what_is_known_is_the_same_in_whatever_order_it_came(told: list[Days], seed: int) -> None:
    known: tuple[Known, ...] = ()
    for number, one in enumerate(Random(seed).sample(told, len(told))):
        known = joined(known, Known(one, NOON + timedelta(seconds=number)))
    assert {day for one in known for day in one.days} == {day for one in told for day in one}
    assert sum(one.days.count for one in known) == len({day for one in told for day in one})
    assert not any(one.days.touches(other.days) for at, one in enumerate(known) for other in known[:at])


@given(spans, st.lists(spans, max_size=6))
def test_gaps_are_the_wanted_days_that_nothing_covers(wanted: Days, known: list[Days]) -> None:
    gaps = not_known(wanted, known)
    assert [day for gap in gaps for day in gap] == sorted(set(wanted) - {day for one in known for day in one})


def test_days_after_the_last_are_none() -> None:
    assert (days(5, 4).count, list(days(5, 4)), days(0, 3).covers(days(9, 8))) == (0, [], True)
    assert (str(days(0, 0)), str(days(27, 29))) == ("2024-02-01", "2024-02-28 to 2024-03-01")
