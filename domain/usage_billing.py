"""What usage costs, and where it is heading: rules per SIM and calendar month, as carriers bill.

Included data belongs to one SIM and one calendar month on one plan; it is not pooled and not carried over. Days are
UTC. What is not known is never zero: a projection is made from the days that are known.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from domain.plans import BYTES_PER_MB
from domain.usage import DAY, Days, month_of

STEPS = (100, 90, 70)
"""Percent of the included data at which people want to hear of a SIM, the highest first."""


@dataclass(frozen=True, slots=True)
class Split:
    """Bytes by who pays for them: the monthly price, or the overage."""

    included_bytes: int
    overage_bytes: int


def split_use(before_bytes: int, used_bytes: int, included_bytes: int) -> Split:
    """What of a use is included, when the same SIM, month and plan had used `before_bytes` already.

    >>> split_use(4_000_000, 3_000_000, 5_000_000)
    Split(included_bytes=1000000, overage_bytes=2000000)
    """
    overage = max(0, before_bytes + used_bytes - included_bytes) - max(0, before_bytes - included_bytes)
    return Split(used_bytes - overage, overage)


def overage_cents(overage_bytes: int, cents_per_mb: float) -> int:
    """Whole cents for this overage, half a cent rounded up; a megabyte is a million bytes and billed pro rata.

    It is applied to the sum of a plan's SIMs, so that the rows of a report add up to its totals.
    """
    return int(overage_bytes * cents_per_mb / BYTES_PER_MB + 0.5)


def projected_bytes(used_bytes: int, known_days: int, billed_days: int) -> int | None:
    """The use at the month's end if the other days are like those that are known; None where none is known.

    >>> projected_bytes(100, 10, 31), projected_bytes(0, 0, 31)
    (310, None)
    """
    if not known_days:
        return None
    return (2 * used_bytes * billed_days + known_days) // (2 * known_days)


def step_reached(used_bytes: int, included_bytes: int) -> int | None:
    """The highest of `STEPS` that is reached; None below all of them, and on a plan that includes nothing.

    >>> step_reached(69, 100), step_reached(70, 100), step_reached(250, 100), step_reached(5, 0)
    (None, 70, 100, None)
    """
    if included_bytes <= 0:
        return None
    return next((step for step in STEPS if used_bytes * 100 >= included_bytes * step), None)


def whole_month(day: date) -> Days:
    """All days of its calendar month."""
    first = month_of(day)
    return Days(first, month_of(first + timedelta(days=31)) - DAY)


def months(days: Days) -> tuple[Days, ...]:
    """The calendar months that these days touch, each whole, oldest first.

    >>> [month.count for month in months(Days(date(2024, 1, 31), date(2024, 3, 1)))]
    [31, 29, 31]
    """
    found = []
    first = month_of(days.first)
    while first <= days.last:
        found.append(whole_month(first))
        first = found[-1].last + DAY
    return tuple(found)
