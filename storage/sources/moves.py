"""How the files of a folder source change places. One worker at a time (`Records.alone`), and safe to repeat.

Every move is written down before it is made, so whoever comes after a dead worker knows where things were going.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from domain.manifests import ItemIdentity
from storage.sources.contract import ItemChanged
from storage.sources.names import DONE_ENDING, SIDECAR_ENDINGS, fitted, to_path
from storage.sources.placing import are_names, below, folder_for, free_name, is_file
from storage.sources.records import Record, Records


def size_and_time(stat: os.stat_result) -> str:
    """What tells one delivery under a name from the next."""
    return f"{stat.st_size}-{stat.st_mtime_ns}"


class Moves:
    """The way of a file: inbox/ -> processing/<manifest>/ -> processed/ or rejected/."""

    def __init__(self, root: Path, records: Records) -> None:
        self.root = root
        self.inbox, self.processing = root / "inbox", root / "processing"
        self._records = records

    def standing(self, identity: ItemIdentity) -> Path:
        """Where the file is between `claim` and `put_away`."""
        return self.processing / identity.manifest_id / to_path(identity.key).rpartition("/")[2]

    def origin(self, identity: ItemIdentity) -> Path:
        """Where the file was dropped. Raises `ItemChanged` for a key that is no place in the inbox."""
        origin = below(self.inbox, to_path(identity.key))
        if origin is None:
            raise ItemChanged(f"{identity.key!r} is no file in the inbox of {identity.source}")
        return origin

    def was_taken(self, identity: ItemIdentity) -> bool:
        """Whether just this delivery left the inbox before: another file with its size and time is another one."""
        record = self._records.read(identity.manifest_id)
        return record is not None and (record.placed is not None or is_file(self.standing(identity)))

    def claim(self, identity: ItemIdentity) -> Path:
        """Record first, then one rename; the marker goes before, or it would vouch for the next file of its name."""
        origin, standing = self.origin(identity), self.standing(identity)
        seen = size_and_time(origin.lstat())
        self._records.write(Record(identity.source, identity.key, identity.version, seen))
        standing.parent.mkdir(exist_ok=True)
        marker = origin.with_name(origin.name + DONE_ENDING)
        if is_file(marker):
            marker.unlink(missing_ok=True)
        try:
            origin.rename(standing)
        except FileNotFoundError as error:
            raise ItemChanged(f"{identity.key!r} was deleted since it was listed") from error
        if not is_file(standing) or size_and_time(standing.lstat()) != seen:
            standing.rename(origin.with_name(free_name(origin.parent, origin.name)))
            raise ItemChanged(f"{identity.key!r} was overwritten while it was taken")
        self.bring_sidecars(identity)
        return standing

    def bring_sidecars(self, identity: ItemIdentity) -> None:
        """Safe to repeat. Once another file has the name in the inbox, the sidecars there are that one's."""
        origin, standing = below(self.inbox, to_path(identity.key)), self.standing(identity)
        if origin is None or os.path.lexists(origin):
            return
        for ending in SIDECAR_ENDINGS:
            target = standing.with_name(standing.name + ending)
            if is_file(origin.with_name(origin.name + ending)) and not os.path.lexists(target):
                with suppress(FileNotFoundError):
                    origin.with_name(origin.name + ending).rename(target)

    def placed(self, identity: ItemIdentity) -> Path:
        """Where `put_away` has put it. Raises `ItemChanged` when somebody removed it since."""
        record = self._records.read(identity.manifest_id)
        if record is not None and record.placed is not None and is_file(self.root / record.placed):
            return self.root / record.placed
        raise ItemChanged(f"{identity.key!r} was finished, and somebody has removed its original since")

    def return_to_inbox(self, folder: Path) -> None:
        """A taken file whose record somebody removed is a new delivery."""
        with self._records.alone():
            for path in sorted(folder.glob("*")):
                path.rename(self.inbox / free_name(self.inbox, path.name))
            with suppress(FileNotFoundError):
                folder.rmdir()

    def choose_place(self, identity: ItemIdentity, folder: str, suffixes: Sequence[str]) -> Record:
        """Where the original and each result go, recorded: the same names whenever it is asked again."""
        standing = self.standing(identity)
        record = self._records.read(identity.manifest_id)
        record = record or Record(identity.source, identity.key, identity.version, seen="")
        if record.placed is None or (is_file(standing) and os.path.lexists(self.root / record.placed)):
            *parts, name = to_path(identity.key).split("/")
            if not are_names((*parts, name)):
                raise ItemChanged(f"{identity.key!r} is no file of {identity.source}")
            parent = folder_for(self.root / folder, parts)
            chosen = self._below_root(parent / free_name(parent, name, suffixes))
            record = replace(record, placed=chosen, results={})
        record = self._with_results(record, suffixes)
        self._records.write(record)
        return record

    def put_away(self, record: Record) -> None:
        """Move the original and its sidecars to their place, whatever of them is still in processing."""
        standing, placed = self.standing(record.identity), self.root / str(record.placed)
        if is_file(standing):
            self.bring_sidecars(record.identity)
            placed.parent.mkdir(parents=True, exist_ok=True)
            standing.rename(placed)
        for ending in SIDECAR_ENDINGS:
            sidecar = standing.with_name(standing.name + ending)
            if is_file(sidecar):
                sidecar.rename(placed.with_name(free_name(placed.parent, fitted(placed.name, ending))))
        with suppress(FileNotFoundError):
            standing.parent.rmdir()

    def _with_results(self, record: Record, suffixes: Sequence[str]) -> Record:
        placed = self.root / str(record.placed)
        new = [suffix for suffix in suffixes if suffix not in record.results]
        names = {suffix: free_name(placed.parent, fitted(placed.name, suffix)) for suffix in new}
        paths = {suffix: self._below_root(placed.with_name(name)) for suffix, name in names.items()}
        return replace(record, results={**record.results, **paths})

    def _below_root(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def deliver_late_lines(self, record: Record) -> None:
        """An upload that hung, was taken and then went on: its whole text goes into the inbox again, under its name."""
        original = self.root / str(record.placed)
        with self._records.alone():
            record = self._records.read(record.identity.manifest_id) or record
            if not is_file(original) or (seen := size_and_time(original.lstat())) == record.seen:
                return
            *parts, name = to_path(record.key).split("/")
            folder = folder_for(self.inbox, parts)
            self._records.copy_out(original, folder / free_name(folder, name))
            self._records.write(replace(record, seen=seen))
