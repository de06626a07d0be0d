"""Files that a person names: only a file is opened, and what lies beside it counts."""

import os
from pathlib import Path

import pytest

from storage.sources.contract import SourceUnavailable
from storage.sources.given import GivenFiles


@pytest.fixture
def given(tmp_path: Path) -> GivenFiles:
    """The source, which takes 1,000 bytes."""
    return GivenFiles(tmp_path / "results", 1_000)


def made(path: Path, content: str = "89883070000000000010\n") -> Path:
    """The file with this content."""
    path.write_text(content)
    return path


def test_a_pipe_a_device_a_folder_and_a_link_are_no_files_and_are_not_opened(given: GivenFiles, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to(made(tmp_path / "a.csv"))
    for path in (tmp_path / "pipe.csv", Path("/dev/zero"), tmp_path, tmp_path / "link.csv", Path("/dev/fd/0")):
        with pytest.raises(SourceUnavailable, match="is not a file"):
            given.item(path)


def test_of_a_file_beyond_the_limit_nothing_is_read(given: GivenFiles, tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(1 << 40)
    item = given.item(large)
    assert item.size_bytes == 1 << 40
    assert item.identity == given.item(large).identity


def test_a_file_has_the_sidecar_that_lies_beside_it(given: GivenFiles, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    file = made(tmp_path / "a.csv")
    assert given.item(file).sidecar is None
    made(tmp_path / "a.csv.sha256", "a sum")
    item = given.item(file)
    assert (item.sidecar_name, item.sidecar) == ("a.csv.sha256", b"a sum")
    assert given.take(item, scratch).read_bytes() == file.read_bytes()
    made(tmp_path / "a.csv.totals.json", "{}")
    assert given.item(file).sidecar_name == "a.csv.totals.json"


def test_a_delivery_that_is_rebuilt_from_its_row_keeps_its_sidecar(given: GivenFiles, tmp_path: Path) -> None:
    file, sidecar = made(tmp_path / "a.csv"), made(tmp_path / "a.csv.sha256", "a sum")
    listed = given.item(file)
    rebuilt = given.again(type(listed)(listed.identity, listed.size_bytes, listed.modified_at))
    assert rebuilt.sidecar == b"a sum"
    sidecar.unlink()
    with pytest.raises(SourceUnavailable, match="was changed or removed"):
        assert rebuilt.sidecar


def test_a_corrected_sidecar_makes_another_delivery(given: GivenFiles, tmp_path: Path) -> None:
    file = made(tmp_path / "a.csv")
    made(tmp_path / "a.csv.sha256", "a wrong sum")
    wrong = given.item(file).identity
    made(tmp_path / "a.csv.sha256", "the right sum")
    assert given.item(file).identity != wrong
