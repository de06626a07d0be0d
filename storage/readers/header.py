"""Find the header of a table, and refuse to read on when it shows key material.

The header is the first row that names an ICCID or a device ID, within the first rows of the file: titles, dates and
comments may stand above it. A table without a header is read when its first row starts with an ICCID; then nothing but
that first column is used. Key columns are looked for in every one of the first rows, above the header and below it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from domain.columns import (
    find_columns,
    line_shows_key_material,
    names_a_sim,
    names_key_material,
    shown_to_people,
)
from domain.iccid import is_valid, looks_like_an_attempt
from domain.manifests import ManifestColumn, ManifestRefused

HEADER_WITHIN_ROWS = 20
_IDENTIFIERS = (ManifestColumn.ICCID, ManifestColumn.DEVICE_ID)

Readings = Mapping[str, Sequence[str]]
"""A row's cells under each delimiter that it could have."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the columns are. `line` is 0 when there is no header; then `cell_count` is open."""

    line: int
    delimiter: str
    columns: Mapping[ManifestColumn, int]
    cell_count: int | None


def find_header(rows: Iterable[tuple[int, Readings]]) -> Header:
    """The header among the first rows (line number, readings; blank rows left out).

    A header counts before a row that only looks like an ICCID (a date, an order's number), and not after a whole one.
    Raises `ManifestRefused`: quarantined when one of the rows shows key material, refused when no column can be the
    ICCID's or the device's.
    """
    first_rows = list(islice(rows, HEADER_WITHIN_ROWS))
    title: Readings | None = None
    bare: Header | None = None
    for at, (line, readings) in enumerate(first_rows):
        quarantine_keys(readings)
        if not holds_a_whole_one(readings) and (header := as_header(line, readings)):
            quarantine_keys_below(header, first_rows[at + 1 :])
            return header
        if is_comment(readings):
            continue
        if title is None:
            title, bare = readings, without_header(readings)
        if holds_a_whole_one(readings):
            break
    if bare is None:
        raise _no_column(title or {})
    quarantine_keys_below(bare, first_rows)
    return bare


def as_header(line: int, readings: Readings) -> Header | None:
    """The row as a header, under the delimiter that shows most of our columns; a comment only if all are ours."""
    best: Header | None = None
    for delimiter, cells in readings.items():
        columns = find_columns(cells)
        if columns and (best is None or len(columns) > len(best.columns)):
            best = Header(line, delimiter, columns, len(cells))
    if best and is_comment(readings) and not (best.cell_count == len(best.columns) > 1):
        return None
    return best


def without_header(readings: Readings) -> Header | None:
    """A table that starts with its data: its first cell is an ICCID, or meant as one."""
    for fits in (is_valid, looks_like_an_attempt):
        for delimiter, cells in readings.items():
            if fits(cells[0]):
                return Header(0, delimiter, {ManifestColumn.ICCID: 0}, None)
    return None


def holds_sims(readings: Readings) -> bool:
    """Whether some cell is meant as an ICCID, and none is the name of the column with an example behind it."""
    cells = [cell for cells in readings.values() for cell in cells]
    named = any(map(names_a_sim, cells)) and not any(map(is_valid, cells))
    return any(map(looks_like_an_attempt, cells)) and not named


def holds_a_whole_one(readings: Readings) -> bool:
    """Whether the row is past the header: some cell is an ICCID."""
    return any(is_valid(cell) for cells in readings.values() for cell in cells)


def is_comment(readings: Readings) -> bool:
    """Whether the row starts with `#`."""
    return any(cells[0].lstrip("\ufeff ").startswith("#") for cells in readings.values())


def quarantine_keys(readings: Readings) -> None:
    """Raise `ManifestRefused` with `quarantine` when the row reads like a header with Ki, OPc, PIN, PUK, ADM..."""
    if holds_sims(readings):
        return
    widest = max(readings.values(), key=len)
    keys = [] if is_comment(readings) or len(widest) == 1 else [cell for cell in widest if names_key_material(cell)]
    if keys:
        raise key_material(keys)
    quarantine_key_lines([(0, readings)])


def quarantine_keys_below(header: Header, rows: Iterable[tuple[int, Readings]]) -> None:
    """Raise `ManifestRefused` when the header goes on in a second row, or stands again, with key columns.

    A row with an ICCID or a device has values, and `KI` is a country among them; so has each column of ours.
    """
    if not header.line:
        for _, readings in rows:
            quarantine_keys(readings)
        return
    identifiers = [header.columns[column] for column in _IDENTIFIERS if column in header.columns]
    for _, readings in rows:
        cells = readings.get(header.delimiter) or max(readings.values(), key=len)
        named = [cells[at] for at in identifiers if at < len(cells) and cells[at].strip()]
        if any(map(names_a_sim, named)):
            quarantine_keys(readings)
        elif not named and not holds_sims(readings):
            ours = header.columns.values()
            keys = [cell for at, cell in enumerate(cells) if at not in ours and names_key_material(cell)]
            if keys and not is_comment(readings):
                raise key_material(keys)


def quarantine_key_lines(rows: Iterable[tuple[int, Readings]]) -> None:
    """Raise `ManifestRefused` when a line of a list reads like a header with key columns; a word in prose is none."""
    for _, readings in rows:
        if any(line_shows_key_material(" ".join(cells)) for cells in readings.values()):
            raise key_material([])


def key_material(keys: Sequence[str]) -> ManifestRefused:
    """The refusal that quarantines a file; of the cells only what may be shown is shown."""
    return ManifestRefused(
        f"The header shows key material of the cards{f' ({shown_to_people(keys)})' if keys else ''}. "
        "Nothing below it was read. Ask the vendor for a file without keys; a code that the carrier takes as a "
        "registration code belongs in a column called registration_code.",
        reason="key_material",
        quarantine=True,
    )


def _no_column(title: Readings) -> ManifestRefused:
    cells = max(title.values(), key=len, default=())
    return ManifestRefused(
        f"No column is an ICCID or a device ID; the first row reads {shown_to_people(cells) or 'as nothing'}. Name the "
        "columns in the first row and part them by comma, semicolon, tab or |; then drop the file again.",
        reason="no_iccid_column",
    )
