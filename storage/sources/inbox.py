"""What lies in an inbox and is complete. Looks only: nothing is moved or followed."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from storage.sources.names import DONE_ENDING, SIDECAR_ENDINGS, may_be_a_manifest
from storage.sources.placing import is_folder
from storage.sources.stillness import Stillness

Files = dict[str, os.stat_result]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A complete file: its path below the inbox, what was seen of it, and the sidecar that counts."""

    path: str
    stat: os.stat_result
    sidecar_name: str | None


class Inbox:
    """One inbox with its subfolders, and the looks that were taken at it."""

    def __init__(self, folder: Path, still_seconds: float, clock: Callable[[], float]) -> None:
        self.folder = folder
        self._stillness = Stillness(still_seconds)
        self._clock = clock

    def complete(self, unreadable: list[str]) -> Iterator[Waiting]:
        """Files that nobody writes any more, with complete sidecars. What may not be read goes into `unreadable`."""
        now = self._clock()
        seen: set[Path] = set()
        for folder, files in self.walk(unreadable):
            for name in filter(may_be_a_manifest, files):
                beside = [name + ending for ending in SIDECAR_ENDINGS if name + ending in files]
                seen.update(folder / part for part in (name, *beside))
                if not os.access(folder / name, os.R_OK):
                    if os.path.lexists(folder / name):  # else it was taken meanwhile
                        unreadable.append(str(folder / name))
                elif self._is_complete(folder, files, [name, *beside], now):
                    path = (folder / name).relative_to(self.folder).as_posix()
                    yield Waiting(path, files[name], next(iter(beside), None))
        self._stillness.forget_all_but(seen)

    def walk(self, unreadable: list[str]) -> Iterator[tuple[Path, Files]]:
        """Each folder with its regular files; hidden folders and links are not entered."""
        folders = [self.folder]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    files, inner = _sorted_out(entries)
            except PermissionError:
                unreadable.append(str(folder))
            except FileNotFoundError:  # a subfolder may go meanwhile; the inbox itself may not
                if folder == self.folder and not is_folder(folder):
                    raise
            else:
                folders.extend(inner)
                yield folder, files

    def _is_complete(self, folder: Path, files: Files, names: list[str], now: float) -> bool:
        marker = files.get(names[0] + DONE_ENDING)
        if marker is not None and marker.st_ctime_ns >= files[names[0]].st_ctime_ns:
            return True  # a marker older than the last change was left over from an earlier file
        looks = [self._stillness.is_still(folder / name, files[name], now) for name in names]
        return all(looks)


def _sorted_out(entries: Iterator[os.DirEntry[str]]) -> tuple[Files, list[Path]]:
    """Regular files with what is seen of them, and real subfolders."""
    files: Files = {}
    folders: list[Path] = []
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            folders.append(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            with suppress(FileNotFoundError):  # taken or deleted meanwhile
                files[entry.name] = entry.stat(follow_symlinks=False)
    return files, folders
