"""Totals of a report's sections: of all rows, exact, and never one currency added to another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from reports.document import ReportColumn, Section, Unit
from reports.values import CURRENCY, is_unknown

_LOW = np.int64(0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class Totals:
    """Column name -> sum of what is known, money apart by currency. A column of which nothing is known has none."""

    sums: Mapping[str, int] = field(default_factory=dict)
    money: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # currency -> column name -> cents
    unknown: Mapping[str, int] = field(default_factory=dict)  # column name -> rows that say nothing, where there are

    def lines(self) -> list[tuple[str, dict[str, int]]]:
        """Currency and column name -> total, one line for each currency; the first line has the other sums too."""
        if not self.money:
            return [("", dict(self.sums))] if self.sums else []
        first, *others = sorted(self.money)
        return [(first, {**self.sums, **self.money[first]}), *((each, dict(self.money[each])) for each in others)]


def totals_of(section: Section) -> Totals:
    """The totals of the section's summed columns."""
    summed = [column for column in section.columns if column.summed]
    sums: dict[str, int] = {}
    money: dict[str, dict[str, int]] = {}
    unknown: dict[str, int] = {}
    for column in summed:
        values = section.rows[column.name]
        missing = int(values.isna().sum())
        if missing:
            unknown[column.name] = missing
        if missing == len(values):
            continue
        if column.unit is Unit.CENTS:
            _add_money(money, column, section.rows)
        else:
            sums[column.name] = exact_sum(values)
    return Totals(sums, money, unknown)


def _add_money(money: dict[str, dict[str, int]], column: ReportColumn, rows: pd.DataFrame) -> None:
    known = rows.loc[rows[column.name].notna(), [CURRENCY, column.name]]
    for currency, values in known.groupby(CURRENCY, dropna=False, sort=True)[column.name]:
        money.setdefault(_name_of(currency), {})[column.name] = exact_sum(values)


def _name_of(currency: Any) -> str:
    return "" if is_unknown(currency) else str(currency)


def exact_sum(values: "pd.Series[Any]") -> int:
    """The sum of the whole numbers that are known. It may be larger than a 64-bit number holds, and does not wrap."""
    known = values.dropna()
    if known.dtype == object:
        return sum(int(value) for value in known)
    whole = known.to_numpy(dtype=np.int64)
    return (int((whole >> 32).sum()) << 32) + int((whole & _LOW).sum())
