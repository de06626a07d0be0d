"""An .xlsx manifest: the one sheet with a fitting header and SIMs, row by row. Lines are the sheet's rows.

A spreadsheet keeps 15 digits of a number, so an ICCID in a numeric cell is already destroyed: the row is rejected and
nothing is guessed. The sheet is unpacked by `sheet_process.py` in a process of its own, because a workbook of a few
hundred bytes can ask for more memory than there is.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from domain.file_limits import FileLimits
from domain.iccid import looks_like_an_attempt
from domain.kept_text import iccid_part
from domain.lines import LineOutcome, Reason, Verdict
from domain.manifests import ManifestColumn, ManifestRefused
from storage.readers.block import Block, ReadingRules
from storage.readers.header import Header, find_header
from storage.readers.neighbours import with_neighbours
from storage.readers.opening import Opened
from storage.readers.second_header import with_headers_known
from storage.readers.table import DAMAGED_CODE, Rows, above_header, block_of, ignored

MEMORY_BYTES = 2 << 30
WHOLE_BELOW = 10**15
_PROGRAM = Path(__file__).with_name("sheet_process.py")

Cells = Sequence[str | float]
"""A row as the sheet has it: numbers are numbers, everything else is text."""

REFUSALS = {
    "not_a_workbook": (
        "It is a zip archive and no workbook. Unpack it, or save the sheet as .xlsx.",
        "unsupported_format",
    ),
    "unpacks_too_large": ("The workbook unpacks to more than the limit. Save the sheet as .csv.", "unpacks_too_large"),
    "formula_without_value": (
        "A cell of the workbook is a formula whose result was never saved. Open it in a spreadsheet program, save it, "
        "and drop it again.",
        "formula_without_value",
    ),
    "password": ("The workbook has a password. Save it without one.", "password"),
    "memory": ("The workbook needs too much memory to be read. Save the sheet as .csv.", "workbook_too_large"),
    "damaged": ("The workbook is cut off or damaged. Save it again and drop it again.", "damaged"),
}
"""A word of `sheet_process.py` -> the sentence for people, and the reason."""


class Sheet:
    """A sheet of a workbook, below whose header there may be SIMs. `head` are its first rows."""

    def __init__(
        self, process: "_SheetProcess", number: int, name: str, header: Header, head: Sequence[Cells] = ()
    ) -> None:
        self._process = process
        self._number = number
        self._head = head
        self.name = name
        self.header = header

    def parts(self) -> Iterator[Sequence[Cells]]:
        """All rows from row 1 to the last that holds something, some at a time."""
        self._process.ask(f"rows {self._number}")
        while not (answer := self._process.answer()).get("end"):
            yield answer["rows"]

    def holds(self, column: ManifestColumn) -> bool:
        """Whether some row below the header says something in this column; of ICCIDs, something meant as one."""
        at = self.header.columns.get(column)
        if at is None:
            return False
        means = looks_like_an_attempt if column is ManifestColumn.ICCID else bool
        below = self._head[self.header.line :]
        if any(means(cell) for cell in _column(below, at)):
            return True
        rows = 0
        found = False
        for part in self.parts():  # to its end, for each answer must be taken
            found = found or any(map(means, _column(part[max(0, self.header.line - rows) :], at)))
            rows += len(part)
        return found


@contextmanager
def open_sheet(opened: Opened, stream: Iterable[bytes], limits: FileLimits, block_lines: int) -> Iterator[Sheet]:
    """The sheet with a fitting header and SIMs. Raises `ManifestRefused` when several are; key material quarantines, in
    whichever sheet.
    """
    with _served(opened, stream, limits, block_lines) as process:
        yield _fitting_sheet(process)


@contextmanager
def open_first_sheet(
    opened: Opened, stream: Iterable[bytes], limits: FileLimits, block_lines: int
) -> Iterator[Iterator[Sequence[Cells]]]:
    """The rows of the first sheet, whatever its header is, some at a time. Raises `ManifestRefused`."""
    with _served(opened, stream, limits, block_lines) as process:
        if not process.answer()["sheets"]:
            raise ManifestRefused("The workbook has no sheet. Save it again.", reason="no_iccid_column")
        yield Sheet(process, 0, "", Header(0, "", {}, None)).parts()


@contextmanager
def _served(opened: Opened, stream: Iterable[bytes], limits: FileLimits, block_lines: int) -> "Iterator[_SheetProcess]":
    with tempfile.TemporaryFile() as unpacked:
        if opened.packed:
            unpacked.writelines(stream)
            unpacked.flush()
        descriptor = unpacked.fileno() if opened.packed else opened.raw.fileno()
        process = _SheetProcess(descriptor, opened.allowance(limits), block_lines)
        try:
            yield process
        finally:
            process.end()


def sheet_blocks(sheet: Sheet, rules: ReadingRules) -> Iterator[Block]:
    """The sheet's rows, part by part."""
    for (rows, part, line), around in with_neighbours(_rows_with_cells(sheet), lambda piece: piece[0].ends):
        block = block_of(rows, rules, around)
        yield with_headers_known(block, rows.worded, sheet.header, partial(_row_of, part, line))


def _rows_with_cells(sheet: Sheet) -> Iterator[tuple[Rows, Sequence[Cells], int]]:
    line = 1
    for part in sheet.parts():
        yield _rows_of(part, line, sheet.header), part, line
        line += len(part)


def _row_of(part: Sequence[Cells], first_line: int, line: int) -> list[str]:
    return text_cells(part[line - first_line])


def text_cells(cells: Cells) -> list[str]:
    """The row as text; a number as a spreadsheet would show it, all of its 15 digits.

    >>> text_cells(["8934076500002589174", 7.0, 12.5, 8.934076500002589e18])
    ['8934076500002589174', '7', '12.5', '8.93407650000259e+18']
    """
    return [cell if isinstance(cell, str) else f"{cell:.15g}" for cell in cells]


def _fitting_sheet(process: "_SheetProcess") -> Sheet:
    names: Sequence[str] = process.answer()["sheets"]
    fitting: list[Sheet] = []
    refusal = ManifestRefused("The workbook has no sheet. Save it again and drop it again.", reason="no_iccid_column")
    for number, name in enumerate(names):
        process.ask(f"head {number}")
        head = process.answer()["rows"]
        rows = enumerate(map(text_cells, head), 1)
        try:
            header = find_header((line, {"": cells}) for line, cells in rows if any(map(str.strip, cells)))
        except ManifestRefused as error:
            if error.quarantine:
                raise
            refusal = refusal if number else error
        else:
            fitting.append(Sheet(process, number, name, header, head))
    if not fitting:
        raise refusal
    return fitting[0] if len(fitting) == 1 else _only_one_with_sims(fitting)


def _column(rows: Sequence[Cells], at: int) -> list[str]:
    return [text.strip() for text in text_cells([cells[at] for cells in rows])]


def _only_one_with_sims(sheets: Sequence[Sheet]) -> Sheet:
    """Of several sheets with a fitting header the one that has SIMs. Raises `ManifestRefused` when two of them have."""
    for column in (ManifestColumn.ICCID, ManifestColumn.DEVICE_ID):
        filled = [sheet for sheet in sheets if sheet.holds(column)]
        if len(filled) > 1:
            raise ManifestRefused(
                f"Several sheets of the workbook hold SIMs: {', '.join(repr(sheet.name) for sheet in filled)}. Leave "
                "one of them in it, or save each as a file of its own, and drop them again.",
                reason="several_sheets",
            )
        if filled:
            return filled[0]
    return sheets[0]


def _rows_of(part: Sequence[Cells], first_line: int, header: Header) -> Rows:
    rows = Rows(len(part), {column: [] for column in header.columns})
    at = header.columns.get(ManifestColumn.ICCID)
    for line, cells in enumerate(part, first_line):
        if outcome := _no_row(line, cells, header, rows) or _destroyed(line, cells, at):
            rows.outcomes.append(outcome)
            continue
        texts = text_cells(cells)
        if outcome := rows.in_error(line, texts, header.columns) or _damaged_code(line, cells, header, rows):
            rows.outcomes.append(outcome)
        else:
            rows.add(line, texts, header.columns)
    return rows


def _no_row(line: int, cells: Cells, header: Header, rows: Rows) -> LineOutcome | None:
    if not any(not isinstance(cell, str) or cell.strip() for cell in cells):
        return ignored(line, Reason.BLANK)
    if line <= header.line:
        above = line < header.line
        return above_header(line, {"": text_cells(cells)}) if above else ignored(line, Reason.HEADER)
    return rows.comment(line, " ".join(text_cells(cells)), str(cells[0]))


def _destroyed(line: int, cells: Cells, at: int | None) -> LineOutcome | None:
    if at is None or isinstance(cells[at], str):
        return None
    return LineOutcome(line, Verdict.REJECTED, Reason.SPREADSHEET_DAMAGE, iccid_part(text_cells(cells)[at]))


def _damaged_code(line: int, cells: Cells, header: Header, rows: Rows) -> LineOutcome | None:
    """A code in a number cell is whole only as long as it has less digits than the cell keeps, and no fraction."""
    at = header.columns.get(ManifestColumn.REGISTRATION_CODE)
    code = "" if at is None else cells[at]
    if isinstance(code, str) or (0 <= code < WHOLE_BELOW and code == int(code)):
        return None
    return rows.rejected(line, text_cells(cells), header.columns, DAMAGED_CODE)


class _SheetProcess:
    """A conversation with `sheet_process.py`; it gets the open file and nothing of our environment."""

    def __init__(self, descriptor: int, allowance_bytes: int, block_lines: int) -> None:
        numbers = (descriptor, allowance_bytes, MEMORY_BYTES, block_lines)
        self._process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM), *map(str, numbers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(descriptor,),
            env={},
            text=True,
            encoding="utf-8",
        )
        self._questions = cast(IO[str], self._process.stdin)
        self._answers = cast(IO[str], self._process.stdout)

    def ask(self, question: str) -> None:
        """Send one line; that nobody listens any more shows in the answer."""
        with suppress(BrokenPipeError):
            self._questions.write(question + "\n")
            self._questions.flush()

    def answer(self) -> dict[str, Any]:
        """The next answer. Raises `ManifestRefused` when the workbook cannot be read, or the process died of it."""
        text = self._answers.readline()
        answer: dict[str, Any] = json.loads(text) if text.endswith("\n") else {"refused": self._why_it_died()}
        if "refused" in answer:
            sentence, reason = REFUSALS[answer["refused"]]
            raise ManifestRefused(sentence, reason=reason)
        return answer

    def _why_it_died(self) -> str:
        aborted = self._process.wait() < 0  # a signal: the allocator's abort, or the CPU limit
        return "memory" if aborted else "damaged"

    def end(self) -> None:
        """Stop the process, whatever it does."""
        self._process.kill()
        with suppress(BrokenPipeError):
            self._questions.close()
        self._answers.close()
        self._process.wait()
