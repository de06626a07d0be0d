"""What the shelf promises in every place. A place's own test file supplies the fixture `at`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.shelf.contract import Place, ShelfUnavailable
from storage.shelf.records import Kept
from storage.shelf.shelf import INDEX, Shelf

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


def draw(reports: Sequence[Kept]) -> str:
    return "".join(f"{kept.kind} {kept.name}\n" for kept in reports)


def usage(name: str = "usage-1", days: int = 0, tables: Sequence[str] = ("sims.csv",)) -> Kept:
    """A report that was put there so many days ago."""
    at = NOW - timedelta(days=days)
    files = (*(f"{name}.{table}" for table in tables), f"{name}.html")
    return Kept(name, "usage", name.title(), at, at, f"{name}.html", files)


class At(ABC):
    """A place, as somebody else sees it."""

    @abstractmethod
    def place(self) -> Place:
        """A new instance over the same place, as after a restart."""

    @abstractmethod
    def put(self, name: str, content: bytes) -> None:
        """Somebody puts a file there past the shelf."""

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """What is there, the shelf's own memory left out."""

    @abstractmethod
    def make_unavailable(self) -> None: ...

    def shelf(self) -> Shelf:
        return Shelf(self.place(), draw)

    def keep(self, kept: Kept, folder: Path, text: str = "made") -> dict[str, str]:
        """Put a report whose every file holds its name and this text."""
        made = folder / f"{kept.name}-{text}"
        made.mkdir(exist_ok=True)
        for name in kept.files:
            (made / name).write_text(f"{name} {text}")
        return self.shelf().put(kept, {name: made / name for name in kept.files})


class ShelfContract:
    def test_what_is_put_is_there_and_listed(self, at: At, tmp_path: Path) -> None:
        where = at.keep(usage(), tmp_path)
        assert at.shelf().reports() == [usage()]
        assert at.files() == {
            "usage-1.html": b"usage-1.html made",
            "usage-1.sims.csv": b"usage-1.sims.csv made",
            INDEX: b"usage usage-1\n",
        }
        assert where["usage-1.html"] == at.shelf().address("usage-1.html")
        assert where["usage-1.html"].endswith("/usage-1.html")

    def test_an_empty_place_has_nothing(self, at: At) -> None:
        assert at.shelf().reports() == []
        assert at.shelf().remove(["usage-1"]) == []
        assert at.files() == {}

    def test_the_same_name_replaces_and_leaves_no_file_of_the_old_one(self, at: At, tmp_path: Path) -> None:
        at.keep(usage(tables=("sims.csv", "plans.csv")), tmp_path, "old")
        at.keep(usage(), tmp_path, "new")
        assert at.shelf().reports() == [usage()]
        assert at.files().keys() == {"usage-1.html", "usage-1.sims.csv", INDEX}
        assert at.files()["usage-1.html"] == b"usage-1.html new"

    def test_putting_the_same_twice_changes_no_byte(self, at: At, tmp_path: Path) -> None:
        at.keep(usage(), tmp_path)
        before = at.files()
        at.keep(usage(), tmp_path)
        assert at.files() == before

    def test_the_index_has_the_newest_first_by_kind(self, at: At, tmp_path: Path) -> None:
        at.keep(usage("usage-old", 2), tmp_path)
        at.keep(usage("usage-new", 1), tmp_path)
        at.keep(replace(usage("gap", 3), kind="reconciliation"), tmp_path)
        assert at.files()[INDEX] == b"reconciliation gap\nusage usage-new\nusage usage-old\n"

    def test_two_at_once_are_both_in_the_index(self, at: At, tmp_path: Path) -> None:
        names = [f"usage-{number}" for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: at.keep(usage(name), tmp_path), names))
        assert at.files()[INDEX].decode() == "".join(f"usage {name}\n" for name in names)

    def test_the_same_report_put_by_two_at_once_is_there_once_and_whole(self, at: At, tmp_path: Path) -> None:
        made = [tmp_path / "one", tmp_path / "two"]
        for folder in made:
            folder.mkdir()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda folder: at.keep(usage(), folder), made))
        assert at.shelf().reports() == [usage()]
        assert at.files().keys() == {"usage-1.html", "usage-1.sims.csv", INDEX}

    def test_only_what_is_older_than_its_days_is_too_old(self, at: At, tmp_path: Path) -> None:
        at.keep(usage("usage-10", 10), tmp_path)
        at.keep(usage("usage-11", 11), tmp_path)
        assert [kept.name for kept in at.shelf().too_old(NOW, 10)] == ["usage-11"]

    def test_removing_takes_the_reports_files_and_nothing_else(self, at: At, tmp_path: Path) -> None:
        at.put("usage-1.notes.txt", b"a person's")
        at.keep(usage(), tmp_path)
        at.keep(usage("usage-2"), tmp_path)
        assert [kept.name for kept in at.shelf().remove(["usage-1", "never-there"])] == ["usage-1"]
        assert at.shelf().remove(["usage-1"]) == []
        assert at.files().keys() == {"usage-1.notes.txt", "usage-2.html", "usage-2.sims.csv", INDEX}
        assert at.files()[INDEX] == b"usage usage-2\n"

    def test_one_that_was_put_there_anew_meanwhile_stays(self, at: At, tmp_path: Path) -> None:
        at.keep(usage(days=500), tmp_path)
        (old,) = at.shelf().too_old(NOW, 400)
        at.keep(usage(), tmp_path, "anew")
        assert at.shelf().remove([old.name], kept_before=NOW - timedelta(days=400)) == []
        assert at.files()["usage-1.html"] == b"usage-1.html anew"

    @pytest.mark.parametrize("name", ["usage-1.html", "usage-1.sims.csv", INDEX])
    def test_a_file_that_is_not_ours_is_never_replaced(self, at: At, tmp_path: Path, name: str) -> None:
        at.put(name, b"a person's")
        with pytest.raises(ShelfUnavailable, match="is no report of ours: it was left alone"):
            at.keep(usage(), tmp_path)
        assert at.files() == {name: b"a person's"}

    def test_a_report_whose_worker_died_is_not_listed_and_is_whole_when_put_again(
        self, at: At, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kind = type(at.place())
        real = kind.put

        def dies(self: object, name: str, made: Path) -> None:
            if name.endswith(".html"):
                raise ShelfUnavailable("The power went.")
            real(self, name, made)  # type: ignore[arg-type]

        with monkeypatch.context() as patched, pytest.raises(ShelfUnavailable, match="The power went"):
            patched.setattr(kind, "put", dies)
            at.keep(usage(days=500), tmp_path)
        assert at.shelf().reports() == []
        assert [kept.name for kept in at.shelf().too_old(NOW, 400)] == ["usage-1"]
        at.keep(usage(), tmp_path)
        assert at.shelf().reports() == [usage()]

    def test_a_record_that_is_damaged_hides_its_report_and_removes_nothing(self, at: At, tmp_path: Path) -> None:
        at.keep(usage(days=500), tmp_path)
        for record in (b"{", b'{"name": "usage-1", "files": ["../../etc/passwd"]}'):
            at.put(".shelf/usage-1.json", record)
            assert at.shelf().reports() == []
            assert at.shelf().too_old(NOW, 1) == []
        assert at.files().keys() == {"usage-1.html", "usage-1.sims.csv", INDEX}

    def test_a_place_can_be_checked(self, at: At, tmp_path: Path) -> None:
        at.keep(usage(), tmp_path)
        assert "1 reports are kept at" in at.shelf().check()
        assert at.files().keys() == {"usage-1.html", "usage-1.sims.csv", INDEX}

    def test_a_place_that_cannot_be_used_says_what_to_do(self, at: At, tmp_path: Path) -> None:
        at.make_unavailable()
        with pytest.raises(ShelfUnavailable, match=r"cannot be used|NoSuchBucket"):
            at.keep(usage(), tmp_path)
