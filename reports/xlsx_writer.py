"""A report as a workbook: facts and warnings first, then a sheet per section, written row by row.

Spreadsheets keep 15 digits of a number. A whole number or a sum of money with more is written as text: it is then
exact, and no longer adds up by itself.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

from reports.cells import safe_cell
from reports.document import Fact, Report, Section, Unit
from reports.slices import slices
from reports.totals import totals_of
from reports.values import CURRENCY, NUMBERS, UNKNOWN, as_day, as_utc, is_unknown, plain
from reports.xlsx_names import ROWS_PER_SHEET, SheetNames

CELL_CHARACTERS = 32_767
EXACT = 10**15
FIRST_DAY = date(1900, 3, 1)  # spreadsheets count a 29 February 1900 that there was not
FORMATS: dict[Unit, dict[str, object]] = {
    Unit.TEXT: {"num_format": "@"},
    Unit.ICCID: {"num_format": "@"},
    Unit.COUNT: {"num_format": "#,##0"},
    Unit.BYTES: {"num_format": "#,##0"},
    Unit.CENTS: {"num_format": "#,##0.00"},
    Unit.SHARE: {"num_format": "0.0%"},
    Unit.DAY: {"num_format": "yyyy-mm-dd", "align": "left"},
    Unit.TIME: {"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left"},
}
WIDTHS: dict[Unit, int] = {Unit.TEXT: 24, Unit.ICCID: 23, Unit.BYTES: 18, Unit.CENTS: 14, Unit.TIME: 20}


def write_xlsx(report: Report, target: Path, most_rows: int = ROWS_PER_SHEET) -> None:
    """Write the workbook. A section with more than `most_rows` rows goes on in further sheets of the same header."""
    options = {"constant_memory": True, "tmpdir": str(target.parent)}
    with xlsxwriter.Workbook(target, options) as book:
        book.set_properties({"title": safe_cell(report.title)[:255], "created": report.as_of.astimezone(UTC)})
        _Book(book, report, most_rows).write()


class _Book:
    """One workbook while it is written."""

    def __init__(self, book: Any, report: Report, most_rows: int) -> None:
        self._book, self._report, self._most_rows = book, report, most_rows
        self._names = SheetNames()
        self._formats = {unit: book.add_format(style) for unit, style in FORMATS.items()}
        self._total_formats = {unit: book.add_format({**style, "bold": True}) for unit, style in FORMATS.items()}
        self._facts = {unit: book.add_format({**style, "align": "left"}) for unit, style in FORMATS.items()}
        self._head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._bold = book.add_format({"bold": True})
        self._large = book.add_format({"bold": True, "font_size": 16})
        self._text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})

    def write(self) -> None:
        """Facts and warnings first, then the sections."""
        self._front(self._book.add_worksheet(self._names.free("Report")))
        for section in self._report.sections:
            self._section(section)

    def _front(self, sheet: Any) -> None:
        sheet.set_column(0, 0, 44)
        sheet.set_column(1, 1, 60)
        rows = count()
        sheet.write_string(next(rows), 0, text_cell(self._report.title), self._large)
        self._pair(sheet, next(rows), "As of", plain(self._report.as_of, Unit.TIME))
        for warning in self._report.warnings:
            self._pair(sheet, next(rows), "Warning", warning, strong=True)
        next(rows)
        for fact in self._report.facts:
            self._fact(sheet, next(rows), fact)
        next(rows)
        for section in self._report.sections:
            length = len(section.rows)
            told = section.empty if not length else f"{length:,} {'row' if length == 1 else 'rows'}. {section.sentence}"
            self._pair(sheet, next(rows), section.heading, told)

    def _pair(self, sheet: Any, row: int, label: str, text: str, *, strong: bool = False) -> None:
        sheet.write_string(row, 0, text_cell(label), self._bold if strong else self._text)
        sheet.write_string(row, 1, text_cell(text), self._text)

    def _fact(self, sheet: Any, row: int, fact: Fact) -> None:
        sheet.write_string(row, 0, text_cell(fact.label), self._text)
        if is_unknown(fact.value):
            sheet.write_string(row, 1, UNKNOWN, self._text)
            return
        _write(sheet, (row, 1), fact.value, fact.unit, self._facts[fact.unit])
        sheet.write_string(row, 2, text_cell(fact.currency or ("bytes" if fact.unit is Unit.BYTES else "")), self._text)

    def _section(self, section: Section) -> None:
        name = self._names.free(section.name)
        styles = [self._formats[column.unit] for column in section.columns]
        sheet, row = self._sheet(section, name), 0
        for cells in _rows(section):
            if row == self._most_rows:
                self._close(sheet, section, row)
                sheet, row = self._sheet(section, name), 0
            row += 1
            for at, cell in enumerate(cells):
                if cell is not None:
                    _put(sheet, row, at, cell, styles[at])
        self._close(sheet, section, row)
        totals = totals_of(section).lines()
        if totals and row + 1 + len(totals) > self._most_rows:
            sheet, row = self._sheet(section, name), 0
        for below, (currency, sums) in enumerate(totals, start=row + 2):  # an empty row keeps them out of the filter
            self._total(sheet, below, section, currency, sums)

    def _sheet(self, section: Section, name: str) -> Any:
        sheet = self._book.add_worksheet(self._names.further(name))
        for at, column in enumerate(section.columns):
            sheet.set_column(at, at, max(WIDTHS.get(column.unit, 13), min(len(column.heading) + 3, 40)))
            sheet.write_string(0, at, text_cell(column.heading), self._head)
        sheet.freeze_panes(1, 0)
        return sheet

    def _close(self, sheet: Any, section: Section, rows: int) -> None:
        sheet.autofilter(0, 0, rows, len(section.columns) - 1)

    def _total(self, sheet: Any, row: int, section: Section, currency: str, sums: Mapping[str, int]) -> None:
        labelled = next((at for at, one in enumerate(section.columns) if not one.summed and one.name != CURRENCY), None)
        for at, column in enumerate(section.columns):
            value: Any = sums.get(column.name)
            if at == labelled:
                sheet.write_string(row, at, "Total", self._bold)
            elif column.name == CURRENCY:
                sheet.write_string(row, at, text_cell(currency), self._bold)
            elif value is not None:
                _write(sheet, (row, at), value, column.unit, self._total_formats[column.unit])


Cell = str | float | date
"""What a cell holds: text, a number, or a day with or without a time."""


def _rows(section: Section) -> Iterator[tuple[Cell | None, ...]]:
    """The section's rows as their cells are, made column by column: a million rows are mostly this."""
    for rows in slices(section.rows):
        columns = (_cells(rows[column.name], column.unit) for column in section.columns)
        yield from zip(*columns, strict=True)


def _cells(values: "pd.Series[Any]", unit: Unit) -> list[Cell | None]:
    """A cell for each value; none for what is not known."""
    unknown = values.isna().tolist()
    return [None if missing else _cell(value, unit) for value, missing in zip(values.tolist(), unknown, strict=True)]


def _cell(value: Any, unit: Unit) -> Cell:
    if unit is Unit.ICCID or unit is Unit.TEXT:
        return text_cell(str(value))
    if unit in NUMBERS:
        if unit is Unit.SHARE:
            return float(value)
        if abs(int(value)) >= EXACT:
            return str(plain(value, unit))
        return int(value) / 100 if unit is Unit.CENTS else float(value)
    time = as_utc(value).replace(tzinfo=None) if unit is Unit.TIME else as_day(value)
    if (time.date() if isinstance(time, datetime) else time) >= FIRST_DAY:
        return time
    return text_cell(plain(value, unit))


def _write(sheet: Any, place: tuple[int, int], value: Any, unit: Unit, style: Any) -> None:
    """One cell; what is not known stays empty."""
    if not is_unknown(value):
        _put(sheet, *place, _cell(value, unit), style)


def _put(sheet: Any, row: int, at: int, cell: Cell, style: Any) -> None:
    if isinstance(cell, str):
        sheet.write_string(row, at, cell, style)
    elif isinstance(cell, float):
        sheet.write_number(row, at, cell, style)
    else:
        sheet.write_datetime(row, at, cell, style)


def text_cell(text: str) -> str:
    """The text as a cell may hold it: no formula, nothing hidden, no more characters than a cell takes."""
    cell = safe_cell(text)
    return cell if len(cell) <= CELL_CHARACTERS else cell[: CELL_CHARACTERS - 1] + "…"
