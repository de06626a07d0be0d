"""One cell of a report in words: for people with its unit, for spreadsheets' text import without one."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from reports.document import Fact, ReportColumn, Section, Unit
from reports.pages import utc_minute
from reports.receipt_json import utc_text

UNKNOWN = "–"
CURRENCY = "currency"
NUMBERS = frozenset({Unit.COUNT, Unit.BYTES, Unit.CENTS, Unit.SHARE})
SUMMED = frozenset({Unit.COUNT, Unit.BYTES, Unit.CENTS})
_SIZES = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


class ReportIsWrong(ValueError):
    """A section's rows are not what its columns say: a fault in our own report. The sentence names both."""


def check_section(section: Section) -> None:
    """The rows have exactly the declared columns, money has its currency, and only what can be added is summed."""
    names = [column.name for column in section.columns]
    if list(section.rows.columns) != names or len(set(names)) < len(names):
        raise ReportIsWrong(f"{section.name}: its rows have {list(section.rows.columns)}, its columns are {names}")
    for column in section.columns:
        if column.summed and column.unit not in SUMMED:
            raise ReportIsWrong(f"{section.name}.{column.name}: a {column.unit} cannot be summed")
        if column.unit is Unit.CENTS and CURRENCY not in names:
            raise ReportIsWrong(f"{section.name}.{column.name}: money without a column {CURRENCY!r}")


def machine_name(column: ReportColumn) -> str:
    """The column's name where money is decimal: without `_cents`.

    >>> machine_name(ReportColumn("cost_cents", "Cost", Unit.CENTS))
    'cost'
    """
    return column.name.removesuffix("_cents") if column.unit is Unit.CENTS else column.name


def is_unknown(value: Any) -> bool:
    """Whether nothing is known here: None, and what pandas puts in its place."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)  # noqa: PLR0124


def in_words(value: Any, unit: Unit, currency: str = "") -> str:
    """The value as a page shows it.

    >>> in_words(1204, Unit.COUNT), in_words(1_234_567, Unit.BYTES), in_words(None, Unit.COUNT)
    ('1,204', '1.23 MB', '–')
    >>> in_words(-123450, Unit.CENTS, "EUR"), in_words(0.1234, Unit.SHARE)
    ('-1,234.50 EUR', '12.3 %')
    """
    if is_unknown(value):
        return UNKNOWN
    return _SHOWN.get(unit, str)(value) + (f" {currency}" if currency and unit is Unit.CENTS else "")


def fact_in_words(fact: Fact) -> str:
    """The fact's value as a page shows it."""
    return in_words(fact.value, fact.unit, fact.currency)


def plain(value: Any, unit: Unit) -> Any:
    """The value as a CSV has it: numbers whole or decimal without a unit, days and times as ISO 8601, "" for unknown.

    >>> plain(123450, Unit.CENTS), plain(-5, Unit.CENTS), plain(None, Unit.DAY)
    (Decimal('1234.50'), Decimal('-0.05'), '')
    """
    return "" if is_unknown(value) else _PLAIN.get(unit, str)(value)


def decimal_money(cents: int) -> Decimal:
    """Hundredths as a decimal number, exactly, however many digits it has."""
    digits = tuple(int(digit) for digit in str(abs(cents)))
    return Decimal((cents < 0, digits, -2))


def size(byte_count: int) -> str:
    """A size in the unit that leaves it three digits: `812 bytes`, `1.23 MB`, `45.6 GB`."""
    power = min(max(len(str(abs(byte_count))) - 1, 0) // 3, len(_SIZES) - 1)
    if not power:
        return f"{byte_count} {'byte' if abs(byte_count) == 1 else 'bytes'}"
    scaled = Decimal(byte_count) / 1000**power
    places = max(0, 2 - (len(str(abs(byte_count))) - 1) % 3) if power < len(_SIZES) - 1 else 2
    return f"{scaled:,.{places}f} {_SIZES[power]}"


def as_utc(value: Any) -> datetime:
    """A time as a `datetime` in UTC; one without a zone is UTC already."""
    time = value.to_pydatetime() if isinstance(value, pd.Timestamp) else value
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def as_day(value: Any) -> date:
    """A day as a `date`."""
    return value.date() if isinstance(value, datetime) else value


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, float) else f"{int(value):,}"


_SHOWN: dict[Unit, Callable[[Any], str]] = {
    Unit.COUNT: _count,
    Unit.BYTES: lambda value: size(int(value)),
    Unit.CENTS: lambda value: f"{decimal_money(int(value)):,}",
    Unit.SHARE: lambda value: f"{value:.1%}".replace("%", " %"),
    Unit.TIME: lambda value: utc_minute(as_utc(value)),
    Unit.DAY: lambda value: as_day(value).isoformat(),
}
_PLAIN: dict[Unit, Callable[[Any], Any]] = {
    Unit.COUNT: int,
    Unit.BYTES: int,
    Unit.CENTS: lambda value: decimal_money(int(value)),
    Unit.SHARE: float,
    Unit.TIME: lambda value: utc_text(as_utc(value)),
    Unit.DAY: lambda value: as_day(value).isoformat(),
}
