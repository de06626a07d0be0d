"""A section as CSV: one row per row, money in decimal beside its currency, nothing that a spreadsheet would run."""

import csv
from pathlib import Path
from typing import Any

import pandas as pd

from reports.cells import safe_cell
from reports.document import ReportColumn, Section, Unit
from reports.slices import slices
from reports.values import machine_name, plain_column


def write_csv(section: Section, target: Path) -> None:
    """Write the section's rows below a header of machine names. UTF-8; what is not known is empty."""
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([safe_cell(machine_name(column)) for column in section.columns])
        for rows in slices(section.rows):
            writer.writerows(zip(*(_cells(column, rows[column.name]) for column in section.columns), strict=True))


def _cells(column: ReportColumn, values: "pd.Series[Any]") -> list[Any]:
    cells = plain_column(values, column.unit)
    if column.unit in (Unit.TEXT, Unit.ICCID):  # elsewhere a minus sign stands before digits, and they stay a number
        return [safe_cell(cell) for cell in cells]
    return cells
