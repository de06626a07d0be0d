"""Files that a person names, on the command line or by a re-run: never listed, read from a copy, left in place."""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from domain.file_limits import FileLimits
from domain.manifests import ItemIdentity
from storage.sources.contract import Item, ItemChanged, Route, SourceUnavailable
from storage.sources.names import fitted, to_key, to_path
from storage.sources.placing import sidecar_beside, sidecar_content

NAME = "command-line"
_BESIDE = "+"
"""In a version: what follows is of the sidecar. A corrected sidecar makes the delivery another one."""


class GivenFiles:
    """The source of files that are named one by one.

    The key is the absolute path, the version the hash of the content and of its sidecar; nobody reads a file beyond the
    limit, so there it is its size and time.
    """

    name = NAME
    routes: tuple[Route, ...] = ()

    def __init__(self, results: Path, at_most_bytes: int = FileLimits().file_bytes) -> None:
        self.results = results  # where results go when the file's own folder cannot be written
        self._at_most_bytes = at_most_bytes

    def items(self) -> Iterator[Item]:
        """None: nothing is picked up here by itself."""
        return iter(())

    def item(self, path: Path) -> Item:
        """The file as a delivery: the same content under the same name is the same one. Raises `SourceUnavailable`.

        Nothing but a file is opened: a pipe or a device may never end.
        """
        try:
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                raise SourceUnavailable(_no_file(path))
            resolved = path.resolve(strict=True)
            identity = ItemIdentity(NAME, to_key(str(resolved)), self._version(resolved, found))
        except OSError as error:
            raise SourceUnavailable(
                f"{path} cannot be read: {error.strerror}. Check the name and its rights."
            ) from error
        return self.again(Item(identity, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC)))

    def _version(self, path: Path, found: os.stat_result) -> str:
        if found.st_size > self._at_most_bytes:
            return f"{found.st_size}-{found.st_mtime_ns}"
        sidecar = sidecar_beside(path)
        content = sidecar_content(path.with_name(sidecar)) if sidecar else b""
        return _hash(path) + (_BESIDE + _mark(content) if sidecar else "")

    def again(self, item: Item) -> Item:
        """The item with the sidecar that it was named with, also when it was rebuilt from its manifest's row."""
        if _BESIDE not in item.identity.version:
            return item
        original = Path(to_path(item.identity.key))
        name = sidecar_beside(original) or original.name
        opener = partial(_sidecar, original, item.identity.version)
        return Item(item.identity, item.size_bytes, item.modified_at, name, opener)

    def take(self, item: Item, scratch: Path) -> Path:
        """A copy of the file, checked against the hash under which it was named. Raises `ItemChanged`."""
        original = Path(to_path(item.identity.key))
        copy = scratch / ("given" + "".join(original.suffixes[-2:]))
        try:
            shutil.copyfile(original, copy)
        except OSError as error:
            raise ItemChanged(f"{original} is gone: {error.strerror}.") from error
        if _hash(copy) != item.identity.version.partition(_BESIDE)[0]:
            raise ItemChanged(f"{original} was changed while it was read. Run again.")
        return copy

    def finish(
        self,
        item: ItemIdentity,
        taken: Path | None,
        folder: str,  # noqa: ARG002 - the file stays where it is, whatever became of it
        results: Mapping[str, Path],
    ) -> dict[str, str]:
        """Put the results beside the file, or into the fallback folder where that is not writable."""
        original = Path(to_path(item.key))
        place = original.parent if os.access(original.parent, os.W_OK) else self.results
        place.mkdir(parents=True, exist_ok=True)
        where = {suffix: place / fitted(original.name, suffix) for suffix in results}
        for suffix, target in where.items():
            partial = target.with_name(fitted(target.name, ".part"))
            shutil.copyfile(results[suffix], partial)
            partial.replace(target)
        if taken is not None:
            taken.unlink(missing_ok=True)
        return {suffix: str(target) for suffix, target in where.items()}

    def check(self) -> str:
        """Always there."""
        return "Files can be named on the command line."


def _no_file(path: Path) -> str:
    if path.is_symlink():
        return f"{path} is not a file but a link. Name the file itself, or give what comes out of a pipe to `-`."
    return f"{path} is not a file. Name one manifest, or drop the folder's files into an inbox."


def _sidecar(original: Path, version: str) -> bytes:
    name = sidecar_beside(original)
    content = sidecar_content(original.with_name(name)) if name else b""
    if _mark(content) != version.partition(_BESIDE)[2]:
        raise SourceUnavailable(f"The control total beside {original} was changed or removed. Name the file again.")
    return content


def _mark(sidecar: bytes) -> str:
    return hashlib.sha256(sidecar).hexdigest()[:16]


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
