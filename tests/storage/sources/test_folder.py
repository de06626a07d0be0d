import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest

from domain.manifests import ItemIdentity
from storage.sources.contract import Item, ItemChanged, SourceUnavailable
from storage.sources.folder import FolderSource
from tests.storage.sources.folder_place import Folder
from tests.storage.sources.source_contract import OTHER, TEXT, SourceContract, results_of


@pytest.fixture
def place(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "drops")


class TestFolder(SourceContract):
    pass


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


def test_a_file_that_a_neighbour_takes_after_it_was_listed_is_not_taken_for_one_dropped_again(
    place: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put("list.txt", TEXT)
    source = place.source()
    neighbours: list[str] = []
    name_it = source._identity

    def overtaken(key: str, stat: os.stat_result) -> ItemIdentity:
        if not neighbours:
            neighbours.append("")
            neighbours[0] = str(place.take(key)[1])
        return name_it(key, stat)

    monkeypatch.setattr(source, "_identity", overtaken)
    listed = [item.identity.version for item in source.items() if item.identity.version.endswith("-2")]
    assert (listed, len(neighbours)) == ([], 1)
    place.put("list.txt", TEXT)
    os.utime(place.root / "inbox" / "list.txt", ns=(0, Path(neighbours[0]).stat().st_mtime_ns))
    assert [item.identity.version.endswith("-2") for item in place.source().items()] == [False, True]


def test_a_neighbour_who_puts_files_away_meanwhile_does_not_make_the_folder_unavailable(
    place: Folder, tmp_path: Path
) -> None:
    done = Event()

    def look() -> int:
        seen, source = 0, place.source()
        while not done.is_set():
            seen += len(list(source.items()))
        return seen

    with ThreadPoolExecutor(2) as pool:
        lookers = [pool.submit(look) for _ in range(2)]
        try:
            for n in range(150):
                place.put(f"{n}.txt.totals.json", b"{}")
                place.put(f"{n}.txt", TEXT)
                place.finish(f"{n}.txt", "processed", tmp_path / "made")
        finally:
            done.set()
        assert sum(looker.result() for looker in lookers) > 0


def test_a_drive_that_is_not_mounted_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="Mount it, or let `simline init FOLDER`"):
        list(FolderSource("drops", tmp_path / "drive").items())
    assert list(tmp_path.iterdir()) == []
