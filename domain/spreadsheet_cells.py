"""What a spreadsheet leaves in a cell that is no value: its errors, and codes that it took for numbers or dates."""

import re

_ERROR = re.compile(r"#(?:N/A|NV|GETTING_DATA|[A-ZÄÖÜ]+(?:/0)?[!?])")
_DAMAGED_CODE = re.compile(r"[0-9](?:[.,][0-9]*)?[eE]\+[0-9]{1,3}|TRUE|FALSE|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+)?")


def is_error(cell: str) -> bool:
    """Whether the cell is a spreadsheet's error, in English or in the language of its user.

    >>> [is_error(cell) for cell in ("#N/A", "#REF!", "#NAME?", "#DIV/0!", "#WERT!", "# N/A", "#7", "N/A")]
    [True, True, True, True, True, False, False, False]
    """
    return cell.startswith("#") and _ERROR.fullmatch(cell.strip()) is not None


def is_damaged_code(code: str) -> bool:
    """Whether a spreadsheet wrote this where a registration code stood: a rounded number, a truth value, a date.

    >>> [is_damaged_code(code) for code in ("1.23456789012346e+18", "TRUE", "2026-03-01", "7C2KQW9XRA", "123456")]
    [True, True, True, False, False]
    """
    return _DAMAGED_CODE.fullmatch(code) is not None
