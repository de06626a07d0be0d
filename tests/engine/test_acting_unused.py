"""SIMs that used nothing for so many days, chosen beside a collecting that runs as its schedule has it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from carriers.contract import Gate, UsagePage, UsageQuery, UsageScope
from domain.lifecycle import Action
from engine.acting import Asked, plan_actions, unused_days
from engine.metering import collect_some, wanted_of
from storage import usage
from storage.database import Database
from storage.sims import Choice
from storage.usage import DayUse
from tests.conftest import MovingClock
from tests.engine.metered import add_sims
from tests.engine.rig import ACCOUNT, Rig, iccids, open_rig
from tests.engine.scripted import ScriptedCarrier

LONG_AGO, LATELY = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)
QUIET, USED, AGAIN = iccids(3)
COLLECTING = datetime(2026, 2, 1, 23, 45, tzinfo=UTC)
NIGHTS = 37


class Silent(ScriptedCarrier):
    """Tells that nobody used anything."""

    def usage(self, _query: UsageQuery, _cursor: str | None, gate: Gate) -> UsagePage:
        gate.wait_for_slot()
        return UsagePage(())


@pytest.fixture
def rig(stocked: Database, tmp_path: Path, moving_clock: MovingClock) -> Rig:
    """Three SIMs whose usage was collected each night until March 9th, 23:45."""
    carrier = Silent()
    carrier.can(usage=UsageScope.ACCOUNT, usage_by_day=True)
    add_sims(stocked, {QUIET: QUIET, USED: USED}, first_activated_at=LONG_AGO, last_activated_at=LONG_AGO)
    add_sims(stocked, {AGAIN: AGAIN}, first_activated_at=LONG_AGO, last_activated_at=LATELY)
    opened = open_rig(stocked, carrier, tmp_path)
    for night in range(NIGHTS):
        moving_clock.time = COLLECTING + timedelta(days=night)
        collect_some(opened.context, ACCOUNT, wanted_of(opened.context, ACCOUNT))
    with stocked.begin() as tx:
        usage.keep(tx, ACCOUNT, [DayUse(USED, LATELY.date(), "tracker", 5, LATELY)])
    return opened


def unused(rig: Rig, days: int) -> Sequence[str]:
    asked = Asked(Action.DEACTIVATE, choice=Choice(unused=unused_days(rig.context, days)))
    return [iccid for iccids in plan_actions(rig.context, asked).iccids.values() for iccid in iccids]


def test_they_are_found_at_every_hour_between_two_nights(rig: Rig, moving_clock: MovingClock) -> None:
    last = moving_clock.time
    for hours in (0.1, 0.5, 12, 23.9):
        moving_clock.time = last + timedelta(hours=hours)
        assert unused(rig, 7) == [QUIET]


def test_days_that_nobody_collected_find_nobody(rig: Rig) -> None:
    assert unused(rig, 60) == []
