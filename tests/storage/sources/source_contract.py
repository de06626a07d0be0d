"""What every source promises. A source's own test file supplies the fixture `place`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from domain.manifests import ItemIdentity
from storage.sources.contract import Item, ItemChanged, Route, Source, SourceUnavailable, route_for
from storage.sources.names import to_key

ROUTES = (Route("eu/", product="tracker"), Route("eu/de/", product="tracker", home_country="DE"))
TEXT = b"8934076500002589174\n8934076500002586220\n"
OTHER = b"8934076500002586576\n89014103273166754725\n89450421180216254864\n"
RECEIPT = ".receipt.json"


class Place(ABC):
    """A source together with the hand of a sender."""

    odd_names: Sequence[str]
    keeps_versions = False
    moves_originals = False

    @abstractmethod
    def source(self) -> Source:
        """A new instance over the same place, as after a restart."""

    @abstractmethod
    def put(self, name: str, content: bytes) -> None:
        """Deliver a whole file."""

    @abstractmethod
    def delete(self, name: str) -> None: ...

    @abstractmethod
    def read(self, where: str) -> bytes:
        """What is at a place that `finish` named."""

    @abstractmethod
    def wait_for_the_next_second(self) -> None:
        """So that the same bytes put again are told apart, where only a time tells."""

    @abstractmethod
    def make_unavailable(self) -> None: ...

    def only_item(self, name: str) -> Item:
        """The one item of this name, as a fresh instance lists it."""
        return next(item for item in self.source().items() if item.identity.key == to_key(name))

    def identities(self) -> set[ItemIdentity]:
        return {item.identity for item in self.source().items()}


def results_of(folder: Path, text: str) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    (folder / "receipt").write_text(text)
    (folder / "page").write_text(f"<p>{text}")
    return {RECEIPT: folder / "receipt", ".receipt.html": folder / "page"}


class SourceContract:
    """Each test gets an empty place."""

    def test_a_delivered_file_is_listed_and_taken_byte_for_byte(self, place: Place, tmp_path: Path) -> None:
        place.put("list.txt", TEXT)
        [item] = place.source().items()
        assert (item.identity.key, item.size_bytes, item.sidecar) == ("list.txt", len(TEXT), None)
        assert place.source().take(item, tmp_path / "scratch").read_bytes() == TEXT

    def test_an_empty_file_is_a_delivery_too(self, place: Place, tmp_path: Path) -> None:
        place.put("empty.txt", b"")
        assert place.source().take(place.only_item("empty.txt"), tmp_path / "scratch").read_bytes() == b""

    def test_an_empty_place_has_no_items(self, place: Place) -> None:
        assert list(place.source().items()) == []

    @pytest.mark.parametrize(
        "name", ["list.txt.part", "list.txt.filepart", "list.TMP", "list.crdownload", ".list.txt", "~$list.xlsx"]
    )
    def test_a_file_that_is_still_being_written_is_not_listed(self, place: Place, name: str) -> None:
        place.put(f"eu/{name}", TEXT)
        assert list(place.source().items()) == []

    def test_subfolders_are_part_of_the_key_and_choose_the_route(self, place: Place) -> None:
        for name in ("list.txt", "eu/list.txt", "eu/de/list.txt"):
            place.put(name, TEXT)
        source = place.source()
        countries = {
            item.identity.key: route_for(source.routes, item.identity.key).home_country for item in source.items()
        }
        assert countries == {"list.txt": None, "eu/list.txt": None, "eu/de/list.txt": "DE"}

    def test_the_sidecar_comes_with_its_item_before_and_after_taking(self, place: Place, tmp_path: Path) -> None:
        place.put("eu/list.txt", TEXT)
        place.put("eu/list.txt-2", OTHER)  # sorts between the two
        place.put("eu/list.txt.sha256", b"0" * 64)
        item = place.only_item("eu/list.txt")
        assert (item.sidecar_name, item.sidecar) == ("list.txt.sha256", b"0" * 64)
        place.source().take(item, tmp_path / "scratch")
        again = place.only_item("eu/list.txt")
        assert (again.sidecar_name, again.sidecar) == ("list.txt.sha256", b"0" * 64)
        assert item.sidecar == b"0" * 64
        assert place.only_item("eu/list.txt-2").sidecar is None

    def test_totals_count_before_a_hash_and_only_their_beginning_is_read(self, place: Place) -> None:
        place.put("list.txt", TEXT)
        place.put("list.txt.sha256", b"0" * 64)
        place.put("list.txt.totals.json", b"[" * 100_000)
        item = place.only_item("list.txt")
        assert (item.sidecar_name, item.sidecar) == ("list.txt.totals.json", b"[" * 65_536)

    def test_a_sidecar_that_vanishes_is_not_taken_for_none(self, place: Place) -> None:
        place.put("list.txt", TEXT)
        place.put("list.txt.totals.json", b"{}")
        item = place.only_item("list.txt")
        place.delete("list.txt.totals.json")
        with pytest.raises(SourceUnavailable, match="run again"):
            assert item.sidecar is None

    def test_an_empty_sidecar_is_not_no_sidecar(self, place: Place) -> None:
        place.put("list.txt", TEXT)
        place.put("list.txt.totals.json", b"")
        assert place.only_item("list.txt").sidecar == b""

    def test_the_same_item_can_be_taken_again_before_and_after_finish(self, place: Place, tmp_path: Path) -> None:
        place.put("list.txt", TEXT)
        item = place.only_item("list.txt")
        first = place.source().take(item, tmp_path / "scratch")
        assert place.source().take(item, tmp_path / "scratch") == first
        place.source().finish(item.identity, first, "processed", results_of(tmp_path / "made", "one"))
        assert not first.exists()
        assert place.source().take(item, tmp_path / "scratch").read_bytes() == TEXT

    def test_takers_at_the_same_moment_get_identical_bytes(self, place: Place, tmp_path: Path) -> None:
        place.put("list.txt", TEXT)
        item = place.only_item("list.txt")
        sources = [place.source() for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            taken = list(pool.map(lambda source: source.take(item, tmp_path / "scratch"), sources))
        assert len(set(taken)) == 1
        assert taken[0].read_bytes() == TEXT

    def test_an_item_overwritten_since_the_listing_is_never_taken_for_the_old_one(
        self, place: Place, tmp_path: Path
    ) -> None:
        place.put("list.txt", TEXT)
        item = place.only_item("list.txt")
        place.put("list.txt", OTHER)
        if place.keeps_versions:
            assert place.source().take(item, tmp_path / "scratch").read_bytes() == TEXT
        else:
            with pytest.raises(ItemChanged):
                place.source().take(item, tmp_path / "scratch")
        newer = place.only_item("list.txt")
        assert newer.identity != item.identity
        assert place.source().take(newer, tmp_path / "scratch").read_bytes() == OTHER

    def test_an_item_deleted_since_the_listing_cannot_be_taken(self, place: Place, tmp_path: Path) -> None:
        place.put("list.txt", TEXT)
        item = place.only_item("list.txt")
        place.delete("list.txt")
        assert place.identities() == set()
        if place.keeps_versions:
            assert place.source().take(item, tmp_path / "scratch").read_bytes() == TEXT
        else:
            with pytest.raises(ItemChanged):
                place.source().take(item, tmp_path / "scratch")

    def test_a_restarted_source_finds_what_was_taken_under_the_same_identity(
        self, place: Place, tmp_path: Path
    ) -> None:
        place.put("eu/de/list.txt", TEXT)
        item = place.only_item("eu/de/list.txt")
        taken = place.source().take(item, tmp_path / "scratch")
        taken = taken if place.moves_originals else taken.rename(tmp_path / "lost with the worker")
        again = place.only_item("eu/de/list.txt")
        assert (again.identity, again.size_bytes) == (item.identity, item.size_bytes)
        assert place.source().take(again, tmp_path / "scratch").read_bytes() == TEXT

    def test_results_lie_where_promised_and_are_replaced_by_newer_ones(self, place: Place, tmp_path: Path) -> None:
        place.put("eu/de/list.txt", TEXT)
        item = place.only_item("eu/de/list.txt")
        taken = place.source().take(item, tmp_path / "scratch")
        made = results_of(tmp_path / "made", "one")
        first = place.source().finish(item.identity, taken, "processed", made)
        assert first[RECEIPT].endswith("/processed/eu/de/list.txt.receipt.json")
        assert (place.read(first[RECEIPT]), place.read(first[".receipt.html"])) == (b"one", b"<p>one")
        made = results_of(tmp_path / "made", "two") | {".fix.csv": tmp_path / "made" / "receipt"}
        second = place.source().finish(item.identity, None, "processed", made)
        assert {suffix: second[suffix] for suffix in first} == first
        assert second[".fix.csv"].endswith("/processed/eu/de/list.txt.fix.csv")
        assert place.read(first[RECEIPT]) == b"two"

    def test_a_rejected_file_has_its_results_apart(self, place: Place, tmp_path: Path) -> None:
        place.put("list.txt", TEXT)
        item = place.only_item("list.txt")
        where = place.source().finish(item.identity, None, "rejected", results_of(tmp_path / "made", "no"))
        assert where[RECEIPT].endswith("/rejected/list.txt.receipt.json")
        assert place.read(where[RECEIPT]) == b"no"

    def test_no_other_folder_takes_results(self, place: Place) -> None:
        with pytest.raises(ValueError, match="neither"):
            place.source().finish(ItemIdentity(place.source().name, "list.txt", "1"), None, "elsewhere", {})

    def test_the_same_bytes_delivered_again_are_a_new_delivery_with_results_of_its_own(
        self, place: Place, tmp_path: Path
    ) -> None:
        where = []
        for text in ("one", "two"):
            place.put("list.txt", TEXT)
            item = place.only_item("list.txt")
            taken = place.source().take(item, tmp_path / "scratch")
            made = results_of(tmp_path / "made", text)
            where.append((item.identity, place.source().finish(item.identity, taken, "processed", made)))
            place.wait_for_the_next_second()
        assert where[0][0] != where[1][0]
        assert [place.read(found[RECEIPT]) for _, found in where] == [b"one", b"two"]
        place.source().finish(where[0][0], None, "processed", results_of(tmp_path / "made", "one, later"))
        assert [place.read(found[RECEIPT]) for _, found in where] == [b"one, later", b"two"]

    def test_odd_names_are_taken_and_finished_and_nothing_leaves_the_scratch_folder(
        self, place: Place, tmp_path: Path
    ) -> None:
        for number, name in enumerate(place.odd_names):
            place.put(name, b"%d" % number)
        items = {item.identity.key: item for item in place.source().items()}
        assert set(items) == {to_key(name) for name in place.odd_names}
        scratch = tmp_path / "deep" / "scratch"
        for number, name in enumerate(place.odd_names):
            item = items[to_key(name)]
            taken = place.source().take(item, scratch)
            assert taken.read_bytes() == b"%d" % number
            where = place.source().finish(
                item.identity, taken, "processed", results_of(tmp_path / "made", to_key(name))
            )
            assert place.read(where[RECEIPT]).decode() == to_key(name)
        assert list((tmp_path / "deep").rglob("*")) in ([], [scratch])

    def test_a_place_that_is_gone_says_what_to_do(self, place: Place, tmp_path: Path) -> None:
        place.put("list.txt", TEXT)
        item = place.only_item("list.txt")
        place.make_unavailable()
        source = place.source()
        made = results_of(tmp_path / "made", "one")
        for attempt in (
            lambda: list(source.items()),
            lambda: source.take(item, tmp_path / "scratch"),
            lambda: source.finish(item.identity, None, "processed", made),
            source.check,
        ):
            with pytest.raises(SourceUnavailable, match=r"(?i)create|mount|check"):
                attempt()

    def test_a_check_lists_and_writes_and_leaves_no_item(self, place: Place) -> None:
        assert "written" in place.source().check()
        assert list(place.source().items()) == []
