"""Reports in a real browser, from a file, as people open them: charts drawn, nothing asked for, light and dark."""

import os
import struct
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from reports.document import Chart, Fact, Mark, Report, ReportColumn, Section, Unit
from reports.report_page import report_html
from reports.shelf_page import ShelfEntry, shelf_html
from tests.browsing import Opened, wait_for_charts

pytestmark = pytest.mark.slow

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "report.png"
HOSTILE = "</script><script>console.error('ran')</script>" + "W" * 300 + "\u202e\x00"
DARK_PAPER, LIGHT_PAPER = "rgb(18, 20, 22)", "rgb(252, 252, 250)"


def hostile(report: Report) -> Report:
    """Every text of a report is somebody else's."""
    column = ReportColumn(HOSTILE, HOSTILE)
    count = ReportColumn("sims", HOSTILE, Unit.COUNT, summed=True)
    rows = pd.DataFrame({HOSTILE: [HOSTILE, None], "sims": [10**15, -1]})
    charts = [
        Chart(HOSTILE, mark, rows, column, count, series, ((HOSTILE, 5.0),))
        for mark in Mark
        for series in (None, column)
    ]
    section = Section("hostile", HOSTILE, HOSTILE, (column, count), rows)
    facts = (Fact(HOSTILE, HOSTILE, Unit.TEXT), Fact("x", 10**17, Unit.CENTS, HOSTILE))
    return replace(report, title=HOSTILE, facts=facts, sections=(section,), charts=charts, warnings=(HOSTILE,))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_a_report_with_its_charts_and_asks_nobody(
    opened: Opened, usage_report: Report, scheme: str
) -> None:
    page, complaints, requested = opened(report_html(usage_report), scheme)
    wait_for_charts(page, 2)
    assert complaints == []
    assert len(requested) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        DARK_PAPER if scheme == "dark" else LIGHT_PAPER
    )
    assert page.locator(".chart svg .mark-line path").count() == 2
    assert page.locator(".chart svg .mark-rect path").count() == 3
    assert page.locator(".chart svg").first.bounding_box()["height"] > 150  # type: ignore[index]
    assert page.locator(".chart svg text", has_text="included").count() == 1
    assert page.locator(".chart svg text", has_text="01 Nov").count() == 1  # UTC, west of it too


def test_charts_have_other_colours_in_the_dark(opened: Opened, usage_report: Report) -> None:
    colours = []
    for scheme in ("light", "dark"):
        page, _, _ = opened(report_html(usage_report), scheme)
        wait_for_charts(page, 2)
        colours.append(page.evaluate("getComputedStyle(document.querySelector('.mark-line path')).stroke"))
    assert len(set(colours)) == 2
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.querySelector('.mark-line path')).stroke") == colours[0]


def test_a_day_without_an_answer_is_a_gap_in_the_line(opened: Opened, usage_report: Report) -> None:
    page, _, _ = opened(report_html(usage_report), "light")
    wait_for_charts(page, 2)
    line = page.locator(".chart svg .mark-line path").first.get_attribute("d") or ""
    assert line.count("M") == 2


def test_pointing_at_a_bar_tells_its_value_in_words(opened: Opened, usage_report: Report) -> None:
    page, complaints, _ = opened(report_html(usage_report), "light", 1100)
    wait_for_charts(page, 2)
    page.locator(".chart svg .mark-rect path").first.hover()
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert "900.00 EUR" in page.locator("#vg-tooltip-element").inner_text()
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_texts_neither_run_nor_break_the_page(opened: Opened, usage_report: Report, scheme: str) -> None:
    page, complaints, requested = opened(report_html(hostile(usage_report)), scheme)
    wait_for_charts(page, 4)
    assert complaints == []
    assert len(requested) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("h1").count() == 1


def test_a_report_without_charts_has_no_script_and_one_with_four_has_one_copy(usage_report: Report) -> None:
    assert "<script" not in report_html(replace(usage_report, charts=()))
    assert report_html(hostile(usage_report)).count("window.vegaEmbed=") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_index_of_the_reports_fits_a_phone(opened: Opened, usage_report: Report, scheme: str) -> None:
    entries = [
        ShelfEntry("usage", HOSTILE, usage_report.as_of, HOSTILE, 2),
        ShelfEntry("u", "b", usage_report.as_of, "b"),
    ]
    page, complaints, requested = opened(shelf_html(entries), scheme)
    assert complaints == []
    assert len(requested) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.scripts.length") == 0
    assert page.locator("h2 a").count() == 2


def test_the_picture_in_the_documentation_is_a_report(opened: Opened, usage_report: Report) -> None:
    page, _, _ = opened(report_html(usage_report), "light", 720)
    wait_for_charts(page, 2)
    if os.environ.get("REWRITE_DOCS") == "1":
        page.screenshot(path=PICTURE, full_page=True, clip={"x": 0, "y": 0, "width": 720, "height": 1000})
    content = PICTURE.read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height, len(content) < 250_000) == (1440, 2000, True)
