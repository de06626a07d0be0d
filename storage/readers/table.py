"""A table's columns to a `Block`: the ICCIDs judged, devices resolved, the other columns carried along."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from domain.columns import fold, names_a_sim
from domain.control_totals import ControlTotal, parse_trailer
from domain.iccid import looks_like_an_attempt
from domain.iccid_batch import NOTHING, Around, Fault, classify_cells
from domain.kept_text import device_part, iccid_part
from domain.lines import LineOutcome, Reason, Verdict
from domain.manifests import ManifestColumn
from domain.spreadsheet_cells import is_damaged_code, is_error
from storage.readers.block import Block, DeviceLookup, ReadingRules

CARD_DIGITS = 15
"""A title with so many digits in one cell might be a card's number."""
DAMAGED_CODE = "A spreadsheet took the registration code for a number: format the column as text."
_ROUNDED = re.compile(r"[0-9][eE]\+1[89]")
ABSENT = frozenset({"", "na", "none", "null", "nil", "0", "builtin", "embedded"})
"""What an ICCID cell says, folded, when it has no ICCID: `n/a`, `--` and `?` as well."""
_ABSENT_LENGTH = 12
_OF_WORDS = frozenset({Reason.NO_ICCID, Reason.NOT_DIGITS, Reason.UNKNOWN_DEVICE})
NEVER_IN_ERROR = (
    *(ManifestColumn.ICCID, ManifestColumn.DEVICE_ID, ManifestColumn.PRODUCT, ManifestColumn.HOME_COUNTRY),
    *(ManifestColumn.CARRIER_ACCOUNT, ManifestColumn.REGISTRATION_CODE),
)
"""Columns in which a spreadsheet's error costs the row: read as empty, another country or product would be taken."""


@dataclass(slots=True)
class Rows:
    """A stretch of a table: `columns[c][i]` is a cell of the row on line `lines[i]`; `outcomes` has the other lines."""

    line_count: int
    columns: dict[ManifestColumn, list[str]]
    lines: list[int] = field(default_factory=list)
    outcomes: list[LineOutcome] = field(default_factory=list)
    trailer: ControlTotal | None = None
    worded: set[int] = field(default_factory=set)  # lines with a word where the SIM should stand: a header again?

    def add(self, line: int, cells: Sequence[str], columns: Mapping[ManifestColumn, int]) -> None:
        """One more row; a cell that it lacks is an empty one."""
        self.lines.append(line)
        for column, at in columns.items():
            self.columns[column].append(cells[at].strip() if at < len(cells) else "")

    def comment(self, line: int, text: str, first_cell: str) -> LineOutcome | None:
        """The outcome of a row that is a comment or the control total, wherever in the row that starts."""
        if "#" not in text:
            return None
        if total := parse_trailer(text):
            self.trailer = total
            return ignored(line, Reason.TRAILER)
        return ignored(line, Reason.COMMENT) if first_cell.startswith("#") and not is_error(first_cell) else None

    def in_error(self, line: int, cells: Sequence[str], columns: Mapping[ManifestColumn, int]) -> LineOutcome | None:
        """The rejection of a row in which a column that counts holds a spreadsheet's error."""
        for column in NEVER_IN_ERROR:
            at = columns.get(column, len(cells))
            if at < len(cells) and is_error(cells[at]):
                detail = f"The {column.value} is the error {cells[at].strip()}: correct the formula."
                return self.rejected(line, cells, columns, detail)
        return None

    def rejected(
        self, line: int, cells: Sequence[str], columns: Mapping[ManifestColumn, int], detail: str
    ) -> LineOutcome:
        """A row that cannot be used, shown by its ICCID alone."""
        at = columns.get(ManifestColumn.ICCID, len(cells))
        text = iccid_part(cells[at].strip()) if at < len(cells) else ""
        return LineOutcome(line, Verdict.REJECTED, Reason.UNREADABLE_ROW, text, detail=detail)

    @property
    def ends(self) -> Around:
        """The first and the last ICCID."""
        iccids = self.columns.get(ManifestColumn.ICCID)
        return (iccids[0], iccids[-1]) if iccids else NOTHING


def block_of(rows: Rows, rules: ReadingRules, around: Around = NOTHING) -> Block:
    """Every line of the stretch with its key or its outcome. `around`: the ICCIDs above and below the stretch."""
    columns = dict(rows.columns)
    device_ids = columns.get(ManifestColumn.DEVICE_ID)
    written = columns.pop(ManifestColumn.ICCID, None) or [""] * len(rows.lines)
    iccids, unresolved = _with_devices(written, device_ids, rules.devices)
    judged = classify_cells(iccids, rules.profiles, around=around)
    for row, fault in zip(np.flatnonzero(~judged.ok).tolist(), judged.faults, strict=True):
        device_id = device_ids[row] if device_ids else ""
        reason, detail = (unresolved[row], "") if row in unresolved else _of_the_row(fault, device_id)
        verdict = Verdict.IGNORED if reason is Reason.NO_ICCID else Verdict.REJECTED
        if reason in _OF_WORDS and _is_word(written[row] or device_id, reason):
            rows.worded.add(rows.lines[row])
        named = device_id if device_ids and is_absent(written[row]) else None
        text = iccid_part(written[row]) if named is None else device_part(named)
        rows.outcomes.append(LineOutcome(rows.lines[row], verdict, reason, text, detail=detail))
    lines: NDArray[np.int64] = np.array(rows.lines, np.int64)
    ok = judged.ok
    for row in _damaged_codes(columns):
        if ok[row]:
            ok[row] = False
            cell, line = written[row], rows.lines[row]
            outcome = LineOutcome(line, Verdict.REJECTED, Reason.UNREADABLE_ROW, iccid_part(cell), detail=DAMAGED_CODE)
            rows.outcomes.append(outcome)
    return Block(
        line_count=rows.line_count,
        lines=lines[ok],
        keys=judged.keys[ok],
        cells={column: list(compress(texts, ok.tolist())) for column, texts in columns.items()},
        outcomes=in_order(rows.outcomes),
        trailer=rows.trailer,
    )


def is_absent(iccid: str) -> bool:
    """Whether an ICCID cell says in some way that it has none.

    >>> [is_absent(cell) for cell in ("", "n/a", "N.A.", "-", "?", "built-in", "#N/A", "lost", "8934076500002589174")]
    [True, True, True, True, True, True, False, False, False]
    """
    return not iccid or (len(iccid) <= _ABSENT_LENGTH and fold(iccid) in ABSENT and not is_error(iccid))


def _is_word(cell: str, reason: Reason) -> bool:
    return bool(cell) if reason is Reason.NO_ICCID else names_a_sim(cell)


def _of_the_row(fault: Fault, device_id: str) -> Fault:
    """A cell's fault as its row's: with a device behind it a word that is no number is not passed over."""
    if fault.reason is Reason.NO_ICCID and device_id:
        return Fault(Reason.NOT_DIGITS, "Leave it empty where the device's built-in SIM is meant.")
    return Fault(Reason.NO_ICCID) if fault.reason is Reason.BLANK else fault  # the cell is empty, the row is not


def _damaged_codes(columns: Mapping[ManifestColumn, Sequence[str]]) -> list[int]:
    codes = columns.get(ManifestColumn.REGISTRATION_CODE, ())
    return [row for row, code in enumerate(codes) if is_damaged_code(code)]


def _with_devices(
    iccids: Sequence[str], device_ids: Sequence[str] | None, devices: DeviceLookup | None
) -> tuple[Sequence[str], Mapping[int, Reason]]:
    """The ICCIDs with those of the devices filled in, and why the others of these rows have none."""
    if device_ids is None:
        return iccids, {}
    asked = [row for row, iccid in enumerate(iccids) if device_ids[row] and is_absent(iccid)]
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


def ignored(line: int, reason: Reason) -> LineOutcome:
    """An outcome of a line that is nobody's SIM."""
    return LineOutcome(line, Verdict.IGNORED, reason)


def above_header(line: int, readings: Mapping[str, Sequence[str]]) -> LineOutcome:
    """The outcome of a row above the header: a title, unless one of its cells could be a card's number."""
    for cell in (cell for cells in readings.values() for cell in cells):
        if looks_like_an_attempt(cell) and (sum(map(str.isdigit, cell)) >= CARD_DIGITS or _ROUNDED.search(cell)):
            detail = "It stands above the header, and might be a SIM."
            return LineOutcome(line, Verdict.REJECTED, Reason.UNREADABLE_ROW, iccid_part(cell), detail=detail)
    return ignored(line, Reason.NO_ICCID)


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
