"""Find the header of a table, and refuse to read on when it shows key material.

The header is the first row that names an ICCID or a device ID, within the first rows of the file: titles and comments
may stand above it. A table without a header is read when its first row starts with an ICCID; then nothing but that
first column is used.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from domain.columns import find_columns, line_shows_key_material, names_key_material, shown_to_people
from domain.iccid import is_valid, looks_like_an_attempt
from domain.manifests import ManifestColumn, ManifestRefused

HEADER_WITHIN_ROWS = 20

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

    Raises `ManifestRefused`: quarantined when a row above the first SIM shows key material, refused when no column can
    be the ICCID's or the device's.
    """
    title: Readings | None = None
    for line, readings in islice(rows, HEADER_WITHIN_ROWS):
        quarantine_keys(readings)
        if header := as_header(line, readings):
            return header
        if is_comment(readings):
            continue
        if title is None and (header := without_header(readings)):
            return header
        title = title or readings
        if holds_sims(readings):
            break
    raise _no_column(title or {})


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
    """Whether the row is past the header: some cell is meant as an ICCID."""
    return any(looks_like_an_attempt(cell) for cells in readings.values() for cell in cells)


def is_comment(readings: Readings) -> bool:
    """Whether the row starts with `#`."""
    return any(cells[0].lstrip("\ufeff ").startswith("#") for cells in readings.values())


def quarantine_keys(readings: Readings) -> None:
    """Raise `ManifestRefused` with `quarantine` when the row reads like a header with Ki, OPc, PIN, PUK, ADM..."""
    if holds_sims(readings):
        return
    widest = max(readings.values(), key=len)
    keys = [] if is_comment(readings) or len(widest) == 1 else [cell for cell in widest if names_key_material(cell)]
    if keys or any(line_shows_key_material(" ".join(cells)) for cells in readings.values()):
        raise ManifestRefused(
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
