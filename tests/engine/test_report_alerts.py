"""What reports found reaches people: once for each occurrence, and only while it is news."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from domain.alert_rules import MOST_SIMS, Percents, Thresholds
from domain.alerts import AlertKind, Raised
from domain.usage import DAY, Days
from engine.report_alerts import alert_of_reconciliation, alert_of_usage
from engine.usage_question import question
from storage import usage
from storage.database import Database
from storage.usage import DayUse
from storage.usage_figures import LISTED, figures
from storage.usage_sets import Question
from tests.conftest import MovingClock
from tests.engine.metered import add_sims
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


def again(rig: Rig, scratch: Path, asked: Question = Question(FEBRUARY)) -> list[Raised]:  # noqa: B008
    context = rig.context
    return alert_of_usage(context, figures(context.database, scratch, asked, context.thresholds))


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


def test_a_sim_is_told_of_at_a_threshold_below_those_of_the_report(
    scripted_rig: Rig, moving_clock: MovingClock
) -> None:
    moving_clock.time = datetime(2024, 3, 1, 5, tzinfo=UTC)
    low = Thresholds(of_product={"tracker": Percents(product=(), sim=(50, 60, 100))})
    raised = use(scripted_rig.but(thresholds=low), {number(1): 17, number(2): 18, number(3): 21, number(4): 35})
    assert told_of(raised) == [
        (AlertKind.SIM_USAGE, number(2), 50),  # 52 %
        (AlertKind.SIM_USAGE, number(3), 60),
        (AlertKind.SIM_USAGE, number(4), 100),
    ]


@pytest.mark.parametrize("count", [MOST_SIMS, MOST_SIMS + 1, LISTED + 1])
def test_all_sims_past_a_threshold_are_counted_however_many_there_are(
    scripted_rig: Rig, moving_clock: MovingClock, count: int
) -> None:
    moving_clock.time = datetime(2024, 3, 1, 5, tzinfo=UTC)
    rig = scripted_rig.but(thresholds=Thresholds(Percents(product=(), sim=(50,))))
    begun, day = datetime(2024, 1, 1, tzinfo=UTC), FEBRUARY.last
    add_sims(rig.context.database, {number(nth): number(nth) for nth in range(count)}, first_activated_at=begun)
    with rig.context.database.begin() as tx:
        usage.keep(tx, "kore", (DayUse(number(nth), day, "tracker", 3_000_000, begun) for nth in range(count)))
    raised = again(rig, rig.folder)
    if count == MOST_SIMS:
        assert told_of(raised) == [(AlertKind.SIM_USAGE, number(nth), 50) for nth in range(count)]
    else:
        assert told_of(raised) == [(AlertKind.SIM_USAGE, None, 50)]
        assert raised[0].alert.facts["sims"] == count
        assert raised[0].alert.sentence.startswith(f"{count:,} SIMs of product tracker have passed 50 %")


def test_more_outliers_than_are_told_of_one_by_one_are_counted(scripted_rig: Rig, moving_clock: MovingClock) -> None:
    moving_clock.time = datetime(2024, 3, 1, 5, tzinfo=UTC)
    rig = scripted_rig.but(thresholds=Thresholds(Percents(product=(), sim=())))
    daily = {number(nth): 2 + nth % 3 for nth in range(4 * LEAST_FLEET)}
    raised = use(rig, daily | {number(1_000 + nth): 50 for nth in range(MOST_SIMS + 1)})
    assert told_of(raised) == [(AlertKind.OUTLIER, None, 0)]
    assert raised[0].alert.facts["sims"] == MOST_SIMS + 1


def test_the_last_day_of_a_month_is_told_of_by_the_runs_that_the_schedule_has(
    scripted_rig: Rig, moving_clock: MovingClock
) -> None:
    rig, month = scripted_rig, Days(date(2026, 2, 1), date(2026, 2, 28))
    uses = dict.fromkeys(month, 10) | {month.last: 5_000}
    stay = Stay("tracker", "kore/eu", Days(month.first, FOREVER), uses=uses)
    World({number(1): [stay]}, [("kore", month.until(month.last - DAY))]).store(rig.context.database)
    told: dict[int, list[AlertKind]] = {}
    for today in (1, 2, 3):  # each reports until two days ago, as the night before has collected
        moving_clock.time = datetime(2026, 3, today, 5, 30, tzinfo=UTC)
        asked = question(rig.context.database, rig.context.carriers)
        told[today] = [one.alert.kind for one in again(rig, rig.folder, asked)]
    assert told == {1: [], 2: [AlertKind.PRODUCT_USAGE, AlertKind.SIM_USAGE], 3: []}


def test_a_month_is_news_until_its_last_report_on_the_eighth(scripted_rig: Rig, moving_clock: MovingClock) -> None:
    moving_clock.time = datetime(2024, 3, 9, 5, tzinfo=UTC)
    assert use(scripted_rig, {number(1): 32}) == []
    moving_clock.time = datetime(2024, 3, 8, 5, 50, tzinfo=UTC)
    assert len(again(scripted_rig, scripted_rig.folder)) == 2


def test_only_a_whole_month_so_far_of_all_accounts_raises_alerts(scripted_rig: Rig, moving_clock: MovingClock) -> None:
    moving_clock.time = datetime(2024, 3, 9, 5, tzinfo=UTC)
    assert use(scripted_rig, {number(1): 32}) == []
    moving_clock.time = datetime(2024, 3, 1, 5, tzinfo=UTC)
    for asked in (
        Question(Days(date(2024, 2, 2), FEBRUARY.last)),
        Question(Days(date(2024, 1, 1), FEBRUARY.last)),
        Question(FEBRUARY, carrier_account="kore"),
    ):
        assert again(scripted_rig, scripted_rig.folder, asked) == []
    assert len(again(scripted_rig, scripted_rig.folder, Question(FEBRUARY, product="tracker"))) == 2


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
