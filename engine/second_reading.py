"""A dropped text file read once more, by nothing that reads it for the ledger: plain lines, plain cells, plain Luhn.

It finds less than the readers do (no devices, no swapped nibbles, no workbooks), and what it finds is certain.
"""

import codecs
import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO, cast

from stdnum import luhn

_GZIP, _ZIP = b"\x1f\x8b", b"PK"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""First bytes -> encoding; UTF-32 before UTF-16, whose mark is the start of its own."""
_BETWEEN_CELLS = re.compile(r"[\t;,|]")
_NO_DIGIT_OF_IT = str.maketrans("", "", " \"'-\u00a0\ufeff")
_CARD = re.compile(r"(89[0-9]{17,18})[Ff]{0,2}")


@dataclass(frozen=True, slots=True)
class SecondReading:
    """How many lines there are, and which cards stand on each that has a cell with nothing but an ICCID."""

    line_count: int
    iccids: dict[int, set[str]]


def read_again(path: Path) -> SecondReading | None:
    """What the file holds; None where it is no text. Comments are lines, and no cards stand in them."""
    with path.open("rb") as raw, _unpacked(raw) as content:
        head = content.read(4096)
        if head.startswith(_ZIP):
            return None
        content.seek(0)
        lines, iccids = 0, {}
        for lines, line in enumerate(TextIOWrapper(content, _encoding(head), errors="replace"), 1):
            if found := set(_cards(line)):
                iccids[lines] = found
        return SecondReading(lines, iccids)


@contextmanager
def _unpacked(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    packed = raw.read(2) == _GZIP
    raw.seek(0)
    if not packed:
        yield raw
        return
    with gzip.GzipFile(fileobj=raw) as content:
        yield cast(IO[bytes], content)


def _encoding(head: bytes) -> str:
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    halves = head[::2].count(0), head[1::2].count(0)
    if 4 * max(halves) > len(head):  # digits and letters in UTF-16 without its mark
        return "utf-16-be" if halves[0] > halves[1] else "utf-16-le"
    return "utf-8"


def _cards(line: str) -> Iterator[str]:
    """The valid ICCIDs that have a cell for themselves.

    >>> list(_cards('8934 0765 0000 2589 174F;box 7;8934076500002589175'))
    ['8934076500002589174']
    """
    if line.lstrip(" \t\ufeff").startswith("#"):
        return
    for cell in _BETWEEN_CELLS.split(line):
        card = _CARD.fullmatch(cell.translate(_NO_DIGIT_OF_IT).strip())
        if card and luhn.is_valid(card[1]):
            yield card[1]
