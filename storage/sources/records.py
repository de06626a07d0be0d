"""What a folder source remembers of each manifest on disk, and how its files are written: whole or not at all."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import uuid4

from domain.manifests import ItemIdentity
from storage.sources.contract import SourceUnavailable


@dataclass(frozen=True, slots=True)
class Record:
    """One manifest: what it was taken as, and where it went. Paths are below the source's root."""

    source: str
    key: str
    version: str
    seen: str  # size and mtime of the bytes that were taken or delivered anew last
    placed: str | None = None  # written before the original is moved there
    results: dict[str, str] = field(default_factory=dict)  # suffix -> path

    @property
    def identity(self) -> ItemIdentity:
        """Exactly the identity that the manifest was taken under."""
        return ItemIdentity(self.source, self.key, self.version)


class Records:
    """One small JSON file per manifest, and the lock under which names are chosen and files change places."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else takes or places a file of this source meanwhile; the kernel lets go for a dead process."""
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self, manifest_id: str) -> Record | None:
        """The record, if there is one. Raises `SourceUnavailable` when it is damaged."""
        path = self._path(manifest_id)
        try:
            return Record(**json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise SourceUnavailable(
                f"{path} is damaged. Move it away: its file, if it stands in processing/, then returns to the inbox."
            ) from error

    def write(self, record: Record) -> None:
        """Keep the record; it is on the disk when this returns. Only while alone."""
        waiting = self.folder / f"{uuid4().hex}.part"
        waiting.write_text(json.dumps(asdict(record)))
        publish(waiting, self._path(record.identity.manifest_id))

    def copy_out(self, original: Path, target: Path) -> None:
        """Put a copy at `target`: readers see the old bytes or the new ones, never a part. Only while alone."""
        waiting = self.folder / f"{uuid4().hex}.part"
        try:
            shutil.copyfile(original, waiting)
            target.parent.mkdir(parents=True, exist_ok=True)
            publish(waiting, target)
        finally:
            waiting.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what dead workers left half-written; living ones write only while they are alone."""
        with self.alone():
            for waiting in self.folder.glob("*.part"):
                waiting.unlink()

    def _path(self, manifest_id: str) -> Path:
        return self.folder / f"{manifest_id}.json"


def publish(waiting: Path, target: Path) -> None:
    """Rename a finished file to where it is looked for, so that it survives a power cut."""
    _sync(waiting)
    waiting.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
