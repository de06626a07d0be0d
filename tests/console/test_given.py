"""What a person named: the standard input and typed ICCIDs as files."""

import tracemalloc
from pathlib import Path

import pytest

from console.door import CannotDo
from console.given import file_of

MIB = 1 << 20


@pytest.fixture
def stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that is read as the standard input."""
    path = tmp_path / "stdin"
    monkeypatch.setattr("console.given.STDIN", str(path))
    return path


def test_the_standard_input_is_never_held_as_a_whole(stdin: Path, tmp_path: Path) -> None:
    with stdin.open("wb") as file:
        file.write(b"89883070000000000010\n")
        file.truncate(60 * MIB)
    tracemalloc.start()
    kept = file_of([str(stdin)], tmp_path / "results", 60 * MIB)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept.stat().st_size == 60 * MIB
    assert most_bytes < 4 * MIB


def test_no_more_than_the_limit_is_read_and_nothing_of_it_is_kept(stdin: Path, tmp_path: Path) -> None:
    stdin.write_bytes(b"x" * 101)
    with pytest.raises(CannotDo, match="More than 100 bytes came in"):
        file_of([str(stdin)], tmp_path / "results", 100)
    assert list((tmp_path / "results").iterdir()) == []
    stdin.write_bytes(b"x" * 100)
    assert file_of([str(stdin)], tmp_path / "results", 100).read_bytes() == b"x" * 100


def test_the_same_iccids_are_the_same_file_however_they_came_in(stdin: Path, tmp_path: Path) -> None:
    words = ["89883070000000000010", "8988 3070 0000 0000 0028"]
    stdin.write_text("".join(f"{word}\n" for word in words))
    assert file_of(words, tmp_path, 1_000) == file_of([str(stdin)], tmp_path, 1_000)


def test_a_standard_input_of_blanks_holds_no_iccid(stdin: Path, tmp_path: Path) -> None:
    stdin.write_text(" \n\n")
    with pytest.raises(CannotDo, match="No ICCID came in"):
        file_of([str(stdin)], tmp_path / "results", 100)
