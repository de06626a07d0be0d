import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.sources.folder_place import LONG_AGO_NS, ROOT_OF_THE_PROJECT, Folder
from tests.storage.sources.source_contract import OTHER, TEXT


@pytest.fixture
def place(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "drops")


UNPRIVILEGED = """
import os, sys
from pathlib import Path
from storage.sources.contract import SourceUnavailable
from storage.sources.folder import FolderSource

source = FolderSource("drops", Path(sys.argv[1]), still_seconds=0)
if os.getuid() == 0:
    os.setuid(65534)
try:
    for item in source.items():
        print(item.identity.key)
except SourceUnavailable as error:
    print(error)
"""


@pytest.fixture
def open_place() -> Iterator[Folder]:
    """One that other users of the machine may enter, unlike pytest's own folders."""
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        yield Folder(Path(base) / "drops")


def test_what_may_not_be_read_is_told_and_holds_nothing_else_up(open_place: Folder) -> None:
    for name in ("eu/list.txt", "closed.txt", "closed/list.txt"):
        open_place.put(name, TEXT)
    for path in (open_place.root, *open_place.root.rglob("*")):
        path.chmod(0o777)
    for closed in ("closed.txt", "closed"):
        (open_place.root / "inbox" / closed).chmod(0o000)
    command = [sys.executable, "-c", UNPRIVILEGED, str(open_place.root)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT_OF_THE_PROJECT).stdout
    (open_place.root / "inbox" / "closed").chmod(0o755)
    assert told.splitlines()[0] == "eu/list.txt"
    assert "may not read 2 files or folders" in told
    assert "closed.txt" in told


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
