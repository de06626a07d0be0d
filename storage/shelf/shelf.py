"""The shelf: reports under stable names in a folder or in S3, with an index page, and gone after their time.

Before the first file of a report is put there, its record says which files are its own; what no record names is
somebody else's, and is neither replaced nor removed. Two that put reports at once write the index until nothing moved
any more, so the last index has both.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from storage.shelf.contract import Place, ShelfUnavailable
from storage.shelf.records import FOLDER, Kept, kept_of, record_of

INDEX = "index.html"
INDEX_RECORD = f"{FOLDER}index"
ROUNDS = 20
"""So often the index is written anew while others put reports; the last of them writes it in the end."""

DrawIndex = Callable[[Sequence[Kept]], str]
"""The index page of these reports."""


class Shelf:
    """Reports in one place. Any number of workers may share it."""

    def __init__(self, place: Place, draw_index: DrawIndex) -> None:
        self._place, self._draw_index = place, draw_index

    def put(self, kept: Kept, made: Mapping[str, Path]) -> dict[str, str]:
        """Keep the report's files, the page last; file name -> where it is. Replaces the report of the same name.

        `made` has exactly `kept.files`. Safe to repeat and to do side by side. Raises `ShelfUnavailable`, also where a
        file of that name is not the shelf's.
        """
        if set(made) != set(kept.files) or kept.page not in made:
            raise ValueError(f"{kept.name}: its files are {sorted(kept.files)}, made were {sorted(made)}")
        with self._place.alone():
            before = self._record(kept.name)
            self._refuse_strangers([*kept.files], before)
            old = before.files if before else ()
            both = list(dict.fromkeys([*old, *kept.files]))
            self._write_record((before or kept).with_files(both, is_whole=before is not None and before.is_whole))
            for name in sorted(made, key=lambda name: name == kept.page):
                self._place.put(name, made[name])
            for name in sorted(set(old) - set(kept.files)):
                self._place.remove(name)
            self._write_record(kept)
            self._write_index()
        return {name: self._place.address(name) for name in made}

    def reports(self) -> list[Kept]:
        """What is there, by kind, the newest of each first."""
        return sorted_reports([kept for kept in self._records() if kept.is_whole])

    def find(self, name: str) -> Kept | None:
        """The report of this name, if it is there and whole."""
        kept = self._record(name)
        return kept if kept is not None and kept.is_whole else None

    def too_old(self, now: datetime, keep_days: int) -> list[Kept]:
        """What was put there longer ago than that, and what was begun so long ago and never ended."""
        return sorted_reports([kept for kept in self._records() if kept.kept_at < now - timedelta(days=keep_days)])

    def remove(self, names: Sequence[str], *, kept_before: datetime | None = None) -> list[Kept]:
        """Take these reports away, their record last; those that were there. Safe to repeat.

        With `kept_before`, one that was put there anew since then stays.
        """
        with self._place.alone():
            found = [kept for name in names if (kept := self._record(name)) is not None]
            found = [kept for kept in found if kept_before is None or kept.kept_at < kept_before]
            for kept in found:
                for file in sorted(kept.files, key=lambda file: file != kept.page):
                    self._place.remove(file)
                self._place.remove(kept.record_name)
            if found:
                self._write_index()
        return found

    def address(self, name: str = INDEX) -> str:
        """Where a file of the shelf is, for people; the index unless said otherwise."""
        return self._place.address(name)

    def check(self) -> str:
        """Prove that the place can be read and written; a sentence for people. Raises `ShelfUnavailable`."""
        probe = f"{FOLDER}check"
        with self._place.alone(), self._written(b"") as empty:
            self._place.put(probe, empty)
            self._place.remove(probe)
        return f"{len(self.reports())} reports are kept at {self.address()}, and more can be."

    def _records(self) -> list[Kept]:
        names = [name for name in self._place.names(FOLDER) if name.endswith(".json")]
        found = self._place.read_all(names)
        kept = [(name, kept_of(record)) for name, record in found.items()]
        return [one for name, one in kept if one is not None and one.record_name == name]

    def _record(self, name: str) -> Kept | None:
        record = self._place.read(f"{FOLDER}{name}.json")
        kept = kept_of(record) if record is not None else None
        return kept if kept is not None and kept.name == name else None

    def _refuse_strangers(self, names: Sequence[str], before: Kept | None) -> None:
        ours = before.files if before else ()
        strangers = [name for name in names if name not in ours and self._place.has(name)]
        if self._place.read(INDEX_RECORD) is None and self._place.has(INDEX):
            strangers.append(INDEX)
        if strangers:
            raise ShelfUnavailable(
                f"{self._place.address(strangers[0])} is there already and is no report of ours: it was left alone. "
                "Move it away, or choose another `folder` under [reports]."
            )

    def _write_record(self, kept: Kept) -> None:
        with self._written(record_of(kept)) as record:
            self._place.put(kept.record_name, record)

    def _write_index(self) -> None:
        """Write the index, and again while somebody else's report came or went meanwhile."""
        shown: list[Kept] | None = None
        for _ in range(ROUNDS):
            there = self.reports()
            if there == shown:
                return
            shown = there
            with self._written(b"") as ours, self._written(self._draw_index(there).encode()) as page:
                self._place.put(INDEX_RECORD, ours)
                self._place.put(INDEX, page)

    @contextmanager
    def _written(self, content: bytes) -> Iterator[Path]:
        with TemporaryDirectory(prefix="simline-shelf-") as folder:
            made = Path(folder) / "made"
            made.write_bytes(content)
            yield made


def sorted_reports(reports: Sequence[Kept]) -> list[Kept]:
    """By kind, the newest of each first; the same reports in any order give the same list."""
    by_name = sorted(reports, key=lambda kept: kept.name)
    newest_first = sorted(by_name, key=lambda kept: kept.as_of, reverse=True)
    return sorted(newest_first, key=lambda kept: kept.kind)
