"""A report before it is a file: facts, sections of rows, charts. Every writer draws the same document.

A section's rows are a pandas table whose columns are exactly those declared, in that order: whole numbers as `Int64`
or `int64`, money in cents with its currency in a column beside it, sizes in bytes, days as `datetime.date`, texts and
ICCIDs as `str`; what is not known is `None`, never zero. The numbers that people add up are in the rows; a headline
that is no sum of rows is a `Fact`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import pandas as pd


class Unit(StrEnum):
    """What a column's values are, which decides how each writer shows them."""

    TEXT = "text"
    ICCID = "iccid"  # digits that are no number
    COUNT = "count"
    BYTES = "bytes"
    CENTS = "cents"  # hundredths; the currency stands in a TEXT column named `currency`
    SHARE = "share"  # 0 to 1
    DAY = "day"  # UTC
    TIME = "time"  # UTC


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """One column: `name` is for machines (snake_case), `heading` for people; `summed` ones have a total where shown."""

    name: str
    heading: str
    unit: Unit = Unit.TEXT
    summed: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """One headline number or word: "SIMs with usage: 1,204". `currency` goes with `Unit.CENTS`."""

    label: str
    value: Any
    unit: Unit = Unit.COUNT
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A table with its heading and the sentence that says what it tells. A page shows its first `shown` rows."""

    name: str  # for machines: file and sheet names
    heading: str
    sentence: str
    columns: tuple[ReportColumn, ...]
    rows: pd.DataFrame
    shown: int = 100
    empty: str = "Nothing."  # what stands in place of an empty table


class Mark(StrEnum):
    """How a chart draws its values."""

    BARS = "bars"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Chart:
    """`y` over `x`, one line or one stack of bars per `series`; a missing y is a gap, never zero."""

    heading: str
    mark: Mark
    rows: pd.DataFrame
    x: ReportColumn
    y: ReportColumn
    series: ReportColumn | None = None
    limits: tuple[tuple[str, float], ...] = ()  # horizontal lines: name and value of y


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report. `name` is stable: the same question on the same data has the same name and the same bytes.

    `warnings` say first of all what is missing, sentence by sentence: an incomplete report never looks complete.
    """

    name: str  # for example usage-2026-11-01--2026-11-30 or reconciliation-2026-11-22
    kind: str  # usage, reconciliation
    title: str
    as_of: datetime  # UTC: the moment that the numbers are true of, not the time of writing
    facts: Sequence[Fact] = ()
    sections: Sequence[Section] = ()
    charts: Sequence[Chart] = ()
    warnings: Sequence[str] = field(default=())
