"""Usage: whole bytes of one SIM on one UTC day. What was told last counts; what was never asked is not zero.

Days are UTC whatever clock a carrier's country keeps, so a day has 24 hours also where clocks change. A carrier that
tells one sum for its billing period gives readings: what lies between two of them is spread over the days between.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

DAY = timedelta(days=1)
FEWEST_AGAIN = 7
"""Usage is told up to several days late: fewer days are never asked for again."""
NIGHT_HOURS = 4
"""So long after midnight (UTC) the run that was begun before it may still be collecting."""


@dataclass(frozen=True, slots=True)
class Days:
    """UTC days from `first` to `last`, both included; none where `last` is before `first`."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        return (self.first + number * DAY for number in range(self.count))

    @property
    def count(self) -> int:
        """How many days these are."""
        return max(0, (self.last - self.first).days + 1)

    def covers(self, other: "Days") -> bool:
        """Whether every day of the other is one of these."""
        return not other.count or (self.first <= other.first and other.last <= self.last)

    def touches(self, other: "Days") -> bool:
        """Whether both have a day in common, or follow each other without a gap."""
        return self.first <= other.last + DAY and other.first <= self.last + DAY

    def until(self, last: date) -> "Days":
        """Those of these days that are not after `last`."""
        return Days(self.first, min(self.last, last))

    def since(self, first: date) -> "Days":
        """Those of these days that are not before `first`."""
        return Days(max(self.first, first), self.last)

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class Known:
    """Days that were collected to an end, and when the last of them was: a day of these without a row had no usage."""

    days: Days
    known_at: datetime


def last_settled(count: int, now: datetime, *, settled_days: int) -> Days:
    """The last `count` days of which everything is surely told: none of them younger than `settled_days`.

    >>> str(last_settled(7, datetime(2024, 3, 4, 6, tzinfo=UTC), settled_days=3))
    '2024-02-24 to 2024-03-01'
    """
    last = day_of(now) - settled_days * DAY
    return Days(last - (count - 1) * DAY, last)


def due_by(now: datetime) -> date:
    """The newest day that a run of each night has told by now: a day is asked for in the night after the next one.

    How late a carrier books does not matter here: its days are asked for all the same, and again later.

    >>> str(due_by(datetime(2024, 3, 2, 5, 30, tzinfo=UTC))), str(due_by(datetime(2024, 3, 2, 0, 30, tzinfo=UTC)))
    ('2024-02-29', '2024-02-28')
    """
    return day_of(now - timedelta(hours=NIGHT_HOURS)) - 2 * DAY


def joined(known: Iterable[Known], told: Known) -> tuple[Known, ...]:
    """All of these with the new one; what touches becomes one. Oldest first."""
    apart = []
    for one in known:
        if not one.days.touches(told.days):
            apart.append(one)
            continue
        whole = Days(min(one.days.first, told.days.first), max(one.days.last, told.days.last))
        told = Known(whole, max(one.known_at, told.known_at))
    return tuple(sorted([*apart, told], key=lambda one: one.days.first))


def not_known(wanted: Days, known: Iterable[Days]) -> tuple[Days, ...]:
    """The wanted days that none of the others covers, oldest first.

    >>> one = lambda first, last: Days(date(2024, 2, first), date(2024, 2, last))
    >>> [str(gap) for gap in not_known(one(26, 29), [one(27, 28)])]
    ['2024-02-26', '2024-02-29']
    """
    gaps: list[Days] = []
    left = wanted
    for days in sorted(known, key=lambda one: one.first):
        if days.first > left.first:
            gaps.append(left.until(days.first - DAY))
        left = left.since(days.last + DAY)
    return tuple(gap for gap in (*gaps, left) if gap.count)


def day_of(moment: datetime) -> date:
    """The UTC day of a moment."""
    return moment.astimezone(UTC).date()


def start_of(day: date) -> datetime:
    """The day's first moment."""
    return datetime.combine(day, time(), UTC)


def month_of(day: date) -> date:
    """The first day of its month: so far back does a carrier tell that keeps nothing but its present billing period."""
    return day.replace(day=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """A carrier's sum for a billing period that began on `first`, as it stood at `as_of`."""

    first: date
    total_bytes: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Increase:
    """Bytes that were used between two moments; never negative."""

    total_bytes: int
    since: datetime
    until: datetime


def increase(before: Reading | None, now: Reading, active_since: datetime | None = None) -> Increase:
    """What came to a sum since it was read before; a new period begins at nothing, and so does a SIM.

    A sum that is lower than before in its own period is the carrier's correction: nothing is added until it has grown
    past what was counted already, so nothing is counted twice.
    """
    same = before is not None and before.first == now.first
    begins = before.as_of if before and same else max(start_of(now.first), active_since or start_of(now.first))
    counted = before.total_bytes if before and same else 0
    return Increase(max(0, now.total_bytes - counted), min(begins, now.as_of), now.as_of)


def read_so_far(before: Reading | None, now: Reading) -> Reading:
    """The reading to keep: within a period the higher one, for so much is counted."""
    if before is None or before.first != now.first:
        return now
    return Reading(now.first, max(before.total_bytes, now.total_bytes), now.as_of)


def spread(one: Increase) -> dict[date, int]:
    """The bytes by UTC day, in proportion to the time that fell on each; their sum is exact.

    >>> told = Increase(48, datetime(2024, 2, 28, 12, tzinfo=UTC), datetime(2024, 3, 1, 12, tzinfo=UTC))
    >>> {str(day): part for day, part in spread(told).items()}
    {'2024-02-28': 12, '2024-02-29': 24, '2024-03-01': 12}
    """
    length = (one.until - one.since) // timedelta(microseconds=1)
    if length <= 0:
        return {day_of(one.until): one.total_bytes} if one.total_bytes else {}
    parts, given = {}, 0
    for day in Days(day_of(one.since), day_of(one.until)):
        passed = min(one.until, start_of(day) + DAY) - one.since
        so_far = one.total_bytes * (passed // timedelta(microseconds=1)) // length
        if so_far > given:
            parts[day] = so_far - given
        given = so_far
    return parts


@dataclass(frozen=True, slots=True)
class UsageRules:
    """How much is asked again: late usage changes days that have passed.

    `again_days`: so many days are asked for each time, `FEWEST_AGAIN` or more, and more where the carrier books later.
    What was asked within `again_after_hours` is not asked again, so that a run that is started twice asks once.
    """

    again_days: int = FEWEST_AGAIN
    again_after_hours: float = 20.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run that began at `begun_at` asks for.

    What was asked since `fresh_since` for all of these days is not asked again, unless it brought nothing before this
    run. `reaches_back`: also for earlier days that were missed, as far as the carrier keeps them. `product`: only its
    SIMs, where a carrier is asked for one SIM at a time.
    """

    days: Days
    begun_at: datetime
    fresh_since: datetime
    reaches_back: bool
    product: str | None = None
