"""A carrier's invoice or export: which of its columns say what, and its sums of money. Nothing is guessed."""

import re
from dataclasses import dataclass
from datetime import date

_MONTH = re.compile(r"(?<![0-9])(20[0-9]{2})-(0[1-9]|1[0-2])(?![0-9])")
_SUM = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,6}))?")
_BLANKS = str.maketrans("", "", " \u00a0\u2009\u202f")


class InvoiceRefused(Exception):
    """The file cannot be used as a whole. The sentence says what to do."""


@dataclass(frozen=True, slots=True)
class InvoiceColumns:
    """The headings of one carrier account's files, and how it writes sums. `product` is for an export that names it."""

    iccid: str
    amount: str | None = None
    currency_column: str | None = None
    product: str | None = None
    currency: str | None = None  # of every line, where no column says it
    decimal: str = "."
    check_digit_omitted: bool = False  # also takes numbers without their last digit
    folder: str | None = None  # where the files lie; the newest month there is compared each night


@dataclass(frozen=True, slots=True)
class Month:
    """The month of an invoice: first day, and the first day after it."""

    first: date
    after: date

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


def month_of_name(name: str) -> Month:
    """The month that a file's name says. Raises `InvoiceRefused`.

    >>> str(month_of_name("supersim_2024-02.csv")), month_of_name("a-2025-12.xlsx").after
    ('2024-02', datetime.date(2026, 1, 1))
    """
    found = {match.groups() for match in _MONTH.finditer(name)}
    if len(found) != 1:
        raise InvoiceRefused(f"{name}: the name must say the invoice's month once, as 2026-02. Rename the file.")
    ((year, month),) = found
    first = date(int(year), int(month), 1)
    after = date(first.year + 1, 1, 1) if first.month == 12 else first.replace(month=first.month + 1)
    return Month(first, after)


def millionths_of(text: str, decimal: str = ".") -> int:
    """A sum as millionths of its currency's unit, exactly. Raises `ValueError` for anything that is no plain sum.

    >>> millionths_of("1,234.50"), millionths_of("1.234,5", ","), millionths_of("0.004"), millionths_of("-3")
    (1234500000, 1234500000, 4000, -3000000)
    """
    plain = text.translate(_BLANKS).replace("," if decimal == "." else ".", "").replace(decimal, ".")
    found = _SUM.fullmatch(plain)
    if not found:
        raise ValueError(f"{text!r} is no sum of money.")
    sign, whole, part = found.groups(default="")
    return int(f"{sign}{whole}{part:0<6}")
