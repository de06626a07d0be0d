"""A report as one page: warnings first, headlines, charts, tables with their totals, links to the files beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from reports.charts import chart_json, drawing_scripts
from reports.document import Report, ReportColumn, Section, Unit
from reports.pages import render
from reports.totals import Totals, totals_of
from reports.values import CURRENCY, NUMBERS, fact_in_words, in_words, plain

File = tuple[str, str, str]
"""Its name beside the page, what it is, and for whom."""


@dataclass(frozen=True, slots=True)
class PageColumn:
    """A column as the page shows it."""

    heading: str
    kind: str  # its class: number, text, iccid

    @property
    def is_number(self) -> bool:
        """Whether it stands to the right."""
        return self.kind == "number"


@dataclass(frozen=True, slots=True)
class PageCell:
    """A cell in words; `value` is a number exactly, for machines and for whoever points at it."""

    column: PageColumn
    words: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class PageTable:
    """A section as the page shows it: its first rows in words, and the totals of all."""

    section: Section
    columns: Sequence[PageColumn]
    rows: Sequence[Sequence[PageCell]]
    totals: Sequence[Sequence[PageCell]]
    notes: Sequence[str]

    @property
    def count(self) -> int:
        """Rows in all."""
        return len(self.section.rows)

    @property
    def left_out(self) -> bool:
        """Whether there are rows that the page does not show."""
        return self.count > len(self.rows)


def report_html(report: Report, files: Sequence[File] = ()) -> str:
    """The report as one self-contained page; the same report gives the same text. The script comes once, or not."""
    return render(
        "report.html",
        sheets=("page.css", "report.css"),
        scripts=drawing_scripts() if report.charts else (),
        report=report,
        facts=[(fact.label, fact_in_words(fact)) for fact in report.facts],
        charts=[{"heading": chart.heading, "json": Markup(chart_json(chart))} for chart in report.charts],  # noqa: S704
        tables=[page_table(section) for section in report.sections],
        files=files,
    )


def page_table(section: Section) -> PageTable:
    """The first rows of a section in words, with the totals of all of them."""
    columns = [(column, PageColumn(column.heading, _kind(column))) for column in section.columns]
    rows = [
        [_cell(column, shown, row[column.name]) for column, shown in columns]
        for row in section.rows.head(section.shown).to_dict("records")
    ]
    totals = totals_of(section)
    labelled = next((one.name for one in section.columns if not one.summed and one.name != CURRENCY), None)
    words = {labelled: "Total"}
    lines = [
        [
            _cell(column, shown, sums[column.name])
            if column.name in sums
            else PageCell(shown, currency if column.name == CURRENCY else words.get(column.name, ""))
            for column, shown in columns
        ]
        for currency, sums in totals.lines()
    ]
    return PageTable(section, [shown for _, shown in columns], rows, lines, _notes(section, totals))


def _kind(column: ReportColumn) -> str:
    if column.unit in NUMBERS:
        return "number"
    return "iccid" if column.unit is Unit.ICCID else "text"


def _cell(column: ReportColumn, shown: PageColumn, value: Any) -> PageCell:
    """Money without its currency: that stands in a column of its own."""
    exact = str(plain(value, column.unit)) if column.unit in NUMBERS else ""
    return PageCell(shown, in_words(value, column.unit), exact)


def _notes(section: Section, totals: Totals) -> list[str]:
    headings = {column.name: column.heading for column in section.columns}
    return [
        f"{headings[name]}: not known in {count:,} {'row' if count == 1 else 'rows'}, so not in the total."
        for name, count in totals.unknown.items()
    ]
