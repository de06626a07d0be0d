"""A section as CSV: one row per row, money in decimal beside its currency, nothing that a spreadsheet would run."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reports.cells import safe_cell
from reports.document import ReportColumn, Section
from reports.slices import slices
from reports.values import NUMBERS, machine_name, plain


def write_csv(section: Section, target: Path) -> None:
    """Write the section's rows below a header of machine names. UTF-8; what is not known is empty."""
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([safe_cell(machine_name(column)) for column in section.columns])
        for rows in slices(section.rows):
            writer.writerows(zip(*(_cells(column, rows[column.name]) for column in section.columns), strict=True))


def _cells(column: ReportColumn, values: Iterable[Any]) -> Iterable[Any]:
    if column.unit in NUMBERS:  # a minus sign before digits is a number, and stays one
        return [plain(value, column.unit) for value in values]
    return [safe_cell(plain(value, column.unit)) for value in values]
