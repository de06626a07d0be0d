import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.manifests import ItemIdentity
from storage.sources.contract import Item, ItemChanged, SourceUnavailable
from storage.sources.folder import FolderSource
from storage.sources.names import to_path
from storage.sources.placing import in_words
from tests.storage.sources.source_contract import OTHER, RECEIPT, ROUTES, TEXT, Place, SourceContract, results_of

LONG_AGO_NS = 946_684_800 * 10**9
ROOT_OF_THE_PROJECT = Path(__file__).parents[3]


class Folder(Place):
    """A folder on this machine."""

    odd_names = (
        "a b.txt",
        "new\nline.txt",
        "%2e%2e",
        "eu/%2e%2e/up.txt",
        "ü ☃ +&=.txt",
        "back\\slash.txt",
        "caf\udce9.txt",
        "n" * 251 + ".txt",
        "ü" * 127,
        "d" * 255 + "/" + "e" * 255 + "/x.txt",
        "-rf",
        "m-0123456789ab",
    )
    moves_originals = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source().prepare()

    def source(self, still_seconds: float = 0.0, clock: Callable[[], float] | None = None) -> FolderSource:
        return FolderSource("drops", self.root, ROUTES, still_seconds, clock)

    def put(self, name: str, content: bytes) -> None:
        path = self.root / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def delete(self, name: str) -> None:
        (self.root / "inbox" / name).unlink()

    def read(self, where: str) -> bytes:
        return Path(to_path(where)).read_bytes()

    def wait_for_the_next_second(self) -> None:
        """Nothing to wait for: the same size and time under the same name are told apart."""

    def make_unavailable(self) -> None:
        self.root.rename(self.root.with_name("unmounted"))

    def files(self, folder: str) -> dict[str, bytes]:
        """What lies below a folder, links included as what they point to."""
        base = self.root / folder
        return {path.relative_to(base).as_posix(): path.read_bytes() for path in base.rglob("*") if path.is_file()}

    def take(self, name: str) -> tuple[Item, Path]:
        item = self.only_item(name)
        return item, self.source().take(item, self.root / "never made")

    def finish(self, name: str, folder: str, made: Path) -> ItemIdentity:
        item, taken = self.take(name)
        self.source().finish(item.identity, taken, folder, results_of(made, name))
        return item.identity


@pytest.fixture
def place(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "drops")


class TestFolder(SourceContract):
    pass


# where files go


def test_the_original_moves_through_the_folders_with_its_sidecars(place: Folder, tmp_path: Path) -> None:
    place.put("eu/list.txt", TEXT)
    place.put("eu/list.txt.totals.json", b"{}")
    item, taken = place.take("eu/list.txt")
    assert taken == place.root / "processing" / item.identity.manifest_id / "list.txt"
    assert place.files("inbox") == {}
    place.source().finish(item.identity, taken, "processed", results_of(tmp_path / "made", "one"))
    assert set(place.files("processed")) == {
        "eu/list.txt",
        "eu/list.txt.totals.json",
        "eu/list.txt.receipt.json",
        "eu/list.txt.receipt.html",
    }
    assert list((place.root / "processing").iterdir()) == []


def test_a_file_refused_without_having_been_taken_moves_all_the_same(place: Folder, tmp_path: Path) -> None:
    place.put("list.txt", TEXT)
    item = place.only_item("list.txt")
    place.source().finish(item.identity, None, "rejected", results_of(tmp_path / "made", "too large"))
    assert place.files("rejected")["list.txt"] == TEXT
    assert place.files("inbox") == {}


def test_a_finished_original_is_never_overwritten_by_the_next_of_its_name(place: Folder, tmp_path: Path) -> None:
    for content in (TEXT, OTHER, b"third"):
        place.put("eu/list.txt", content)
        place.finish("eu/list.txt", "processed", tmp_path / "made")
    found = place.files("processed")
    assert [found[f"eu/list.txt{number}"] for number in ("", ".2", ".3")] == [TEXT, OTHER, b"third"]
    assert "eu/list.txt.3.receipt.json" in found


def test_a_manifest_with_the_name_of_a_receipt_overwrites_no_receipt(place: Folder, tmp_path: Path) -> None:
    for name in ("list.txt", "list.txt.receipt.json"):
        place.put(name, name.encode())
        place.finish(name, "processed", tmp_path / "made")
    found = place.files("processed")
    assert found["list.txt.receipt.json"] == b"list.txt"
    assert found["list.txt.receipt.json.2"] == b"list.txt.receipt.json"


def test_a_receipt_overwrites_no_original_of_its_name(place: Folder, tmp_path: Path) -> None:
    for name in ("list.txt.receipt.json", "list.txt"):
        place.put(name, name.encode())
        place.finish(name, "processed", tmp_path / "made")
    found = place.files("processed")
    assert found["list.txt.receipt.json"] == b"list.txt.receipt.json"
    assert found["list.txt.2"] == found["list.txt.2.receipt.json"] == b"list.txt"


def test_a_file_and_a_folder_of_one_name_both_find_a_place(place: Folder, tmp_path: Path) -> None:
    place.put("eu", TEXT)
    place.finish("eu", "processed", tmp_path / "made")
    place.put("eu/list.txt", OTHER)
    place.finish("eu/list.txt", "processed", tmp_path / "made")
    found = place.files("processed")
    assert (found["eu"], found["eu.2/list.txt"]) == (TEXT, OTHER)


def test_nothing_is_written_through_a_link_that_leads_out(place: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (place.root / "processed" / "eu").symlink_to(outside)
    place.put("eu/list.txt", TEXT)
    place.finish("eu/list.txt", "processed", tmp_path / "made")
    assert list(outside.iterdir()) == []
    assert place.files("processed")["eu.2/list.txt"] == TEXT


@pytest.mark.parametrize("key", ["../secret.txt", "/secret.txt", "eu/../../secret.txt", "", "eu/"])
def test_a_key_that_leads_out_of_the_inbox_moves_nothing(place: Folder, tmp_path: Path, key: str) -> None:
    (place.root / "secret.txt").write_bytes(TEXT)
    identity = ItemIdentity("drops", key, f"{len(TEXT)}-{(place.root / 'secret.txt').stat().st_mtime_ns}")
    item = Item(identity, len(TEXT), datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(ItemChanged):
        place.source().take(item, tmp_path)
    with pytest.raises(ItemChanged):
        place.source().finish(identity, None, "processed", results_of(tmp_path / "made", "one"))
    assert (place.root / "secret.txt").read_bytes() == TEXT
    assert place.files("processed") == {}


def test_links_pipes_and_hidden_folders_are_left_alone(place: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "list.txt").write_bytes(TEXT)
    inbox = place.root / "inbox"
    (inbox / "link.txt").symlink_to(outside / "list.txt")
    (inbox / "eu").symlink_to(outside)
    os.mkfifo(inbox / "pipe.txt")
    place.put(".hidden/list.txt", TEXT)
    before = sorted(inbox.iterdir())
    assert list(place.source().items()) == []
    assert sorted(inbox.iterdir()) == before


def test_a_file_exchanged_for_a_link_after_the_listing_is_not_taken(place: Folder, tmp_path: Path) -> None:
    place.put("list.txt", TEXT)
    item = place.only_item("list.txt")
    (place.root / "inbox" / "list.txt").rename(tmp_path / "elsewhere")
    (place.root / "inbox" / "list.txt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ItemChanged):
        place.source().take(item, tmp_path)
    assert (tmp_path / "elsewhere").read_bytes() == TEXT


def test_a_folder_exchanged_for_a_link_after_the_listing_is_not_entered(place: Folder, tmp_path: Path) -> None:
    place.put("eu/list.txt", TEXT)
    item = place.only_item("eu/list.txt")
    (place.root / "inbox" / "eu").rename(tmp_path / "outside")
    (place.root / "inbox" / "eu").symlink_to(tmp_path / "outside")
    with pytest.raises(ItemChanged):
        place.source().take(item, tmp_path)
    assert (tmp_path / "outside" / "list.txt").read_bytes() == TEXT


def test_a_drive_that_is_not_mounted_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="Mount or create it"):
        list(FolderSource("drops", tmp_path / "drive").items())
    assert list(tmp_path.iterdir()) == []


# when a file is complete


def test_a_file_that_grows_with_its_time_set_back_is_not_listed_until_it_rests(place: Folder) -> None:
    source = place.source(still_seconds=0.4)
    path = place.root / "inbox" / "list.txt"
    for _ in range(8):
        with path.open("ab") as file:
            file.write(TEXT)
        os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
        time.sleep(0.1)
        assert list(source.items()) == []
    time.sleep(0.5)
    assert [item.size_bytes for item in place.source(still_seconds=0.4).items()] == [8 * len(TEXT)]


def test_a_time_in_the_future_holds_no_file_back(place: Folder) -> None:
    place.put("list.txt", TEXT)
    tomorrow = time.time() + 86_400
    os.utime(place.root / "inbox" / "list.txt", (tomorrow, tomorrow))
    assert list(place.source(still_seconds=0.3).items()) == []
    time.sleep(0.4)
    assert len(list(place.source(still_seconds=0.3).items())) == 1


def test_where_the_clock_runs_behind_two_looks_tell_that_a_file_rests(place: Folder) -> None:
    place.put("list.txt", TEXT)
    now = time.time() - 86_400
    source = place.source(still_seconds=5, clock=lambda: now)
    assert list(source.items()) == []
    now += 4.9
    assert list(source.items()) == []
    now += 0.2
    assert len(list(source.items())) == 1


def test_a_change_between_two_looks_starts_the_wait_anew(place: Folder) -> None:
    place.put("list.txt", TEXT)
    now = time.time() - 86_400
    source = place.source(still_seconds=5, clock=lambda: now)
    assert list(source.items()) == []
    now += 6
    place.put("list.txt", TEXT + OTHER)
    assert list(source.items()) == []


def test_an_upload_that_hangs_is_not_listed_while_its_writer_has_it_open(place: Folder) -> None:
    place.put("list.txt", b"")
    script = "import sys; f = open(sys.argv[1], 'ab', 0); f.write(b'89'); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(place.root / "inbox" / "list.txt")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdout.readline()
        assert list(place.source().items()) == []
        writer.stdin.close()
    assert len(list(place.source().items())) == 1


def test_a_file_waits_for_its_sidecar_to_be_complete(place: Folder) -> None:
    place.put("list.txt", TEXT)
    time.sleep(0.5)
    place.put("list.txt.totals.json", b"{")
    assert list(place.source(still_seconds=0.4).items()) == []
    time.sleep(0.5)
    assert len(list(place.source(still_seconds=0.4).items())) == 1


def test_a_done_marker_makes_its_file_complete_at_once_and_goes_with_it(place: Folder, tmp_path: Path) -> None:
    place.put("list.txt", TEXT)
    assert list(place.source(still_seconds=3_600).items()) == []
    place.put("list.txt.done", b"")
    [item] = place.source(still_seconds=3_600).items()
    place.source().take(item, tmp_path)
    assert place.files("inbox") == {}


def test_a_done_marker_left_over_from_an_earlier_file_says_nothing_of_the_next(place: Folder) -> None:
    place.put("list.txt.done", b"")
    time.sleep(0.05)
    place.put("list.txt", TEXT)
    assert list(place.source(still_seconds=3_600).items()) == []


def test_the_oldest_file_comes_first(place: Folder) -> None:
    for age, name in enumerate(("c.txt", "a.txt", "b.txt")):
        place.put(name, TEXT)
        os.utime(place.root / "inbox" / name, ns=(0, LONG_AGO_NS - age * 10**9))
    assert [item.identity.key for item in place.source().items()] == ["b.txt", "a.txt", "c.txt"]


def test_times_beyond_the_calendar_are_no_obstacle(place: Folder, tmp_path: Path) -> None:
    place.put("list.txt", TEXT)
    os.utime(place.root / "inbox" / "list.txt", ns=(0, -(10**18)))
    assert place.take("list.txt")[1].read_bytes() == TEXT


# what never gets lost


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
