"""Carriers whose day ends at another midnight: what they tell falls on UTC days, also where clocks change there.

The SIMs use one byte a second. So a whole UTC day has 86,400, whatever days it was told in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from carriers import registry
from carriers.contract import Gate, Usage, UsagePage, UsageQuery, UsageScope
from carriers.simulated import registry as simulated
from domain.usage import DAY, Days
from engine.metering import collect_some, wanted_of
from engine.usage_told import Collected
from storage import usage, usage_asks
from storage.database import Database
from storage.schema import sims
from storage.usage_asks import WHOLE_ACCOUNT
from storage.usage_figures import figures
from storage.usage_sets import Question
from tests.carriers.sixth import adapter, dialect
from tests.conftest import MovingClock
from tests.engine.metered import Metered, add_sims, open_metered
from tests.engine.rig import ACCOUNT, Rig, iccids, open_rig
from tests.engine.scripted import ScriptedCarrier

SIM, OTHER = iccids(2)
HOUR = 3_600
WHOLE = 24 * HOUR
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def new_york(
    stocked: Database, moving_clock: MovingClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Metered]:
    """The toy carrier, which tells days of New York, with one SIM."""
    moving_clock.time = datetime(2026, 2, 20, 23, 45, tzinfo=UTC)
    monkeypatch.setitem(registry.CARRIERS, "toy", adapter.Toy)
    monkeypatch.setitem(registry.CAPABILITIES, "toy", adapter.CAPABILITIES)
    monkeypatch.setitem(simulated.SIMULATIONS, "toy", dialect.SIMULATION)
    with open_metered("toy", stocked, tmp_path, [SIM]) as opened:
        with stocked.begin() as tx:
            tx.execute(update(sims).values(first_activated_at=LONG_AGO))
        yield opened


def put(metered: Metered, days: Days, hours: dict[date, int]) -> int:
    """A byte for each second of these days in New York, which have 24 hours unless said otherwise; their sum."""
    for day in days:
        metered.server.carrier.fleet.put_usage(SIM, day, hours.get(day, 24) * HOUR)
    return sum(hours.get(day, 24) * HOUR for day in days)


def nights(rig: Rig, clock: MovingClock, first: date, last: date) -> Collected:
    """A run at 23:45 UTC on each of these days; what they brought."""
    whole = Collected()
    for day in Days(first, last):
        clock.time = datetime(day.year, day.month, day.day, 23, 45, tzinfo=UTC)
        whole.is_over = False
        while not whole.is_over:
            whole.add(collect_some(rig.context, ACCOUNT, wanted_of(rig.context, ACCOUNT)))
    return whole


def by_day(rig: Rig, days: Days, iccid: str = SIM) -> list[int | None]:
    with rig.context.database.read() as tx:
        kept = {one.day: one for one in usage.of_sim(tx, iccid, days)}
    assert all(one.is_derived for one in kept.values())
    return [kept[day].total_bytes if day in kept else None for day in days]


@pytest.mark.parametrize(
    ("used", "changed", "hours"),
    [
        (Days(date(2026, 2, 26), date(2026, 3, 14)), date(2026, 3, 8), 23),
        (Days(date(2026, 10, 25), date(2026, 11, 8)), date(2026, 11, 1), 25),
    ],
    ids=["spring", "autumn"],
)
def test_no_byte_is_lost_or_moved_where_clocks_change_and_months_end(
    new_york: Metered, moving_clock: MovingClock, used: Days, changed: date, hours: int
) -> None:
    total = put(new_york, used, {changed: hours})
    found = nights(new_york.rig, moving_clock, used.first - DAY, used.last + 3 * DAY)
    assert (found.problem, found.restated) == ("", 0)
    inside = Days(used.first + DAY, used.last)
    assert by_day(new_york.rig, inside) == [WHOLE] * inside.count
    begins, ends = (5, 4) if hours == 23 else (4, 5)  # midnight in New York, by UTC
    edges = by_day(new_york.rig, Days(used.first, used.first)) + by_day(
        new_york.rig, Days(used.last + DAY, used.last + DAY)
    )
    assert edges == [(24 - begins) * HOUR, ends * HOUR]
    assert new_york.total() == total
    assert new_york.standing(Days(used.first, used.last + DAY)).missing_count == 0


def test_the_evening_of_a_months_last_day_is_the_next_months_by_utc(
    new_york: Metered, moving_clock: MovingClock
) -> None:
    put(new_york, Days(date(2026, 2, 28), date(2026, 2, 28)), {})
    nights(new_york.rig, moving_clock, date(2026, 2, 28), date(2026, 3, 2))
    days = Days(date(2026, 2, 27), date(2026, 3, 1))
    assert by_day(new_york.rig, days) == [0, 19 * HOUR, 5 * HOUR]
    told = figures(new_york.rig.context.database, new_york.rig.folder, Question(days))
    assert list(told.costs["used"]) == [19 * HOUR, 5 * HOUR]  # February's, and March's


def test_a_utc_day_is_asked_for_when_its_last_hours_are_over_there_too(
    new_york: Metered, moving_clock: MovingClock
) -> None:
    for at, last in (
        (datetime(2026, 3, 2, 0, 30, tzinfo=UTC), date(2026, 2, 28)),
        (datetime(2026, 3, 2, 4, 59, tzinfo=UTC), date(2026, 2, 28)),
        (datetime(2026, 3, 2, 5, 0, tzinfo=UTC), date(2026, 3, 1)),
        (datetime(2026, 7, 2, 4, 0, tzinfo=UTC), date(2026, 7, 1)),
    ):
        moving_clock.time = at
        assert wanted_of(new_york.rig.context, ACCOUNT).days.last == last


def test_what_is_told_late_changes_both_utc_days_also_down_to_nothing(
    new_york: Metered, moving_clock: MovingClock
) -> None:
    late = date(2026, 3, 4)
    put(new_york, Days(late, late), {})
    nights(new_york.rig, moving_clock, date(2026, 3, 4), date(2026, 3, 6))
    days = Days(late, late + DAY)
    assert by_day(new_york.rig, days) == [19 * HOUR, 5 * HOUR]
    put(new_york, Days(late, late), {late: 0})
    assert nights(new_york.rig, moving_clock, date(2026, 3, 10), date(2026, 3, 10)).restated == 2
    assert by_day(new_york.rig, days) == [0, 0]


def test_the_oldest_day_that_is_asked_for_is_one_that_is_kept_whole(
    new_york: Metered, moving_clock: MovingClock
) -> None:
    moving_clock.time = datetime(2026, 3, 2, 12, tzinfo=UTC)
    asked = wanted_of(new_york.rig.context, ACCOUNT, Days(date(2025, 6, 1), date(2026, 3, 1)))
    assert asked.days.first == date(2026, 1, 2)  # 60 days back is January 1st, which began at 05:00 UTC


@dataclass
class Listing(ScriptedCarrier):
    """Tells all SIMs, a page for each, by days of Tokyo; some of them twice."""

    asked: list[UsageQuery] = field(default_factory=list)

    def usage(self, query: UsageQuery, cursor: str | None, gate: Gate) -> UsagePage:
        gate.wait_for_slot()
        self.asked.append(query)
        iccid = OTHER if cursor else SIM
        told = [Usage(day, day, WHOLE, iccid) for day in Days(query.first, query.last)]
        return UsagePage((*told, *told[::2]), None if cursor else "more")


@pytest.fixture
def listing() -> Listing:
    carrier = Listing()
    carrier.can(usage=UsageScope.ACCOUNT, usage_day_zone="Asia/Tokyo", usage_kept_days=30)
    return carrier


def test_a_listing_by_another_clock_is_known_for_the_days_that_it_tells_whole(
    stocked: Database, moving_clock: MovingClock, tmp_path: Path, listing: Listing
) -> None:
    moving_clock.time = datetime(2026, 3, 2, 12, tzinfo=UTC)
    add_sims(stocked, {SIM: SIM, OTHER: OTHER}, first_activated_at=LONG_AGO)
    rig = open_rig(stocked, listing, tmp_path)
    collect_some(rig.context, ACCOUNT, wanted_of(rig.context, ACCOUNT, Days(date(2026, 2, 26), date(2026, 3, 1))))
    days = Days(date(2026, 2, 26), date(2026, 2, 28))  # Tokyo's March 2nd has three hours to go, so our 1st is not told
    assert [(query.first, query.last) for query in listing.asked] == [(days.first, days.last + DAY)] * 2
    for iccid in (SIM, OTHER):
        assert by_day(rig, Days(days.first - DAY, days.last + DAY), iccid) == [None, *[WHOLE] * 3, None]
    with stocked.read() as tx:
        (known,) = usage_asks.known_of(tx, ACCOUNT, WHOLE_ACCOUNT)[WHOLE_ACCOUNT]
    assert known.days == days
