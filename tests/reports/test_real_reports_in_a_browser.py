"""The reports that the engine makes, opened as people open them: charts drawn, nothing asked for."""

import os
import struct
from datetime import date, timedelta
from pathlib import Path

import pytest

from domain.lifecycle import Action, SimState, Step
from domain.usage import Days
from engine.reconciliation_document import document_of
from engine.usage_report import report_of
from reports.document import Report
from reports.report_page import report_html
from storage.database import Database
from storage.usage_figures import figures
from storage.usage_sets import Question
from tests.browsing import Opened, wait_for_charts
from tests.engine.reconciled import open_reconciled
from tests.engine.rig import iccids, stock
from tests.storage.metered_world import FOREVER, Stay, World

pytestmark = pytest.mark.slow

FEBRUARY = Days(date(2024, 2, 1), date(2024, 2, 29))
KNOWN = [Days(FEBRUARY.first, date(2024, 2, 14)), Days(date(2024, 2, 16), FEBRUARY.last)]
IMAGES = Path(__file__).parents[2] / "docs" / "images"


@pytest.fixture(params=["usage", "reconciliation"])
def report(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Report:
    return of_usage(database, tmp_path) if request.param == "usage" else of_reconciliation(database, tmp_path)


def of_usage(database: Database, scratch: Path) -> Report:
    """Sixty SIMs in two products, one of which uses far too much, and a day of which nothing is known."""
    lives = {}
    for nth in range(60):
        product, plan = ("tracker", "kore/eu") if nth % 3 else ("scooter", "kore/us")
        daily = 900 if nth == 7 else 5 + nth % 9
        uses = {day: daily * (1 + day.day % 3) for known in KNOWN for day in known} if nth % 11 else {}
        lives[f"8988307{nth:012d}"] = [Stay(product, plan, Days(FEBRUARY.first, FOREVER), uses=uses)]
    World(lives, [("kore", days) for days in KNOWN]).store(database)
    return report_of(figures(database, scratch, Question(FEBRUARY)))


def of_reconciliation(database: Database, folder: Path) -> Report:
    """A run in which something of most kinds is found."""
    stock(database)
    with open_reconciled("supersim", database, folder) as world:
        ok, (ghost, missing, mismatch, stuck) = iccids(12), iccids(4, first=20)
        world.both([*ok, mismatch, stuck])
        world.at_carrier(ghost)
        world.ours(missing)
        world.at_carrier(mismatch, SimState.DEACTIVATED)
        world.operation(stuck, Action.DEACTIVATE, Step.ACCEPTED, since=timedelta(days=2))
        return document_of(world.rig.context, world.reconcile())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_of_the_engine_is_drawn_on_a_phone_and_asks_nobody(
    opened: Opened, report: Report, scheme: str
) -> None:
    page, complaints, requested = opened(report_html(report), scheme)
    wait_for_charts(page, len(report.charts))
    assert len(report.charts) > 0
    assert (complaints, len(requested)) == ([], 1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for nth in range(len(report.charts)):
        assert page.locator(".chart svg").nth(nth).bounding_box()["height"] > 50  # type: ignore[index]
        assert page.locator(".chart svg").nth(nth).locator("path").count() > 2


def test_the_pictures_in_the_documentation_are_reports_of_the_engine(opened: Opened, report: Report) -> None:
    page, _, _ = opened(report_html(report), "light", 720)
    wait_for_charts(page, len(report.charts))
    picture = IMAGES / f"{report.kind}.png"
    if os.environ.get("REWRITE_DOCS") == "1":
        page.screenshot(path=picture, full_page=True, clip={"x": 0, "y": 0, "width": 720, "height": 1000})
    content = picture.read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height, len(content) < 250_000) == (1440, 2000, True)
