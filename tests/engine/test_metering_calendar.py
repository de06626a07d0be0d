"""Sums for a billing period over a month's end and a leap day, on a clock that the test moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from carriers.contract import Gate, Usage, UsagePage, UsageQuery, UsageScope
from domain.usage import Days
from engine.metering import collect_some, wanted_of
from storage import usage
from storage.database import Database
from tests.conftest import MovingClock
from tests.engine.metered import add_sims
from tests.engine.rig import ACCOUNT, Rig, iccids, open_rig
from tests.engine.scripted import ScriptedCarrier

SIM = iccids(1)[0]
HOUR = 3600.0


@dataclass
class SumCarrier(ScriptedCarrier):
    """Tells one sum for the calendar month so far."""

    total_bytes: int = 0
    clock: MovingClock = field(default_factory=lambda: MovingClock(datetime(2024, 2, 28, 23, 45, tzinfo=UTC)))
    asked: list[UsageQuery] = field(default_factory=list)

    def usage(self, query: UsageQuery, cursor: str | None, gate: Gate) -> UsagePage:  # noqa: ARG002
        gate.wait_for_slot()
        self.asked.append(query)
        today = self.clock().date()
        return UsagePage((Usage(today.replace(day=1), today, self.total_bytes, SIM),))


@pytest.fixture
def carrier(moving_clock: MovingClock) -> SumCarrier:
    moving_clock.time = datetime(2024, 2, 28, 23, 45, tzinfo=UTC)
    carrier = SumCarrier(clock=moving_clock)
    carrier.can(usage=UsageScope.ACCOUNT, usage_by_day=False, usage_kept_days=0)
    return carrier


@pytest.fixture
def rig(stocked: Database, carrier: SumCarrier, tmp_path: Path) -> Rig:
    add_sims(stocked, {SIM: SIM}, first_activated_at=datetime(2024, 1, 1, tzinfo=UTC))
    return open_rig(stocked, carrier, tmp_path)


def night(rig: Rig, carrier: SumCarrier, total_bytes: int) -> None:
    """One run, a day after the one before; the carrier's sum is so much by then."""
    carrier.total_bytes = total_bytes
    collect_some(rig.context, ACCOUNT, wanted_of(rig.context, ACCOUNT))
    carrier.clock.move(24 * HOUR)


def by_day(rig: Rig, days: Sequence[date]) -> list[int]:
    with rig.context.database.read() as tx:
        kept = {day.day: day.total_bytes for day in usage.of_sim(tx, SIM, Days(days[0], days[-1]))}
    return [kept.get(day, 0) for day in days]


def test_the_days_of_each_month_add_up_to_its_sum_over_a_leap_day(rig: Rig, carrier: SumCarrier) -> None:
    for total in (2_800, 2_900, 30, 70):  # on February 28th and 29th, March 1st and 2nd
        night(rig, carrier, total)
    february = list(Days(date(2024, 2, 1), date(2024, 2, 29)))
    march = list(Days(date(2024, 3, 1), date(2024, 3, 31)))
    assert sum(by_day(rig, february)) == 2_900
    assert sum(by_day(rig, march)) == 70
    assert 90 < by_day(rig, february)[-1] <= 101
    assert by_day(rig, march)[0] >= 30


def test_a_sum_that_is_corrected_downward_takes_nothing_away_and_counts_nothing_twice(
    rig: Rig, carrier: SumCarrier
) -> None:
    for total in (100, 60):
        night(rig, carrier, total)
    assert sum(by_day(rig, list(Days(date(2024, 2, 1), date(2024, 2, 29))))) == 100


def test_the_last_day_of_a_month_is_not_known_when_nobody_asked_after_it(rig: Rig, carrier: SumCarrier) -> None:
    from storage import usage_asks

    for total in (100, 110, 5):
        night(rig, carrier, total)
    with rig.context.database.read() as tx:
        (missing,) = usage_asks.missing(tx, ACCOUNT, Days(date(2024, 2, 1), date(2024, 2, 29)))
    assert missing.days == (Days(date(2024, 2, 29), date(2024, 2, 29)),)
