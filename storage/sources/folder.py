"""Manifests dropped into a folder: inbox/ -> processing/<manifest>/ -> processed/ or rejected/, results beside them.

A file is taken by one rename, and its record is on the disk before that rename, so a file that a dead worker took is
found again under exactly the identity that it was taken under.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from uuid import uuid4

from domain.manifests import ItemIdentity
from storage.sources.contract import Item, ItemChanged, Route, SourceUnavailable, no_sidecar
from storage.sources.inbox import Inbox
from storage.sources.moves import Moves, size_and_time
from storage.sources.names import may_be_a_manifest, to_key
from storage.sources.placing import file_seen, in_words, is_file, is_folder, sidecar_beside, sidecar_content
from storage.sources.records import Records
from storage.sources.stillness import NANOSECONDS, clock_of

FOLDERS = ("inbox", "processing", "processed", "rejected", ".records")
LATEST_NS = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp()) * NANOSECONDS


class FolderSource:
    """One watched folder. Any number of workers may share it; links, devices and pipes in it are left alone."""

    def __init__(
        self,
        name: str,
        root: Path,
        routes: Sequence[Route] = (),
        still_seconds: float = 5.0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.name = name
        self.routes = tuple(routes)
        self.root = root.absolute()
        self._records = Records(self.root / ".records")
        self._moves = Moves(self.root, self._records)
        self._inbox = Inbox(self.root / "inbox", still_seconds, clock or partial(clock_of, self._records.folder))

    def prepare(self) -> list[Path]:
        """Make the folders that are missing, and return those.

        Not done unasked: an unmounted drive must not look like an empty one.
        """
        with in_words(self.name, self.root):
            missing = [path for name in FOLDERS if not (path := self.root / name).is_dir()]
            for path in missing:
                path.mkdir(parents=True, exist_ok=True)
            self._records.sweep()
        return missing

    def items(self) -> Iterator[Item]:
        """See `Source.items`. What may not be read is told at the end, after everything else was yielded."""
        unreadable: list[str] = []
        with in_words(self.name, self.root):
            found = [*self._taken_items(), *self._waiting_items(unreadable)]
        yield from sorted(found, key=lambda item: item.modified_at)
        if unreadable:
            raise SourceUnavailable(
                f"Source {self.name} may not read {len(unreadable)} files or folders in its inbox, so they wait: "
                f"{', '.join(unreadable[:5])}. Give the user of the worker read and write access to them."
            )

    def take(self, item: Item, scratch: Path) -> Path:  # noqa: ARG002  the file stays in its own file system
        """See `Source.take`: `processing/<manifest>/<name>`, or where `finish` has put it."""
        with in_words(self.name, self.root), self._records.alone():
            standing = self._moves.standing(item.identity)
            if is_file(standing):
                return standing
            if not self._moves.was_taken(item.identity):
                return self._claim(item.identity)
            return self._moves.placed(item.identity)

    def finish(
        self,
        item: ItemIdentity,
        taken: Path | None,  # noqa: ARG002  the record knows where the file is, after a crash too
        folder: str,
        results: Mapping[str, Path],
    ) -> dict[str, str]:
        """See `Source.finish`. An original that changed after it was taken is delivered again, as a copy."""
        if folder not in ("processed", "rejected"):
            raise ValueError(f"{folder!r} is neither processed nor rejected")
        with in_words(self.name, self.root):
            with self._records.alone():
                if not self._moves.was_taken(item):
                    with suppress(ItemChanged):  # refused without having been taken: its original goes along
                        self._claim(item)
                record = self._moves.choose_place(item, folder, tuple(results))
                for suffix, made in results.items():
                    self._records.copy_out(made, self.root / record.results[suffix])
                self._moves.put_away(record)  # last: until then a dead worker's successor finds it in `items`
            self._moves.deliver_late_lines(record)
        return {suffix: to_key(str(self.root / record.results[suffix])) for suffix in results}

    def check(self) -> str:
        """See `Source.check`: a file is made, moved through all the folders, and removed."""
        with in_words(self.name, self.root):
            waiting = [name for _, files in self._inbox.walk([]) for name in files if may_be_a_manifest(name)]
            probe = self.root / ".records" / f".check-{uuid4().hex}"
            probe.write_bytes(b"")
            for folder in FOLDERS:
                probe = probe.rename(self.root / folder / probe.name)
            probe.unlink()
        return f"The folder {self.root} can be read and written; {len(waiting)} files wait in its inbox."

    def _claim(self, identity: ItemIdentity) -> Path:
        origin = self._moves.origin(identity)
        seen = file_seen(origin)
        if seen is None or self._identity(identity.key, seen) != identity:
            raise ItemChanged(f"{identity.key!r} was overwritten, deleted or taken since it was listed")
        return self._moves.claim(identity)

    def _taken_items(self) -> Iterator[Item]:
        """What somebody took and did not finish."""
        for folder in sorted(self._moves.processing.glob("m-*")):
            if not is_folder(folder):
                continue
            record = self._records.read(folder.name)
            if record is None:
                self._moves.return_to_inbox(folder)
            elif seen := file_seen(standing := self._moves.standing(record.identity)):
                self._moves.bring_sidecars(record.identity)
                yield self._item(record.identity, seen, sidecar_beside(standing))

    def _waiting_items(self, unreadable: list[str]) -> Iterator[Item]:
        for waiting in self._inbox.complete(unreadable):
            identity = self._identity(to_key(waiting.path), waiting.stat)
            if identity.version == size_and_time(waiting.stat) or self._is_dropped_again(identity):
                yield self._item(identity, waiting.stat, waiting.sidecar_name)

    def _is_dropped_again(self, identity: ItemIdentity) -> bool:
        """Whether the file is there once more; False for one that a neighbour took after it was listed here."""
        with self._records.alone():
            seen = file_seen(self._moves.origin(identity))
            return seen is not None and self._identity(identity.key, seen) == identity

    def _item(self, identity: ItemIdentity, stat: os.stat_result, sidecar: str | None) -> Item:
        modified_at = datetime.fromtimestamp(min(max(stat.st_mtime_ns, 0), LATEST_NS) / NANOSECONDS, UTC)
        opener = partial(self._read_sidecar, identity, sidecar) if sidecar else no_sidecar
        return Item(identity, stat.st_size, modified_at, sidecar, opener)

    def _identity(self, key: str, stat: os.stat_result) -> ItemIdentity:
        """Version: size and time; `-2` where just that was taken before, so the same file dropped again is seen."""
        plain = size_and_time(stat)
        versions = (plain if n == 1 else f"{plain}-{n}" for n in count(1))
        identities = (ItemIdentity(self.name, key, version) for version in versions)
        return next(identity for identity in identities if not self._moves.was_taken(identity))

    def _read_sidecar(self, identity: ItemIdentity, name: str) -> bytes:
        with in_words(self.name, self.root):
            for path in (self._moves.standing(identity), self._moves.origin(identity)):
                if is_file(path.with_name(name)):
                    with suppress(FileNotFoundError):
                        return sidecar_content(path.with_name(name))
        raise SourceUnavailable(f"{name!r} beside {identity.key!r} vanished while it was read; run again.")
