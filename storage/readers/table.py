"""A table's columns to a `Block`: the ICCIDs judged, devices resolved, the other columns carried along."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from domain.control_totals import ControlTotal, parse_trailer
from domain.iccid import looks_like_an_attempt
from domain.iccid_batch import classify_cells
from domain.lines import LineOutcome, Reason, Verdict
from domain.manifests import ManifestColumn
from storage.readers.block import Block, DeviceLookup, ReadingRules

KEPT_TEXT = 200
CARD_DIGITS = 15
"""A title with so many digits in one cell might be a card's number."""
_ROUNDED = re.compile(r"[0-9][eE]\+1[89]")
ABSENT = frozenset({"", "-", "--", "n/a", "N/A", "none", "None", "NONE", "null", "NULL"})
"""What an ICCID cell says when it has no ICCID, besides nothing."""


@dataclass(slots=True)
class Rows:
    """A stretch of a table: `columns[c][i]` is a cell of the row on line `lines[i]`; `outcomes` has the other lines."""

    line_count: int
    columns: dict[ManifestColumn, list[str]]
    lines: list[int] = field(default_factory=list)
    outcomes: list[LineOutcome] = field(default_factory=list)
    trailer: ControlTotal | None = None

    def add(self, line: int, cells: Sequence[str], columns: Mapping[ManifestColumn, int]) -> None:
        """One more row; a cell that it lacks is an empty one."""
        self.lines.append(line)
        for column, at in columns.items():
            self.columns[column].append(cells[at].strip() if at < len(cells) else "")

    def comment(self, line: int, text: str) -> LineOutcome:
        """The outcome of a line that starts with `#`: a comment, or the control total."""
        if total := parse_trailer(text):
            self.trailer = total
        return ignored(line, Reason.TRAILER if total else Reason.COMMENT)


def block_of(rows: Rows, rules: ReadingRules) -> Block:
    """Every line of the stretch with its key or its outcome."""
    columns = dict(rows.columns)
    device_ids = columns.get(ManifestColumn.DEVICE_ID)
    written = columns.pop(ManifestColumn.ICCID, None) or [""] * len(rows.lines)
    iccids, unresolved = _with_devices(written, device_ids, rules.devices)
    judged = classify_cells(iccids, rules.profiles)
    for row, fault in zip(np.flatnonzero(~judged.ok).tolist(), judged.faults, strict=True):
        reason, detail = (unresolved[row], "") if row in unresolved else fault
        if reason is Reason.BLANK:
            reason = Reason.NO_ICCID  # the cell is empty, the row is not
        verdict = Verdict.IGNORED if reason is Reason.NO_ICCID else Verdict.REJECTED
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


def above_header(line: int, readings: Mapping[str, Sequence[str]]) -> LineOutcome:
    """The outcome of a row above the header: a title, unless one of its cells could be a card's number."""
    for cell in (cell for cells in readings.values() for cell in cells):
        if looks_like_an_attempt(cell) and (sum(map(str.isdigit, cell)) >= CARD_DIGITS or _ROUNDED.search(cell)):
            detail = "It stands above the header, and might be a SIM."
            return LineOutcome(line, Verdict.REJECTED, Reason.UNREADABLE_ROW, kept(cell), detail=detail)
    return ignored(line, Reason.NO_ICCID)


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
