"""A report has the days that were asked for: what nobody collected is in it as a gap, and never left out of it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.usage import Days, Known
from engine.context import Context
from engine.usage_question import NothingToReport, question
from engine.usage_report import report_of
from reports.document import Report
from storage import usage_asks
from storage.usage_figures import figures
from tests.conftest import MovingClock
from tests.engine.rig import Rig
from tests.storage.metered_world import FOREVER, Stay, World

FEBRUARY = Days(date(2026, 2, 1), date(2026, 2, 28))
BEFORE_IT_STOPPED = Days(FEBRUARY.first, date(2026, 2, 20))
SIM = "8988307000000000007"
HOUR = 3600.0
BEHIND = "nothing was collected after 2026-02-20: run `simline usage collect`"


@pytest.fixture
def context(scripted_rig: Rig) -> Context:
    return scripted_rig.context


def collected(context: Context, days: Days) -> None:
    """One SIM that uses 32 bytes a day, and a carrier that was asked for these days."""
    stay = Stay("tracker", "kore/eu", Days(FEBRUARY.first, FOREVER), uses=dict.fromkeys(days, 32))
    World({SIM: [stay]}, [("kore", days)]).store(context.database)


def asked(context: Context, **words: object) -> Days:
    return question(context.database, context.carriers, **words).days  # type: ignore[arg-type]


def reported(context: Context, **words: object) -> Report:
    about = question(context.database, context.carriers, **words)  # type: ignore[arg-type]
    return report_of(figures(context.database, context.scratch, about))


def fact(report: Report, label: str) -> object:
    return next(one.value for one in report.facts if one.label == label)


@pytest.mark.parametrize("words", [{"last_month": True}, {"first": FEBRUARY.first, "last": FEBRUARY.last}])
def test_days_that_were_asked_for_stay_in_the_report_though_collection_had_stopped(
    context: Context, moving_clock: MovingClock, words: dict[str, object]
) -> None:
    moving_clock.time = datetime(2026, 3, 10, 5, 30, tzinfo=UTC)
    collected(context, BEFORE_IT_STOPPED)
    report = reported(context, **words)
    assert report.name == "usage-2026-02-01--2026-02-28"
    assert (fact(report, "Days that are not known"), fact(report, "Used")) == (8, 20 * 32)
    assert report.warnings[0].startswith("Not known: 8 days of 1 SIM.")
    assert f"kore: 8 days of 1 SIM not known; {BEHIND}." in report.warnings


def test_the_running_month_says_that_collection_has_fallen_behind(context: Context, moving_clock: MovingClock) -> None:
    moving_clock.time = datetime(2026, 2, 25, 5, 30, tzinfo=UTC)
    collected(context, BEFORE_IT_STOPPED)
    report = reported(context)
    assert report.name == "usage-2026-02-01--2026-02-23"  # the night before asked for the days until the 23rd
    assert f"kore: 3 days of 1 SIM not known; {BEHIND}." in report.warnings
    moving_clock.time = datetime(2026, 3, 10, 5, 30, tzinfo=UTC)
    report = reported(context)
    assert report.name == "usage-2026-03-01--2026-03-08"
    assert f"kore: 8 days of 1 SIM not known; {BEHIND}." in report.warnings


def test_where_nothing_was_ever_collected_that_is_said(context: Context, moving_clock: MovingClock) -> None:
    moving_clock.time = datetime(2026, 2, 25, 5, 30, tzinfo=UTC)
    World({SIM: [Stay("tracker", "kore/eu", Days(FEBRUARY.first, FOREVER))]}).store(context.database)
    assert "nothing was ever collected: run `simline usage collect`." in " ".join(reported(context).warnings)


def test_a_gap_in_the_midst_is_not_told_as_collection_that_stopped(context: Context, moving_clock: MovingClock) -> None:
    moving_clock.time = datetime(2026, 3, 3, 5, 30, tzinfo=UTC)
    days = [BEFORE_IT_STOPPED, Days(date(2026, 2, 22), date(2026, 3, 1))]
    World({SIM: [Stay("tracker", "kore/eu", Days(FEBRUARY.first, FOREVER))]}, [("kore", one) for one in days]).store(
        context.database
    )
    report = reported(context, last_month=True)
    assert "kore: 1 day of 1 SIM not known." in report.warnings


def test_nights_as_they_are_planned_leave_no_gap_in_any_mornings_report(
    context: Context, moving_clock: MovingClock
) -> None:
    moving_clock.time, lasts = datetime(2026, 1, 30, 23, 45, tzinfo=UTC), []
    for _ in range(34):
        yesterday = moving_clock().date() - timedelta(days=1)
        with context.database.begin() as tx:
            usage_asks.keep_known(tx, "kore", {"": Known(Days(yesterday, yesterday), moving_clock())})
        moving_clock.move(5.75 * HOUR)
        assert asked(context) == Days(yesterday.replace(day=1), yesterday)
        lasts.append(yesterday)
        moving_clock.move(18.25 * HOUR)
    assert {date(2026, 1, 31), date(2026, 2, 28)} < set(lasts)


def test_a_report_beside_a_night_that_still_collects_waits_for_its_day(
    context: Context, moving_clock: MovingClock
) -> None:
    collected(context, BEFORE_IT_STOPPED)
    moving_clock.time = datetime(2026, 2, 23, 0, 30, tzinfo=UTC)
    assert asked(context).last == date(2026, 2, 20)
    moving_clock.time = datetime(2026, 2, 23, 5, 30, tzinfo=UTC)
    assert asked(context).last == date(2026, 2, 21)


def test_no_day_that_is_not_over_is_reported(context: Context, moving_clock: MovingClock) -> None:
    moving_clock.time = datetime(2026, 2, 23, 12, 0, tzinfo=UTC)
    collected(context, BEFORE_IT_STOPPED)
    assert asked(context, first=date(2026, 2, 9), last=date(2026, 3, 1)) == Days(date(2026, 2, 9), date(2026, 2, 22))
    assert asked(context, last=date(2026, 2, 9)) == Days(date(2026, 2, 1), date(2026, 2, 9))
    assert asked(context, first=date(2026, 2, 22)) == Days(date(2026, 2, 22), date(2026, 2, 22))
    with pytest.raises(NothingToReport, match=r"2026-02-23 is not over yet\. Name a day until 2026-02-22"):
        asked(context, first=date(2026, 2, 23))


def test_what_is_collected_at_one_account_leads_no_question_about_another(
    context: Context, moving_clock: MovingClock
) -> None:
    moving_clock.time = datetime(2026, 2, 23, 12, 0, tzinfo=UTC)
    World({}, [("kore", FEBRUARY.until(date(2026, 2, 21))), ("soracom", FEBRUARY.until(date(2026, 2, 22)))]).store(
        context.database
    )
    assert asked(context).last == date(2026, 2, 22)
    assert asked(context, carrier_account="kore").last == date(2026, 2, 21)
    with pytest.raises(NothingToReport, match="no product nothing"):
        asked(context, product="nothing")
    with pytest.raises(NothingToReport, match="no carrier account nobody"):
        asked(context, carrier_account="nobody")
