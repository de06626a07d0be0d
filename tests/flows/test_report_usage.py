"""The usage report as Prefect runs it: late, twice, or two at once, the shelf is the same."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from domain.usage import DAY, Days, last_settled
from flows.report_usage import report_usage
from storage.alert_schema import alerts
from tasks.outcomes import RunFailed
from tasks.parameters import ReportUsageParameters
from tests.flows.workshop import Workshop
from tests.storage.metered_world import FOREVER, Stay, World

pytestmark = [pytest.mark.usefixtures("prefect_records"), pytest.mark.slow]

FEBRUARY = Days(date(2026, 2, 1), date(2026, 2, 28))
ASKED = ReportUsageParameters(first_day=FEBRUARY.first, last_day=FEBRUARY.last)
SIM = "8988307000000000007"


def used(workshop: Workshop, days: Days, known: Days, daily_bytes: int = 40) -> None:
    """One SIM that is active from these days on, with use on each known one, at a plan that includes 1,000 bytes."""
    stay = Stay("tracker", "kore/eu", Days(days.first, FOREVER), uses=dict.fromkeys(known, daily_bytes))
    World({SIM: [stay]}, [("kore", known)]).store(workshop.context.database)


def shelf(workshop: Workshop) -> dict[str, bytes]:
    """Every file that people find there."""
    return {path.name: path.read_bytes() for path in (workshop.folder / "reports").glob("[!.]*")}


def test_a_report_made_twice_and_then_by_two_at_once_is_there_once_with_the_same_bytes(workshop: Workshop) -> None:
    used(workshop, FEBRUARY, FEBRUARY)
    page = report_usage(ASKED)
    assert Path(page).name == "usage-2026-02-01--2026-02-28.html"
    once = shelf(workshop)
    assert {"index.html", "usage-2026-02-01--2026-02-28.xlsx", "usage-2026-02-01--2026-02-28.costs.csv"} < once.keys()
    assert report_usage(ASKED) == page
    assert shelf(workshop) == once
    with ThreadPoolExecutor(2) as pool:
        assert [run.result() for run in [pool.submit(report_usage, ASKED) for _ in range(2)]] == [page, page]
    assert shelf(workshop) == once


def test_a_report_with_gaps_is_kept_and_its_record_says_how_many(workshop: Workshop) -> None:
    used(workshop, FEBRUARY, FEBRUARY.until(date(2026, 2, 20)))
    report_usage(ASKED)
    assert workshop.context.shelf is not None
    (kept,) = workshop.context.shelf.reports()
    assert kept.warnings[0].startswith("Not known: 8 days of 1 SIM.")
    assert [fact["value"] for fact in kept.facts if fact["label"] == "Days that are not known"] == [8]


def test_the_running_months_report_raises_its_alerts_once_however_often_it_runs(workshop: Workshop) -> None:
    with workshop.context.database.read() as tx:
        days = last_settled(40, tx.now(), settled_days=1)
    used(workshop, days, days, daily_bytes=1_000)
    month = Days(days.last.replace(day=1), days.last)
    report_usage()
    report_usage(ReportUsageParameters(first_day=month.first, last_day=month.last))
    with workshop.context.database.read() as tx:
        raised = tx.execute(select(alerts.c.kind).order_by(alerts.c.kind)).scalars().all()
    assert raised == ["product-usage", "sim-usage"]


def test_days_that_are_not_over_fail_the_run_and_say_so(workshop: Workshop) -> None:
    with workshop.context.database.read() as tx:
        tomorrow = last_settled(1, tx.now(), settled_days=1).last + 2 * DAY
    with pytest.raises(RunFailed, match="is not over yet"):
        report_usage(ReportUsageParameters(first_day=tomorrow))
