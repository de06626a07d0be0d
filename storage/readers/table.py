"""Rows of cells to a `Block`: the ICCID column judged, devices resolved, the other columns carried along.

A row that has more cells than its header is rejected when one of the surplus cells holds something: a delimiter that
lost its quotes has shifted the columns, and a shifted home country costs money. Missing cells are empty ones.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from domain.control_totals import ControlTotal, parse_trailer
from domain.iccid_batch import classify_cells
from domain.lines import LineOutcome, Reason, Verdict
from domain.manifests import ManifestColumn
from storage.readers.block import Block, DeviceLookup, ReadingRules
from storage.readers.header import Header

KEPT_TEXT = 200
ABSENT = frozenset({"", "-", "--", "n/a", "N/A", "none", "None", "NONE", "null", "NULL"})
"""What an ICCID cell says when it has no ICCID, besides nothing."""


@dataclass(slots=True)
class Rows:
    """A stretch of a table: `cells[i]` is the row on line `lines[i]`; `outcomes` has the lines that are no rows."""

    line_count: int
    lines: list[int]
    cells: list[Sequence[str]]
    outcomes: list[LineOutcome] = field(default_factory=list)
    trailer: ControlTotal | None = None

    def comment(self, line: int, text: str) -> LineOutcome:
        """The outcome of a line that starts with `#`: a comment, or the control total."""
        if total := parse_trailer(text):
            self.trailer = total
        return ignored(line, Reason.TRAILER if total else Reason.COMMENT)


def block_of(rows: Rows, header: Header, rules: ReadingRules) -> Block:
    """Every line of the stretch with its key or its outcome."""
    _reject_shifted(rows, header)
    columns = {column: _column(rows.cells, at) for column, at in header.columns.items()}
    device_ids = columns.get(ManifestColumn.DEVICE_ID)
    written = columns.pop(ManifestColumn.ICCID, None) or [""] * len(rows.cells)
    iccids, unresolved = _with_devices(written, device_ids, rules.devices)
    judged = classify_cells(iccids, rules.profiles)
    for row, fault in zip(np.flatnonzero(~judged.ok).tolist(), judged.faults, strict=True):
        reason, detail = (unresolved[row], "") if row in unresolved else fault
        if reason is Reason.BLANK and any(map(str.strip, rows.cells[row])):
            reason = Reason.NO_ICCID
        verdict = Verdict.IGNORED if reason in (Reason.BLANK, Reason.NO_ICCID) else Verdict.REJECTED
        cell = device_ids[row] if device_ids and written[row] in ABSENT else written[row]
        rows.outcomes.append(LineOutcome(rows.lines[row], verdict, reason, kept(cell), detail=detail))
    lines: NDArray[np.int64] = np.array(rows.lines, np.int64)
    return Block(
        line_count=rows.line_count,
        lines=lines[judged.ok],
        keys=judged.keys[judged.ok],
        cells={column: list(compress(texts, judged.ok.tolist())) for column, texts in columns.items()},
        outcomes=in_order(rows.outcomes),
        trailer=rows.trailer,
    )


def _column(cells: Sequence[Sequence[str]], at: int) -> list[str]:
    try:
        return [row[at].strip() for row in cells]
    except IndexError:
        return [row[at].strip() if len(row) > at else "" for row in cells]


def _reject_shifted(rows: Rows, header: Header) -> None:
    width = header.cell_count
    if width is None or not any(len(row) > width for row in rows.cells):
        return
    shifted = {i: row for i, row in enumerate(rows.cells) if len(row) > width and any(map(str.strip, row[width:]))}
    for i, row in shifted.items():
        detail = f"It has {len(row)} cells and the header {width}: does a cell hold the delimiter without quotes?"
        rows.outcomes.append(LineOutcome(rows.lines[i], Verdict.REJECTED, Reason.UNREADABLE_ROW, detail=detail))
    rows.lines = [line for i, line in enumerate(rows.lines) if i not in shifted]
    rows.cells = [row for i, row in enumerate(rows.cells) if i not in shifted]


def _with_devices(
    iccids: Sequence[str], device_ids: Sequence[str] | None, devices: DeviceLookup | None
) -> tuple[Sequence[str], Mapping[int, Reason]]:
    """The ICCIDs with those of the devices filled in, and why the others of these rows have none."""
    if device_ids is None:
        return iccids, {}
    asked = [row for row, iccid in enumerate(iccids) if iccid in ABSENT and device_ids[row]]
    if not asked:
        return iccids, {}
    known = devices(list(dict.fromkeys(device_ids[row] for row in asked))) if devices else {}
    found, unresolved = list(iccids), {}
    for row in asked:
        built_in = known.get(device_ids[row])
        found[row] = built_in or ""
        if device_ids[row] not in known:
            unresolved[row] = Reason.UNKNOWN_DEVICE
        elif not built_in:
            unresolved[row] = Reason.DEVICE_WITHOUT_SIM
    return found, unresolved


def ignored(line: int, reason: Reason, text: str = "") -> LineOutcome:
    """An outcome of a line that is nobody's SIM."""
    return LineOutcome(line, Verdict.IGNORED, reason, text)


def kept(cell: str) -> str:
    """What may be kept of an ICCID cell: under a wrong delimiter it is the whole row, and the rest may be secret."""
    for delimiter in (",", ";", "\t", "|"):
        cell = cell.split(delimiter, 1)[0]
    return cell[:KEPT_TEXT]


def in_order(outcomes: Iterable[LineOutcome]) -> list[LineOutcome]:
    """The outcomes by line, with neighbouring blank lines as one."""
    return list(_merged(sorted(outcomes, key=lambda outcome: outcome.line)))


def _merged(outcomes: Iterable[LineOutcome]) -> Iterator[LineOutcome]:
    start = end = 0  # of the blank run at hand; 0: none
    for outcome in outcomes:
        blank = outcome.reason is Reason.BLANK
        if start and not (blank and outcome.line == end + 1):
            yield _blank_run(start, end)
            start = 0
        if blank:
            start, end = start or outcome.line, outcome.through_line or outcome.line
        else:
            yield outcome
    if start:
        yield _blank_run(start, end)


def _blank_run(start: int, end: int) -> LineOutcome:
    return LineOutcome(start, Verdict.IGNORED, Reason.BLANK, through_line=end if end > start else None)
