"""A header below the header: two tables in one file. The same one again is a header; another one refuses the file.

Below a header with other columns, a country would be read where a product stands, or a key where a note does. Only
lines that gave no ICCID are looked at, so a table of sound rows costs nothing here.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from domain.columns import find_columns, fold
from domain.lines import Reason
from domain.manifests import ManifestColumn, ManifestRefused
from storage.readers.block import Block
from storage.readers.header import Header, quarantine_keys
from storage.readers.table import ignored

RowOf = Callable[[int], Sequence[str]]
"""The cells of a line of the block at hand."""

_MAY_NAME_A_SIM = re.compile("icc|sim|device|core.?id|integrated", re.IGNORECASE)
_ALSO_VALUES = frozenset({"sim", "simcard", "device"})


def with_headers_known(block: Block, worded: Collection[int], header: Header, row_of: RowOf) -> Block:
    """The block, its repeated headers as such. Raises `ManifestRefused` for a header that has other columns or keys.

    `worded` are the lines that have a word where an ICCID or a device should stand.
    """
    suspects = {one.line for one in block.outcomes if one.reason is Reason.UNREADABLE_ROW}.union(worded)
    headers = {line for line in sorted(suspects) if line > header.line and _is_header(line, header, row_of)}
    if not headers:
        return block
    outcomes = [ignored(one.line, Reason.HEADER) if one.line in headers else one for one in block.outcomes]
    return replace(block, outcomes=outcomes)


def _is_header(line: int, header: Header, row_of: RowOf) -> bool:
    cells = row_of(line)
    if not any(map(_MAY_NAME_A_SIM.search, cells)):
        return False
    columns = find_columns(cells)
    if not columns or not _is_surely_one(cells, columns, header):
        return False
    quarantine_keys({header.delimiter: cells})
    if not _fits(cells, columns, header):
        raise _two_tables(line)
    return True


def _is_surely_one(cells: Sequence[str], columns: Mapping[ManifestColumn, int], header: Header) -> bool:
    """`SIM` alone may be a value in a column of kinds; in a column of that name, or beside other names, it is none."""
    return len(columns) > 1 or any(
        fold(cells[at]) not in _ALSO_VALUES or header.columns.get(column) == at for column, at in columns.items()
    )


def _fits(cells: Sequence[str], columns: Mapping[ManifestColumn, int], header: Header) -> bool:
    """Whether each column of ours stands where the first header has it; the end of the row may be left out."""
    missing = [at for column, at in header.columns.items() if column not in columns]
    named = any(at < len(cells) and cells[at].strip() for at in missing)
    return columns.items() <= header.columns.items() and not named


def _two_tables(line: int) -> ManifestRefused:
    return ManifestRefused(
        f"A second header stands on line {line}, and its columns are not those of the first: two tables are in one "
        "file. Save each table as a file of its own and drop them one by one.",
        reason="second_header",
    )
