"""Days by another clock than UTC's: which of them lie on a UTC day, and what of them falls on it.

A carrier's day may begin at its own midnight, and have 23 or 25 hours when clocks change there.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from domain.usage import DAY, Days, Increase, day_of, spread, start_of

_INSTANT = timedelta(microseconds=1)


def there(days: Days, zone: tzinfo) -> Days:
    """The zone's days that these UTC days have a part in.

    >>> from zoneinfo import ZoneInfo
    >>> east = ZoneInfo("America/New_York")
    >>> str(there(Days(date(2024, 2, 28), date(2024, 2, 29)), east))
    '2024-02-27 to 2024-02-29'
    """
    ends = start_of(days.last + DAY) - _INSTANT
    return Days(start_of(days.first).astimezone(zone).date(), ends.astimezone(zone).date())


def covered(days: Days, zone: tzinfo) -> Days:
    """The UTC days of which the zone's days leave nothing out.

    >>> from zoneinfo import ZoneInfo
    >>> east = ZoneInfo("America/New_York")
    >>> str(covered(Days(date(2024, 2, 27), date(2024, 2, 29)), east))
    '2024-02-28 to 2024-02-29'
    """
    begins, ends = _begin(days.first, zone), _begin(days.last + DAY, zone)
    first = day_of(begins) if begins == start_of(day_of(begins)) else day_of(begins) + DAY
    return Days(first, day_of(ends) - DAY)


def over_at(now: datetime, zone: tzinfo) -> date:
    """The newest UTC day that is over, also for a carrier that keeps days of this zone and tells whole ones.

    >>> from zoneinfo import ZoneInfo
    >>> evening = datetime(2024, 3, 1, 1, tzinfo=UTC)
    >>> str(over_at(evening, UTC)), str(over_at(evening, ZoneInfo("America/New_York")))
    ('2024-02-29', '2024-02-28')
    """
    return day_of(_begin(now.astimezone(zone).date(), zone)) - DAY


def kept_since(now: datetime, kept_days: int, zone: tzinfo) -> date:
    """The oldest UTC day of which everything is kept, where so many of the zone's days before today are.

    >>> from zoneinfo import ZoneInfo
    >>> noon = datetime(2024, 3, 1, 12, tzinfo=UTC)
    >>> str(kept_since(noon, 2, UTC)), str(kept_since(noon, 2, ZoneInfo("America/New_York")))
    ('2024-02-28', '2024-02-29')
    """
    today = now.astimezone(zone).date()
    return covered(Days(today - kept_days * DAY, today), zone).first


def in_utc(told: Iterable[tuple[Days, int]], wanted: Days, zone: tzinfo) -> dict[date, int]:
    """The bytes of the zone's days by UTC day, in proportion to the time, as far as they fall on the wanted ones.

    Each part is the same whichever days are wanted, so days that are told in pieces add up. A wanted day of which a
    part was told has a number, be it 0: so a day can be told to have had no use after all.

    >>> from zoneinfo import ZoneInfo
    >>> leap_day, spring = date(2024, 2, 29), Days(date(2024, 2, 1), date(2024, 3, 31))
    >>> days = in_utc([(Days(leap_day, leap_day), 48)], spring, ZoneInfo("America/Chicago"))
    >>> {str(day): part for day, part in days.items()}
    {'2024-02-29': 36, '2024-03-01': 12}
    """
    sums: dict[date, int] = {}
    for days, total_bytes in told:
        begins, ends = _begin(days.first, zone), _begin(days.last + DAY, zone)
        parts = spread(Increase(total_bytes, begins, ends))
        for day in Days(day_of(begins), day_of(ends - _INSTANT)).since(wanted.first).until(wanted.last):
            sums[day] = sums.get(day, 0) + parts.get(day, 0)
    return sums


def _begin(day: date, zone: tzinfo) -> datetime:
    """The day's first moment over there."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
