"""A process of its own that unpacks one workbook and answers on its output, one JSON document a line.

Reading a sheet takes memory by its far corner: two cells can ask for 500 GB, and the allocator then ends the process.
So this file is run by itself under a memory limit; `workbook.py` starts it and talks to it. Nothing of the project is
imported here, and nothing of the environment comes along.

First line: `{"sheets": [names]}` or `{"refused": why}`. Then for each line `head <sheet>` that it reads, `{"rows":
[...]}` with the first rows; for `rows <sheet>`, the whole sheet in several such lines and `{"end": true}`.
"""

import json
import re
import resource
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import IO, Any

from python_calamine import CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum

HEAD_ROWS = 64
CELLS_PER_ANSWER = 500_000
_READ_BYTES = 1 << 20
_OVERLAP_BYTES = 1024
_CPU_SECONDS = 600
_SHEET_FILE = re.compile(r"xl/.*sheet[^/]*\.xml", re.IGNORECASE)
_ERROR_CELL = re.compile(rb"""(<(?:\w+:)?c\s(?:[^<>]*\s)?t=)(?:"e"|'e')""")
_FORMULA_WITHOUT_VALUE = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f(?:\s[^<>]*)?/>)\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)


class Refused(Exception):
    """This is no workbook that can be read; the only argument is a word that `workbook.py` has a sentence for."""


def main(descriptor: int, allowance_bytes: int, memory_bytes: int, block_lines: int) -> None:
    """Serve the workbook behind an open file descriptor until the input ends.

    Whatever else goes wrong ends the process without an answer, and that is the answer: the workbook is damaged.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    try:
        path = f"/dev/fd/{descriptor}"
        if not _check_archive(path, allowance_bytes):
            _serve(CalamineWorkbook.from_path(path), block_lines)
        else:
            with tempfile.TemporaryFile() as copy:
                _write_errors_as_text(path, copy)
                _serve(CalamineWorkbook.from_path(f"/dev/fd/{copy.fileno()}"), block_lines)
    except Refused as refusal:
        _answer({"refused": str(refusal)})
    except PasswordError:
        _answer({"refused": "password"})
    except MemoryError:
        _answer({"refused": "memory"})


def _check_archive(path: str, allowance_bytes: int) -> bool:
    """Unpack every part once and count, because the sizes in a zip directory are only claims.

    The answer is whether a cell of a sheet is in error.
    """
    in_error = False
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if not any(part.filename == "xl/workbook.xml" for part in parts):
            raise Refused("not_a_workbook")
        if sum(part.file_size for part in parts) > allowance_bytes:
            raise Refused("unpacks_too_large")
        left = allowance_bytes
        for part in parts:
            for window, new_bytes in _windows(archive, part):
                left -= new_bytes
                if left < 0:
                    raise Refused("unpacks_too_large")
                if _SHEET_FILE.fullmatch(part.filename):
                    in_error = in_error or _holds_an_error(window)
                    if _holds_a_formula(window) and _FORMULA_WITHOUT_VALUE.search(window):
                        raise Refused("formula_without_value")  # it would read as an empty cell
    return in_error


def _write_errors_as_text(path: str, copy: IO[bytes]) -> None:
    """The archive once more, its cells in error (`#N/A`) as cells of that text: in error, they read as empty ones."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for part in old.infolist():
            change = _SHEET_FILE.fullmatch(part.filename)
            with new.open(part.filename, "w", force_zip64=True) as target:
                for piece in _whole_tags(old, part):
                    target.write(_ERROR_CELL.sub(rb'\1"str"', piece) if change else piece)
    copy.flush()


def _windows(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[tuple[bytes, int]]:
    """The part's bytes with the end of those before them, and how many of them are new."""
    tail = b""
    for chunk in _unpacked(archive, part):
        window = tail + chunk
        yield window, len(chunk)
        tail = window[-_OVERLAP_BYTES:]


def _whole_tags(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """The part's bytes, cut before a tag begins."""
    held = b""
    for chunk in _unpacked(archive, part):
        body = held + chunk
        end = body.rfind(b"<")
        end = len(body) if end < 0 or len(body) - end > _OVERLAP_BYTES else end
        yield body[:end]
        held = body[end:]
    yield held


def _unpacked(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    part.file_size = sys.maxsize  # read on until the packed bytes end, whatever the directory says
    with archive.open(part) as stream:
        while chunk := stream.read(_READ_BYTES):
            yield chunk


def _holds_an_error(window: bytes) -> bool:
    return (b't="e"' in window or b"t='e'" in window) and _ERROR_CELL.search(window) is not None


def _holds_a_formula(window: bytes) -> bool:
    """The quick look before the thorough one."""
    return any(mark in window for mark in (b"f>", b"<f", b":f"))


def _serve(workbook: CalamineWorkbook, block_lines: int) -> None:
    sheets = [sheet.name for sheet in workbook.sheets_metadata if sheet.typ is SheetTypeEnum.WorkSheet]
    _answer({"sheets": sheets})
    open_name, sheet = "", None
    for question in sys.stdin:
        verb, number = question.split()
        if sheet is None or open_name != sheets[int(number)]:
            open_name, sheet = sheets[int(number)], None  # one sheet in memory at a time
            sheet = workbook.get_sheet_by_name(open_name)
        if verb == "head":
            _answer({"rows": [_plain(row) for row in islice(sheet.iter_rows(), HEAD_ROWS)]})
        else:
            _answer_all(sheet, block_lines)


def _answer_all(sheet: CalamineSheet, block_lines: int) -> None:
    rows = sheet.iter_rows()
    at_once = max(1, min(block_lines, CELLS_PER_ANSWER // max(1, sheet.width)))
    while part := [_plain(row) for row in islice(rows, at_once)]:
        _answer({"rows": part})
    _answer({"end": True})


def _plain(row: Sequence[Any]) -> list[Any]:
    """Text stays text and numbers stay numbers, so that the reader can tell them apart; the rest becomes text."""
    return [cell if type(cell) in (str, float, int) else _text(cell) for cell in row]


def _text(cell: bool | date | datetime | time | timedelta) -> str:
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    return str(cell) if isinstance(cell, timedelta) else cell.isoformat()


def _answer(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]))
