from pathlib import Path

import pytest

from storage.shelf.contract import ShelfUnavailable
from storage.shelf.folder import WAITING, FolderPlace
from tests.storage.shelf.shelf_contract import At, ShelfContract, usage


class Folder(At):
    def __init__(self, root: Path) -> None:
        self.root = root

    def place(self) -> FolderPlace:
        return FolderPlace(self.root)

    def put(self, name: str, content: bytes) -> None:
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.root.glob("[!.]*")}

    def make_unavailable(self) -> None:
        self.root.write_text("a file stands where the folder should be")


@pytest.fixture
def at(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "reports")


class TestFolder(ShelfContract):
    def test_what_a_dead_worker_left_half_copied_is_swept(self, at: Folder, tmp_path: Path) -> None:
        at.keep(usage(), tmp_path)
        at.put(f"{WAITING}-1", b"half")
        at.keep(usage("usage-2"), tmp_path)
        assert list(at.root.glob(f"{WAITING}*")) == []

    def test_a_link_under_the_reports_name_is_left_alone(self, at: Folder, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere.txt"
        elsewhere.write_text("a person's")
        at.root.mkdir()
        (at.root / "usage-1.html").symlink_to(elsewhere)
        with pytest.raises(ShelfUnavailable, match="left alone"):
            at.keep(usage(), tmp_path)
        assert elsewhere.read_text() == "a person's"
