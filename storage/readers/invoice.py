"""A carrier's invoice or export, CSV or XLSX, by the headings that the configuration names. Digits stay text.

Of a line without an ICCID (a sum, a note) nothing is said; a line whose ICCID or sum cannot be read is counted and
named. A sum that cannot be read leaves its SIM billed, with the sum unknown whatever its other lines say.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa

from domain.file_limits import USUAL_LIMITS, FileLimits
from domain.iccid import CheckDigit, IssuerProfile
from domain.iccid_batch import classify_cells
from domain.invoices import InvoiceColumns, InvoiceRefused, millionths_of
from domain.lines import Reason
from domain.plain_rows import iccids_of
from storage.readers.delimited import cells_of, is_separator_line, lines_of, readings_of
from storage.readers.header import HEADER_WITHIN_ROWS
from storage.readers.layout import named_as
from storage.readers.opening import chunks, open_manifest
from storage.readers.physical_lines import stretches
from storage.readers.reading import is_workbook, peeked
from storage.readers.unicode_text import as_utf8, encoding_of
from storage.readers.workbook import Cells, open_first_sheet, text_cells

BLOCK_LINES = 65_536
NAMED = 20
"""So many lines that cannot be read are named."""
SCHEMA = pa.schema(
    [("iccid", pa.string()), ("amount_millionths", pa.int64()), ("currency", pa.string()), ("product", pa.string())]
)
_SILENT = frozenset({Reason.BLANK, Reason.NO_ICCID})


@dataclass
class InvoiceRead:
    """What a file says: its lines with an ICCID as an Arrow table, and the lines that cannot be read."""

    rows: pa.Table
    line_count: int = 0
    unreadable_count: int = 0
    unreadable: list[str] = field(default_factory=list)

    def note(self, line: int, why: str) -> None:
        """One line that cannot be read."""
        self.unreadable_count += 1
        if len(self.unreadable) < NAMED:
            self.unreadable.append(f"line {line}: {why}")


def read_invoice(
    path: Path, columns: InvoiceColumns, profiles: Sequence[IssuerProfile], limits: FileLimits = USUAL_LIMITS
) -> InvoiceRead:
    """The whole file. Raises `ManifestRefused` for bytes that are no table, `InvoiceRefused` for headings and sums."""
    if columns.check_digit_omitted:
        profiles = [replace(one, check_digit=CheckDigit.OMITTED) if len(one.lengths) == 1 else one for one in profiles]
    read = InvoiceRead(SCHEMA.empty_table())
    tables: list[pa.Table] = []
    parser = _Parser(columns, profiles, read)
    with open_manifest(path, limits) as opened:
        head, stream = peeked(chunks(opened, limits))
        if is_workbook(head, named_as(path.name)):
            with open_first_sheet(opened, stream, limits, BLOCK_LINES) as parts:
                tables += parser.tables(parts, path.name)
        else:
            tables += parser.tables(_text_parts(head, stream, columns, limits), path.name)
    read.rows = pa.concat_tables([read.rows, *tables])
    currencies = set(read.rows["currency"].unique().to_pylist()) - {""}
    if len(currencies) > 1:
        listed = ", ".join(sorted(currencies))
        raise InvoiceRefused(f"{path.name}: sums in {listed} cannot be added. Give one file for each currency.")
    return read


def _text_parts(
    head: bytes, stream: Iterable[bytes], columns: InvoiceColumns, limits: FileLimits
) -> Iterator[list[Sequence[str]]]:
    """The lines as cells, under the delimiter with which the header shows the ICCID's column."""
    pieces = (lines_of(each.content) for each in stretches(as_utf8(stream, encoding_of(head)), limits, BLOCK_LINES))
    first = next(pieces, [])
    delimiter = _delimiter(first, columns)
    for lines in chain([first], pieces):
        yield [cells if cells is not None else [] for cells in cells_of(lines, delimiter)]


def _delimiter(lines: Sequence[str], columns: InvoiceColumns) -> str:
    wanted = _plain(columns.iccid)
    for line in islice(lines, HEADER_WITHIN_ROWS):
        if not is_separator_line(line):
            for delimiter, cells in readings_of(line).items():
                if wanted in map(_plain, cells):
                    return delimiter
    return ","


def _plain(heading: str) -> str:
    return " ".join(heading.replace("\ufeff", " ").split()).casefold()


class _Parser:
    """Rows of cells to Arrow tables, once the header was found."""

    def __init__(self, columns: InvoiceColumns, profiles: Sequence[IssuerProfile], read: InvoiceRead) -> None:
        self._columns = columns
        self._profiles = profiles
        self._read = read
        self._sums: dict[tuple[str, str], int | None] = {}

    def tables(self, parts: Iterable[Sequence[Cells]], name: str) -> Iterator[pa.Table]:
        """The lines below the header, part by part. Raises `InvoiceRefused` where a heading is missing."""
        line, places = 1, None
        for part in parts:
            start = 0
            if places is None:
                start, places = self._header(part, name)
            yield self._table(part[start:], line + start, places)
            line += len(part)
        if places is None:
            raise InvoiceRefused(f"{name}: the file has no lines.")

    def _header(self, part: Sequence[Cells], name: str) -> tuple[int, dict[str, int]]:
        asked = self._columns
        headings = {
            "iccid": asked.iccid,
            "amount": asked.amount,
            "currency": asked.currency_column,
            "product": asked.product,
        }
        wanted = {key: _plain(heading) for key, heading in headings.items() if heading}
        for number, cells in enumerate(part[:HEADER_WITHIN_ROWS]):
            found = [_plain(each) for each in text_cells(cells)]
            if wanted["iccid"] in found:
                if missing := [headings[key] for key, heading in wanted.items() if heading not in found]:
                    raise InvoiceRefused(f"{name}: no column is called {' or '.join(map(str, missing))}.")
                return number + 1, {key: found.index(heading) for key, heading in wanted.items()}
        raise InvoiceRefused(
            f"{name}: no column is called {asked.iccid}. Correct `iccid` of this account's invoices in the settings."
        )

    def _table(self, rows: Sequence[Cells], first_line: int, places: dict[str, int]) -> pa.Table:
        at = places["iccid"]
        cells = [row[at] if len(row) > at else "" for row in rows]
        told = classify_cells([cell if isinstance(cell, str) else "" for cell in cells], self._profiles)
        faults = iter(told.faults)
        kept = []
        for number, (cell, is_sound) in enumerate(zip(cells, told.ok.tolist(), strict=True)):
            if is_sound:
                kept.append(number)
                continue
            fault = next(faults)
            if not isinstance(cell, str):
                self._read.note(first_line + number, "the ICCID is a number, so a spreadsheet has rounded it")
            elif fault.reason not in _SILENT:
                self._read.note(first_line + number, fault.reason.value.replace("_", " "))
        self._read.line_count += len(kept)
        iccids = iccids_of(told.keys[told.ok])
        mine = [(first_line + number, rows[number]) for number in kept]
        amounts = [self._amount(line, row, places.get("amount")) for line, row in mine]
        fixed = self._columns.currency or ""
        currencies = [_cell(row, places.get("currency")).strip().upper() or fixed for _, row in mine]
        products = [_cell(row, places.get("product")).strip() for _, row in mine]
        return pa.table([iccids, pa.array(amounts, pa.int64()), currencies, products], schema=SCHEMA)

    def _amount(self, line: int, row: Cells, place: int | None) -> int | None:
        """A sum in millionths; None where it says none that can be read, or where no column does."""
        if place is None:
            return None
        text = _cell(row, place)
        is_number = place < len(row) and not isinstance(row[place], str)
        written = text, "." if is_number else self._columns.decimal
        if written not in self._sums:
            try:
                self._sums[written] = millionths_of(*written)
            except ValueError:
                self._sums[written] = None
        if self._sums[written] is None:
            self._read.note(line, "the sum cannot be read")
        return self._sums[written]


def _cell(row: Cells, place: int | None) -> str:
    """One cell as text; a number as a plain one, for `1e-05` is no sum."""
    if place is None or place >= len(row):
        return ""
    cell = row[place]
    return cell if isinstance(cell, str) else f"{cell:.6f}"
