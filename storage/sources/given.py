"""Files that a person names, on the command line or by a re-run: never listed, read from a copy, left in place."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from domain.manifests import ItemIdentity
from storage.sources.contract import Item, ItemChanged, Route, SourceUnavailable
from storage.sources.names import fitted, to_key, to_path

NAME = "command-line"


class GivenFiles:
    """The source of files that are named one by one. The key is the absolute path, the version the content's hash."""

    name = NAME
    routes: tuple[Route, ...] = ()

    def __init__(self, fallback: Path) -> None:
        self._fallback = fallback  # where results go when the file's own folder cannot be written

    def items(self) -> Iterator[Item]:
        """None: nothing is picked up here by itself."""
        return iter(())

    def item(self, path: Path) -> Item:
        """The file as a delivery: the same content under the same name is the same one. Raises `SourceUnavailable`."""
        try:
            resolved = path.resolve(strict=True)
            found = resolved.stat()
            version = _hash(resolved)
        except OSError as error:
            raise SourceUnavailable(
                f"{path} cannot be read: {error.strerror}. Check the name and its rights."
            ) from error
        if not resolved.is_file():
            raise SourceUnavailable(
                f"{path} is not a file. Name one manifest, or drop the folder's files into an inbox."
            )
        identity = ItemIdentity(NAME, to_key(str(resolved)), version)
        return Item(identity, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def take(self, item: Item, scratch: Path) -> Path:
        """A copy of the file, checked against the hash under which it was named. Raises `ItemChanged`."""
        original = Path(to_path(item.identity.key))
        copy = scratch / ("given" + "".join(original.suffixes[-2:]))
        try:
            shutil.copyfile(original, copy)
        except OSError as error:
            raise ItemChanged(f"{original} is gone: {error.strerror}.") from error
        if _hash(copy) != item.identity.version:
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
        place = original.parent if os.access(original.parent, os.W_OK) else self._fallback
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


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
