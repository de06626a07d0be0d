"""Physical lines to the rows of a table. A quote never spans lines here, so an unclosed one costs its own line only.

A row that has more cells than its header is rejected when one of the surplus cells holds something: a delimiter that
lost its quotes has shifted the columns, and a shifted home country costs money. Missing cells are empty ones.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from domain.lines import LineOutcome, Reason, Verdict
from domain.manifests import ManifestColumn
from storage.readers.block import Block, ReadingRules
from storage.readers.header import Header, Readings
from storage.readers.neighbours import with_neighbours
from storage.readers.physical_lines import Stretch
from storage.readers.second_header import with_headers_known
from storage.readers.table import Rows, above_header, block_of, ignored
from storage.readers.unicode_text import text_of

DELIMITERS = ("\t", ";", ",", "|")
PART_LINES = 2048  # whose cells fit the processor's cache: three times faster than a stretch at once
_SEPARATOR_LINE = re.compile(r"sep=.", re.IGNORECASE)


def delimited_blocks(stretches: Iterable[Stretch], header: Header, rules: ReadingRules) -> Iterator[Block]:
    """The table's lines, stretch by stretch."""
    read = (_rows_with_texts(stretch, header) for stretch in stretches)
    for (rows, texts, first_line), around in with_neighbours(read, lambda piece: piece[0].ends):
        block = block_of(rows, rules, around)
        yield with_headers_known(block, rows.worded, header, partial(_row_of, first_line, texts, header))


def _rows_with_texts(stretch: Stretch, header: Header) -> tuple[Rows, Sequence[str], int]:
    texts = lines_of(stretch.content)
    return rows_of(stretch, texts, header), texts, stretch.first_line


def _row_of(first_line: int, texts: Sequence[str], header: Header, line: int) -> Sequence[str]:
    text = texts[line - first_line]
    return cells_of([text], header.delimiter)[0] or [text]


def readings_of(line: str) -> Readings:
    """The line's cells under each delimiter that it holds; under a comma when it holds none."""
    delimiters = [delimiter for delimiter in DELIMITERS if delimiter in line] or [","]
    return {delimiter: cells_of([line], delimiter)[0] or [line] for delimiter in delimiters}


def is_separator_line(line: str) -> bool:
    """Whether the line is the `sep=;` that Excel writes above a table for itself."""
    return _SEPARATOR_LINE.fullmatch(line.strip("\ufeff \"'")) is not None


def lines_of(content: bytes) -> list[str]:
    """The lines of a stretch as text; where not all are UTF-8, each by itself."""
    try:
        return content.decode("utf-8").split("\n")[:-1]
    except UnicodeDecodeError:
        return [text_of(line) for line in content.split(b"\n")[:-1]]


def cells_of(lines: Sequence[str], delimiter: str) -> Sequence[Sequence[str] | None]:
    """The cells of each line; None for a line that cannot be read: an unclosed quote, or a NUL."""
    if not any('"' in line or "\0" in line for line in lines):
        return [line.split(delimiter) for line in lines]
    together = None if any("\0" in line for line in lines) else _parse(lines, delimiter)
    if together and len(together) == len(lines):  # so no quote went on past the end of its line
        return together
    return [_cells_of_one(line, delimiter) for line in lines]


def rows_of(stretch: Stretch, texts: Sequence[str], header: Header) -> Rows:
    """The stretch's rows; blank lines, comments, the header and what stands above it as outcomes."""
    rows = Rows(stretch.line_count, {column: [] for column in header.columns})
    even = _is_even(stretch, header)
    for start in range(0, len(texts), PART_LINES):
        part, first = texts[start : start + PART_LINES], stretch.first_line + start
        columns = _columns_of(part, header) if even else {}
        if even and "" not in columns[_identifier(header)]:  # it may be blank altogether
            rows.lines += range(first, first + len(part))
            for column, cells in columns.items():
                rows.columns[column] += cells
        else:
            _add_part(rows, part, first, stretch, header)
    return rows


def _is_even(stretch: Stretch, header: Header) -> bool:
    """The usual stretch: below the header, nothing quoted, blank or commented, every row as wide as the header."""
    content, delimiter = stretch.content, header.delimiter.encode()
    rare = (b'"', b"\0", b"#", b"\n\n", b"\n ", b"\n\t", b"\n" + delimiter)
    first_is_rare = content.startswith((b"\n", b" ", b"\t", delimiter))
    if stretch.first_line <= header.line or header.cell_count is None or first_is_rare:
        return False
    if stretch.long_lines or any(mark in content for mark in rare):
        return False
    octets = np.frombuffer(content, np.uint8)
    marks = octets[(octets == ord("\n")) | (octets == delimiter[0])]
    ends = np.flatnonzero(marks == ord("\n"))
    return bool((np.diff(ends, prepend=-1) == header.cell_count).all())


def _columns_of(part: Sequence[str], header: Header) -> dict[ManifestColumn, list[str]]:
    cells = header.delimiter.join(part).split(header.delimiter)
    return {column: [cell.strip() for cell in cells[at :: header.cell_count]] for column, at in header.columns.items()}


def _identifier(header: Header) -> ManifestColumn:
    return ManifestColumn.ICCID if ManifestColumn.ICCID in header.columns else ManifestColumn.DEVICE_ID


def _add_part(rows: Rows, part: Sequence[str], first: int, stretch: Stretch, header: Header) -> None:
    lines, texts = [], []
    for line, text in enumerate(part, first):
        if outcome := _no_row(rows, line, text, stretch, header):
            rows.outcomes.append(outcome)
        else:
            lines.append(line)
            texts.append(text)
    for line, cells in zip(lines, cells_of(texts, header.delimiter), strict=True):
        if cells is None:
            rows.outcomes.append(LineOutcome(line, Verdict.REJECTED, Reason.UNREADABLE_ROW))
        elif header.cell_count and len(cells) > header.cell_count and any(map(str.strip, cells[header.cell_count :])):
            detail = (
                f"It has {len(cells)} cells, the header {header.cell_count}: is a cell with a delimiter not quoted?"
            )
            rows.outcomes.append(LineOutcome(line, Verdict.REJECTED, Reason.UNREADABLE_ROW, detail=detail))
        elif in_error := rows.in_error(line, cells, header.columns):
            rows.outcomes.append(in_error)
        else:
            rows.add(line, cells, header.columns)


def _no_row(rows: Rows, line: int, text: str, stretch: Stretch, header: Header) -> LineOutcome | None:
    if line in stretch.long_lines:
        return LineOutcome(line, Verdict.REJECTED, Reason.LINE_TOO_LONG)
    if not text.replace(header.delimiter, " ").strip():
        return ignored(line, Reason.BLANK)
    if line == header.line or (line < header.line and is_separator_line(text)):
        return ignored(line, Reason.HEADER)
    if outcome := rows.comment(line, text, text.split(header.delimiter, 1)[0]):
        return outcome
    return above_header(line, readings_of(text)) if line < header.line else None


def _cells_of_one(line: str, delimiter: str) -> Sequence[str] | None:
    rows = _parse([line], delimiter)
    return rows[0] if rows and "\0" not in line else None


def _parse(lines: Sequence[str], delimiter: str) -> list[list[str]] | None:
    try:
        return list(csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:
        return None
