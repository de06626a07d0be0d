"""What a carrier tells of usage becomes rows: days as they are, sums for a period as what came to them by day."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from carriers.contract import Usage
from domain.usage import DAY, Increase, Reading, increase, read_so_far, spread, start_of
from storage import usage
from storage.database import Transaction
from storage.usage import DayUse, Place


@dataclass(slots=True)
class Collected:
    """What one round brought, in counts. `is_over`: another round would find nothing to do, or meet the same again.

    `strangers` are SIMs that the carrier told of and that are not ours: nothing of them is kept.
    """

    requests: int = 0
    day_count: int = 0
    restated: int = 0
    strangers: int = 0
    unreadable: int = 0
    wait_seconds: float = 0.0
    problem: str = ""
    is_over: bool = False
    is_elsewhere: bool = False  # another worker collects for this account

    def add(self, other: "Collected") -> None:
        """Add a later round's counts to these; how it stands is as the later one says."""
        for name in ("requests", "day_count", "restated", "strangers", "unreadable"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.wait_seconds, self.problem = other.wait_seconds, other.problem or self.problem
        self.is_over, self.is_elsewhere = other.is_over, other.is_elsewhere


def write_told(
    tx: Transaction,
    account: str,
    told: Sequence[Usage],
    as_of: datetime,
    *,
    by_day: bool,
    is_derived: bool,
    counts: Collected,
) -> None:
    """Keep what was told of our own SIMs, and count it. Days are safe to repeat; a sum adds what came to it since.

    `is_derived`: the days were made of days by another clock.
    """
    iccids = [one.iccid for one in told if one.iccid]
    references = [one.carrier_reference for one in told if not one.iccid and one.carrier_reference]
    places = usage.places(tx, account, iccids, references)
    ours = [(places[name], one) for one in told if (name := one.iccid or one.carrier_reference or "") in places]
    ours = [(place, one) for place, one in ours if place.product_on(one.last) or place.product_on(one.first)]
    counts.strangers += len(told) - len(ours)
    counts.day_count += len(ours)
    if by_day:
        days = (day for place, one in ours for day in _days(place, one, as_of, is_derived=is_derived))
        counts.restated += usage.keep(tx, account, days)
    else:
        counts.restated += _write_sums(tx, account, ours, as_of)


def _days(place: Place, one: Usage, as_of: datetime, *, is_derived: bool) -> Iterator[DayUse]:
    """The day as it was told; several days told as one are spread over them."""
    if one.first == one.last:
        if product := place.product_on(one.first):
            yield DayUse(place.iccid, one.first, product, one.total_bytes, as_of, is_derived)
        return
    whole = Increase(one.total_bytes, start_of(one.first), start_of(one.last + DAY))
    yield from _parts(place, whole, as_of)


def _parts(place: Place, came: Increase, as_of: datetime) -> Iterator[DayUse]:
    for day, part in spread(came).items():
        if product := place.product_on(day):
            yield DayUse(place.iccid, day, product, part, as_of, is_derived=True)


def _write_sums(tx: Transaction, account: str, ours: Iterable[tuple[Place, Usage]], as_of: datetime) -> int:
    """What came to each SIM's sum since it was read before, by day, and the sum itself, in one transaction."""
    sums = {place.iccid: (place, Reading(one.first, one.total_bytes, as_of)) for place, one in ours}
    before = usage.readings(tx, account, list(sums))
    parts = [
        part
        for iccid, (place, now) in sums.items()
        for part in _parts(place, increase(before.get(iccid), now, place.first_activated_at), as_of)
    ]
    restated = usage.add_derived(tx, account, parts)
    usage.keep_readings(tx, account, {iccid: read_so_far(before.get(iccid), now) for iccid, (_, now) in sums.items()})
    return restated
