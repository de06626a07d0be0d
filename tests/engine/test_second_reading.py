"""The checker's own reading of a file: it counts as the readers do, and owes them nothing."""

import gzip
from pathlib import Path

import pytest

from engine.second_reading import SecondReading, read_again
from storage.readers import read_blocks
from storage.readers.block import ReadingRules
from tests.engine.rig import iccids

FIRST, SECOND = iccids(2)
TABLE = f"\ufeffICCID;Box\n{FIRST};B-1\n\n# {FIRST}\n{SECOND}F;B-2\n{FIRST[:-1]}x;B-3"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ends", ["", "\n"])
def test_it_counts_the_lines_that_the_readers_count_in_every_spelling(
    tmp_path: Path, encoding: str, line_end: str, packed: bool, ends: str
) -> None:
    text = TABLE if encoding.endswith(("8", "le", "be")) else TABLE.removeprefix("\ufeff")
    content = (text + ends).replace("\n", line_end).encode(encoding)
    path = tmp_path / f"a.csv{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read_again(path)
    assert found == SecondReading(6, {2: {FIRST}, 5: {SECOND}})
    assert sum(block.line_count for block in read_blocks(path, path.name, ReadingRules())) == 6


@pytest.mark.parametrize("line", [f"PO {FIRST}", FIRST[:-1], f"{FIRST[:-1]}x", "8934076500002589175", f"# {FIRST}", ""])
def test_what_is_not_surely_a_card_is_none(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.txt").write_text(line + "\n")
    assert read_again(tmp_path / "a.txt") == SecondReading(1, {})


def test_a_workbook_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04...")
    assert read_again(tmp_path / "a.xlsx") is None


def test_a_file_without_a_byte_has_no_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"")
    assert read_again(tmp_path / "a.txt") == SecondReading(0, {})
