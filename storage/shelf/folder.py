"""A folder in which reports are kept."""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from storage.shelf.contract import ShelfUnavailable
from storage.sources.records import publish

WAITING = ".waiting"


class FolderPlace:
    """Files of one folder, made when the first one is put there. It is in one hand at a time, over all processes."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def put(self, name: str, made: Path) -> None:
        """See `Place.put`: a copy, renamed when it is whole and on the disk."""
        with self._in_words():
            target = self._root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            waiting = target.parent / f"{WAITING}-{uuid4().hex}"
            try:
                shutil.copyfile(made, waiting)
                publish(waiting, target)
            finally:
                waiting.unlink(missing_ok=True)

    def read(self, name: str) -> bytes | None:
        """See `Place.read`."""
        with self._in_words():
            try:
                return (self._root / name).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def read_all(self, names: Iterable[str]) -> dict[str, bytes]:
        """See `Place.read_all`."""
        read = ((name, self.read(name)) for name in names)
        return {name: content for name, content in read if content is not None}

    def names(self, prefix: str) -> list[str]:
        """See `Place.names`: files of the folder, or of the one folder in it that the prefix names."""
        below, _, begin = prefix.rpartition("/")
        with self._in_words():
            try:
                files = [file.name for file in (self._root / below).iterdir() if file.is_file()]
            except (FileNotFoundError, NotADirectoryError):
                return []
        stem = f"{below}/" if below else ""
        return sorted(stem + name for name in files if name.startswith(begin) and not name.startswith(WAITING))

    def has(self, name: str) -> bool:
        """See `Place.has`; a link counts, wherever it leads."""
        return os.path.lexists(self._root / name)

    def remove(self, name: str) -> None:
        """See `Place.remove`."""
        with self._in_words(), suppress(FileNotFoundError, NotADirectoryError):
            (self._root / name).unlink()

    def address(self, name: str) -> str:
        """See `Place.address`: the path."""
        return str(self._root / name)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See `Place.alone`. The kernel lets go for a process that died, and what that left half-copied is swept."""
        with self._in_words():
            (self._root / ".shelf").mkdir(parents=True, exist_ok=True)
            lock = (self._root / ".shelf" / ".lock").open("w")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self._in_words():
                for folder in (self._root, self._root / ".shelf"):
                    for waiting in folder.glob(f"{WAITING}-*"):
                        waiting.unlink(missing_ok=True)
            yield

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = error.filename if error.filename is not None else self._root
            raise ShelfUnavailable(
                f"The folder of the reports {self._root} cannot be used: {error.strerror or error} ({where!s}). "
                "Give the worker's user read and write access and room, or choose another `folder` under [reports]."
            ) from error
