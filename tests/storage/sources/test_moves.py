import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.sources.contract import ItemChanged, SourceUnavailable
from storage.sources.placing import in_words
from tests.storage.sources.folder_place import LONG_AGO_NS, ROOT_OF_THE_PROJECT, Folder
from tests.storage.sources.source_contract import OTHER, RECEIPT, TEXT, results_of


@pytest.fixture
def place(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "drops")


def test_the_same_file_with_the_same_time_dropped_again_is_a_new_delivery(place: Folder, tmp_path: Path) -> None:
    seen = []
    for _ in range(3):
        place.put("list.txt", TEXT)
        os.utime(place.root / "inbox" / "list.txt", ns=(LONG_AGO_NS, LONG_AGO_NS))
        seen.append(place.finish("list.txt", "processed", tmp_path / "made").version)
    plain = f"{len(TEXT)}-{LONG_AGO_NS}"
    assert seen == [plain, f"{plain}-2", f"{plain}-3"]


def test_a_second_file_with_the_same_time_waits_beside_the_one_that_was_taken(place: Folder) -> None:
    for _ in range(2):
        place.put("list.txt", TEXT)
        os.utime(place.root / "inbox" / "list.txt", ns=(LONG_AGO_NS, LONG_AGO_NS))
        taken = place.source().take(list(place.source().items())[-1], place.root)
        assert taken.read_bytes() == TEXT
    assert len(place.identities()) == 2
    assert len(place.files("processing")) == 2


def test_lines_that_were_written_after_the_taking_are_delivered_again(place: Folder, tmp_path: Path) -> None:
    place.put("eu/list.txt", TEXT)
    item, taken = place.take("eu/list.txt")
    with taken.open("ab") as file:
        file.write(OTHER)
    made = results_of(tmp_path / "made", "one")
    for _ in range(2):
        place.source().finish(item.identity, taken, "processed", made)
    assert place.files("inbox") == {"eu/list.txt": TEXT + OTHER}
    later, _ = place.take("eu/list.txt")
    assert later.identity != item.identity


def test_a_taken_file_whose_record_was_removed_returns_to_the_inbox(place: Folder) -> None:
    place.put("eu/list.txt", TEXT)
    item, _ = place.take("eu/list.txt")
    (place.root / ".records" / f"{item.identity.manifest_id}.json").unlink()
    assert [again.identity.key for again in place.source().items()] == ["list.txt"]
    assert place.files("inbox") == {"list.txt": TEXT}


def test_a_damaged_record_is_named(place: Folder) -> None:
    place.put("list.txt", TEXT)
    item, _ = place.take("list.txt")
    (place.root / ".records" / f"{item.identity.manifest_id}.json").write_text('{"source": ')
    with pytest.raises(SourceUnavailable, match=rf"{item.identity.manifest_id}\.json is damaged"):
        list(place.source().items())


def test_an_original_that_a_person_removed_afterwards_cannot_be_taken(place: Folder, tmp_path: Path) -> None:
    place.put("list.txt", TEXT)
    item = place.only_item("list.txt")
    place.finish("list.txt", "processed", tmp_path / "made")
    (place.root / "processed" / "list.txt").unlink()
    with pytest.raises(ItemChanged, match="somebody has removed"):
        place.source().take(item, tmp_path)


def test_what_a_dead_worker_left_half_written_is_swept_up(place: Folder) -> None:
    (place.root / ".records" / "0123.part").write_bytes(TEXT)
    place.source().prepare()
    assert not [name for name in place.files(".records") if name.endswith(".part")]


class PowerCut(BaseException):
    """The process ends here."""


def cut_after(renames: int, patch: pytest.MonkeyPatch) -> None:
    """Let so many renames of any path happen, and end the process at the next one."""
    left = renames

    def cutting(real: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def rename(path: Path, target: Path) -> Path:
            nonlocal left
            if left == 0:
                raise PowerCut
            left -= 1
            return real(path, target)

        return rename

    patch.setattr(Path, "rename", cutting(Path.rename))
    patch.setattr(Path, "replace", cutting(Path.replace))


@pytest.mark.parametrize("renames", range(8))
def test_a_worker_that_ends_at_any_rename_leaves_work_that_the_next_one_completes(
    place: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    place.put("eu/list.txt", TEXT)
    place.put("eu/list.txt.sha256", b"0" * 64)
    listed, made = place.only_item("eu/list.txt"), results_of(tmp_path / "made", "done")
    with monkeypatch.context() as patch, pytest.raises(PowerCut):
        cut_after(renames, patch)
        place.source().take(listed, tmp_path)
        place.source().finish(listed.identity, None, "processed", made)
    for again in place.source().items():
        assert again.identity == listed.identity
        assert place.source().take(again, tmp_path).read_bytes() == TEXT
        assert again.sidecar == b"0" * 64
    assert place.source().take(listed, tmp_path).read_bytes() == TEXT
    place.source().finish(listed.identity, None, "processed", made)
    assert place.files("processed") == {
        "eu/list.txt": TEXT,
        "eu/list.txt.sha256": b"0" * 64,
        "eu/list.txt.receipt.json": b"done",
        "eu/list.txt.receipt.html": b"<p>done",
    }
    assert place.files("inbox") == place.files("processing") == {}


def test_a_sidecar_left_behind_by_a_dead_worker_goes_where_its_file_goes(
    place: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put("list.txt", TEXT)
    place.put("list.txt.sha256", b"0" * 64)
    listed, made = place.only_item("list.txt"), results_of(tmp_path / "made", "done")
    with monkeypatch.context() as patch, pytest.raises(PowerCut):
        cut_after(2, patch)
        place.source().take(listed, tmp_path)
    assert place.files("inbox") == {"list.txt.sha256": b"0" * 64}
    taken = place.source().take(listed, tmp_path)
    assert listed.sidecar == b"0" * 64
    place.source().finish(listed.identity, taken, "processed", made)
    assert place.files("inbox") == {}
    assert "list.txt.sha256" in place.files("processed")


def test_a_place_that_was_given_away_while_its_worker_was_dead_is_not_overwritten(
    place: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put("list.txt", TEXT)
    first, taken = place.take("list.txt")
    made = results_of(tmp_path / "made", "first")
    with monkeypatch.context() as patch, pytest.raises(PowerCut):
        cut_after(1, patch)
        place.source().finish(first.identity, taken, "processed", made)
    place.put("list.txt", OTHER)
    second = next(item for item in place.source().items() if item.identity != first.identity)
    place.source().finish(second.identity, None, "processed", results_of(tmp_path / "made", "second"))
    place.source().finish(first.identity, taken, "processed", results_of(tmp_path / "made", "first"))
    found = place.files("processed")
    assert (found["list.txt"], found["list.txt.receipt.json"]) == (OTHER, b"second")
    assert (found["list.txt.2"], found["list.txt.2.receipt.json"]) == (TEXT, b"first")


TAKER = """
import json, sys, time
from pathlib import Path
from storage.sources.contract import ItemChanged
from storage.sources.folder import FolderSource

root, go = Path(sys.argv[1]), Path(sys.argv[2])
source = FolderSource("drops", root, still_seconds=0)
items = list(source.items())
print(len(items), flush=True)
while not go.exists():
    time.sleep(0.001)
print(json.dumps({item.identity.key: str(source.take(item, root)) for item in items}))
"""


def test_processes_that_take_the_same_files_at_the_same_moment_share_one_rename(place: Folder, tmp_path: Path) -> None:
    contents = {f"{number}.txt": b"%d" % number for number in range(20)}
    for name, content in contents.items():
        place.put(name, content)
    go = tmp_path / "go"
    command = [sys.executable, "-c", TAKER, str(place.root), str(go)]
    takers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT_OF_THE_PROJECT) for _ in range(3)]
    assert [taker.stdout.readline() for taker in takers if taker.stdout] == ["20\n"] * 3
    go.touch()
    first, *others = [json.loads(taker.communicate()[0]) for taker in takers]
    assert others == [first, first]
    assert {key: Path(path).read_bytes() for key, path in first.items()} == contents
    assert place.files("inbox") == {}
    assert len(place.files("processing")) == 20


WORKER = """
import sys
from pathlib import Path
from storage.sources.contract import ItemChanged
from storage.sources.folder import FolderSource

root, receipt = Path(sys.argv[1]), Path(sys.argv[2])
source = FolderSource("drops", root, still_seconds=0)
print(flush=True)
for item in source.items():
    taken = source.take(item, root)
    source.finish(item.identity, taken, "processed", {".receipt.json": receipt})
"""


@pytest.mark.slow
def test_workers_that_are_killed_lose_no_file_and_finish_none_twice(place: Folder, tmp_path: Path) -> None:
    contents = {f"eu/{number}.txt": b"%d" % number for number in range(300)}
    for name, content in contents.items():
        place.put(name, content)
    (tmp_path / "receipt").write_bytes(b"done")
    command = [sys.executable, "-c", WORKER, str(place.root), str(tmp_path / "receipt")]
    for milliseconds in (20, 50, 80, 110, 140, 170):
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT_OF_THE_PROJECT) as worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            time.sleep(milliseconds / 1000)
            worker.kill()
    assert place.files("inbox")
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=ROOT_OF_THE_PROJECT)
    assert place.files("processed") == contents | {f"{name}{RECEIPT}": b"done" for name in contents}
    assert place.files("inbox") == place.files("processing") == {}


FULL_DISK = """
import resource, sys
from pathlib import Path
from domain.manifests import ItemIdentity
from storage.sources.contract import SourceUnavailable
from storage.sources.folder import FolderSource

root, made, key, version = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    FolderSource("drops", root).finish(ItemIdentity("drops", key, version), None, "processed", {".receipt.json": made})
except SourceUnavailable as error:
    print(error)
"""


def test_a_receipt_that_finds_no_room_leaves_the_older_one_whole(place: Folder, tmp_path: Path) -> None:
    place.put("list.txt", TEXT)
    identity = place.finish("list.txt", "processed", tmp_path / "made")
    (tmp_path / "large").write_bytes(b"x" * 100_000)
    arguments = [str(place.root), str(tmp_path / "large"), identity.key, identity.version]
    command = [sys.executable, "-c", FULL_DISK, *arguments]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT_OF_THE_PROJECT).stdout
    assert "The folder" in told
    assert "File too large" in told
    assert place.files("processed")[f"list.txt{RECEIPT}"] == b"list.txt"
    assert not [name for name in place.files(".records") if name.endswith(".part")]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Make room on the disk"),
        (errno.EACCES, "read and write access"),
        (errno.EROFS, "Mount it writable"),
        (errno.EXDEV, "one file system"),
        (errno.EIO, "Nothing was lost"),
    ],
)
def test_what_the_file_system_says_comes_with_what_to_do(number: int, advice: str) -> None:
    with (
        pytest.raises(SourceUnavailable, match=rf"source drops cannot be used: .*\(/drops/inbox\)\. .*{advice}"),
        in_words("drops", Path("/drops")),
    ):
        raise OSError(number, os.strerror(number), "/drops/inbox")
