"""How a manifest is laid out, from its name and its first lines."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import PurePath

from domain.iccid import is_valid, looks_like_an_attempt
from domain.manifests import ManifestColumn, ManifestRefused
from storage.readers.delimited import is_separator_line, readings_of
from storage.readers.header import (
    HEADER_WITHIN_ROWS,
    Header,
    Readings,
    as_header,
    find_header,
    holds_a_whole_one,
    is_comment,
    quarantine_key_lines,
    quarantine_keys,
    quarantine_keys_below,
    without_header,
)


class NamedAs(StrEnum):
    """What a manifest's name says that it is."""

    LIST = "list"
    TABLE = "table"
    WORKBOOK = "workbook"


SUFFIXES = {
    "": NamedAs.LIST,
    ".txt": NamedAs.LIST,
    ".csv": NamedAs.TABLE,
    ".tsv": NamedAs.TABLE,
    ".xlsx": NamedAs.WORKBOOK,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """A table with its header; or a bare list, above which `header_line` may say ICCID (0: it does not)."""

    header: Header | None
    header_line: int = 0


def suffix_of(name: str) -> str:
    """The name's ending in lower case, without `.gz`.

    >>> suffix_of("inbox/Order 7.CSV.gz"), suffix_of("order")
    ('.csv', '')
    """
    path = PurePath(name.lower())
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix


def named_as(name: str) -> NamedAs:
    """What the name promises. Raises `ManifestRefused` for an ending that is none of ours."""
    suffix = suffix_of(name)
    if suffix not in SUFFIXES:
        raise ManifestRefused(
            f"A manifest's name ends in .txt, .csv, .tsv or .xlsx (or these with .gz), not in {suffix}. "
            "Export the file as one of them.",
            reason="unsupported_format",
        )
    return SUFFIXES[suffix]


def layout_of(first_lines: Sequence[str], named: NamedAs) -> Layout:
    """The layout that a text file's first lines show.

    A .txt is a table when its first line is a header of several columns (or names a device ID), when such a header
    stands below titles and rows follow that fit it, or when its first line starts with an ICCID and goes on after a
    delimiter; else it is a bare list. Raises `ManifestRefused` as `find_header` does.
    """
    rows = _rows(first_lines)
    return Layout(find_header(rows)) if named is NamedAs.TABLE else _list_layout(rows)


def _rows(first_lines: Sequence[str]) -> Iterator[tuple[int, Readings]]:
    for line, text in enumerate(first_lines, 1):
        if text.strip() and not is_separator_line(text):
            yield line, dict(readings_of(text))


def _list_layout(rows: Iterable[tuple[int, Readings]]) -> Layout:
    first_rows = list(islice(rows, HEADER_WITHIN_ROWS))
    layout: Layout | None = None
    for at, (line, readings) in enumerate(first_rows):
        quarantine_keys(readings)
        if is_comment(readings):
            continue
        below = first_rows[at + 1 :]
        if layout is None:
            layout = _first_row_layout(line, readings)
        elif layout == Layout(None) and (header := as_header(line, readings)) and _stands_above(header, below):
            layout = Layout(header)
        if layout.header:
            quarantine_keys_below(layout.header, below)
            break
        if holds_a_whole_one(readings):
            quarantine_key_lines(below)
            break
    return layout or Layout(None)


def _stands_above(header: Header, below: Iterable[tuple[int, Readings]]) -> bool:
    """Whether rows follow that fit this header: below a title only they can tell it from a sentence with such words."""
    at = header.columns.get(ManifestColumn.ICCID, header.columns.get(ManifestColumn.DEVICE_ID, 0))
    cells = [readings[header.delimiter][at] for _, readings in below if _reaches(readings, header, at)]
    if ManifestColumn.ICCID in header.columns:
        return header.cell_count != 1 and any(map(looks_like_an_attempt, cells))
    return any(map(str.strip, cells)) and not any(map(is_valid, cells))


def _reaches(readings: Readings, header: Header, at: int) -> bool:
    return len(readings.get(header.delimiter, ())) > at


def _first_row_layout(line: int, readings: Readings) -> Layout:
    header = as_header(line, readings)
    if header and header.cell_count == 1 and ManifestColumn.ICCID in header.columns:
        return Layout(None, header_line=line)
    several = {delimiter: cells for delimiter, cells in readings.items() if len(cells) > 1 and is_valid(cells[0])}
    return Layout(header or (without_header(several) if several else None))
