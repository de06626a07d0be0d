"""What reports found reaches people: once for each occurrence, and only while it is news."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from domain.alert_rules import Percents, Thresholds
from domain.alerts import AlertKind, Raised
from domain.usage import Days
from engine.report_alerts import alert_of_reconciliation, alert_of_usage
from storage.database import Database
from storage.usage_figures import figures
from storage.usage_sets import Question
from tests.conftest import MovingClock
from tests.engine.reconciled import Reconciled, open_reconciled
from tests.engine.rig import Rig, iccids
from tests.storage.metered_world import FOREVER, Stay, World

FEBRUARY = Days(date(2024, 2, 1), date(2024, 2, 29))
LEAST_FLEET = 40


def number(nth: int) -> str:
    return f"8988307{nth:012d}"


def told_of(raised: list[Raised]) -> list[tuple[AlertKind, str | None, int]]:
    return [(one.alert.kind, one.alert.subject.iccid, one.alert.level) for one in raised]


def use(rig: Rig, daily: dict[str, int]) -> list[Raised]:
    """So many bytes a day in February at a plan that includes 1,000 a month, reported and alerted of."""
    database, scratch = rig.context.database, rig.folder
    stays = {
        iccid: [Stay("tracker", "kore/eu", Days(FEBRUARY.first, FOREVER), uses=dict.fromkeys(FEBRUARY, total))]
        for iccid, total in daily.items()
    }
    World(stays, [("kore", FEBRUARY)]).store(database)
    return again(rig, scratch)


def again(rig: Rig, scratch: Path) -> list[Raised]:
    return alert_of_usage(rig.context, figures(rig.context.database, scratch, Question(FEBRUARY)))


def test_a_sim_past_what_is_included_is_told_of_once(scripted_rig: Rig, moving_clock: MovingClock) -> None:
    moving_clock.time = datetime(2024, 3, 1, 5, tzinfo=UTC)
    raised = use(scripted_rig, {number(1): 32, number(2): 1})
    assert told_of(raised) == [(AlertKind.SIM_USAGE, number(1), 90)]
    assert again(scripted_rig, scripted_rig.folder) == []


def test_a_product_is_told_of_at_its_own_threshold(scripted_rig: Rig, moving_clock: MovingClock) -> None:
    moving_clock.time = datetime(2024, 3, 1, 5, tzinfo=UTC)
    low = Thresholds(of_product={"tracker": Percents(product=(40,), sim=(100,))})
    raised = use(scripted_rig.but(thresholds=low), {number(1): 32, number(2): 1})
    assert told_of(raised) == [(AlertKind.PRODUCT_USAGE, None, 40)]
    assert raised[0].alert.facts == {"used_bytes": 29 * 33, "included_bytes": 2_000, "percent": 40}


def test_a_sim_far_beyond_its_product_is_told_of(scripted_rig: Rig, moving_clock: MovingClock) -> None:
    moving_clock.time = datetime(2024, 3, 1, 5, tzinfo=UTC)
    daily = {number(nth): 2 + nth % 3 for nth in range(1, LEAST_FLEET)}
    raised = use(scripted_rig, daily | {number(LEAST_FLEET): 20})
    assert told_of(raised) == [(AlertKind.OUTLIER, number(LEAST_FLEET), 0)]


def test_a_month_that_is_long_over_raises_nothing(scripted_rig: Rig, moving_clock: MovingClock) -> None:
    moving_clock.time = datetime(2024, 3, 2, 5, tzinfo=UTC)
    assert use(scripted_rig, {number(1): 32}) == []


@pytest.fixture
def world(stocked: Database, tmp_path: Path) -> Iterator[Reconciled]:
    with open_reconciled("supersim", stocked, tmp_path) as opened:
        yield opened


def test_findings_above_the_threshold_are_told_of_once_and_what_is_unknown_is_none(world: Reconciled) -> None:
    world.both(iccids(2))
    world.at_carrier(iccids(1, first=7)[0])
    run = world.reconcile()
    few = replace(world.rig.context, thresholds=Thresholds(reconciliation_findings_above=0))
    many = replace(world.rig.context, thresholds=Thresholds(reconciliation_findings_above=1))
    assert alert_of_reconciliation(many, run, None) == []
    (raised,) = alert_of_reconciliation(few, run, "reports/reconciliation.html")
    assert raised.alert.facts["ghost"] == 1
    assert "reports/reconciliation.html" in raised.alert.sentence
    assert alert_of_reconciliation(few, run, "reports/reconciliation.html") == []
