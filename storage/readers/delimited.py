"""Physical lines to the rows of a table. A quote never spans lines here, so an unclosed one costs its own line only."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence

from domain.lines import LineOutcome, Reason, Verdict
from storage.readers.block import Block, ReadingRules
from storage.readers.header import Header, Readings
from storage.readers.physical_lines import Stretch
from storage.readers.table import Rows, block_of, ignored
from storage.readers.unicode_text import text_of

DELIMITERS = ("\t", ";", ",", "|")
_SEPARATOR_LINE = re.compile(r"sep=(.)", re.IGNORECASE)  # what Excel writes above a table for itself


def delimited_blocks(stretches: Iterable[Stretch], header: Header, rules: ReadingRules) -> Iterator[Block]:
    """The table's lines, stretch by stretch."""
    for stretch in stretches:
        yield block_of(rows_of(stretch, header), header, rules)


def readings_of(line: str) -> Readings:
    """The line's cells under each delimiter that it holds; under a comma when it holds none."""
    delimiters = [delimiter for delimiter in DELIMITERS if delimiter in line] or [","]
    return {delimiter: cells_of(line, delimiter) or [line] for delimiter in delimiters}


def is_separator_line(line: str) -> bool:
    """Whether the line is Excel's `sep=;`."""
    return _SEPARATOR_LINE.fullmatch(line.strip("\ufeff \"'")) is not None


def cells_of(line: str, delimiter: str) -> Sequence[str] | None:
    """The line's cells, or None when it cannot be read: an unclosed quote, or a NUL."""
    if "\0" in line:
        return None
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:
        return None


def rows_of(stretch: Stretch, header: Header) -> Rows:
    """The stretch's rows; blank lines, comments, the header and what stands above it as outcomes."""
    texts = lines_of(stretch.content)
    rows = Rows(stretch.line_count, [], [])
    if stretch.first_line > header.line and _is_plain(texts, stretch):
        rows.lines = list(range(stretch.first_line, stretch.first_line + stretch.line_count))
        rows.cells = [text.split(header.delimiter) for text in texts]
        return rows
    for line, text in enumerate(texts, stretch.first_line):
        outcome = _no_row(line, text, header, rows, stretch)
        cells = None if outcome else cells_of(text, header.delimiter)
        if cells is not None:
            rows.lines.append(line)
            rows.cells.append(cells)
        else:
            rows.outcomes.append(outcome or LineOutcome(line, Verdict.REJECTED, Reason.UNREADABLE_ROW))
    return rows


def lines_of(content: bytes) -> list[str]:
    """The lines of a stretch as text; those that are not UTF-8 one by one."""
    try:
        return content.decode("utf-8").split("\n")[:-1]
    except UnicodeDecodeError:
        return [text_of(line) for line in content.split(b"\n")[:-1]]


def _is_plain(texts: Sequence[str], stretch: Stretch) -> bool:
    """No quote, NUL, comment, blank or over-long line anywhere: the usual stretch, cut without looking at each line."""
    content = stretch.content
    rare = (b'"', b"\0", b"#", b"\n\n", b"\n ", b"\n\t")
    return not (stretch.long_lines or any(mark in content for mark in rare)) and bool(texts and texts[0].strip())


def _no_row(line: int, text: str, header: Header, rows: Rows, stretch: Stretch) -> LineOutcome | None:
    if line in stretch.long_lines:
        return LineOutcome(line, Verdict.REJECTED, Reason.LINE_TOO_LONG)
    if not text or text.isspace():
        return ignored(line, Reason.BLANK)
    if line == header.line or (line < header.line and is_separator_line(text)):
        return ignored(line, Reason.HEADER)
    if text.startswith("#"):
        return rows.comment(line, text)
    return ignored(line, Reason.NO_ICCID) if line < header.line else None
