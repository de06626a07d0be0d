"""Where files of a folder source may go: never over another file, never through a link, never outside the root."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from storage.sources.contract import SourceUnavailable
from storage.sources.names import SIDECAR_BYTES, SIDECAR_ENDINGS, fitted

ADVICE = {
    errno.ENOSPC: "Make room on the disk, then run again.",
    errno.EDQUOT: "Raise the quota or make room, then run again.",
    errno.EACCES: "Give the user of the worker read and write access to the whole folder.",
    errno.EPERM: "Give the user of the worker read and write access to the whole folder.",
    errno.EROFS: "Mount it writable, then run again.",
    errno.EXDEV: "inbox, processing, processed and rejected must be on one file system.",
    errno.ENOENT: "Mount it, or let `simline init FOLDER` with the folder of simline.toml make what is missing (inbox, "
    "processing, processed, rejected and .records belong in it), then run again.",
}


@contextmanager
def in_words(source: str, root: Path) -> Iterator[None]:
    """Turn what the file system says into `SourceUnavailable` with a sentence that tells what to do."""
    try:
        yield
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, "Nothing was lost: mend it, then run again.")
        where = error.filename if error.filename is not None else root
        raise SourceUnavailable(
            f"The folder {root} of source {source} cannot be used: {error.strerror or error} ({where!s}). {advice}"
        ) from error


def file_seen(path: Path) -> os.stat_result | None:
    """What is seen of the regular file there; None where there is none, or no longer: neighbours move files too."""
    seen = _seen(path)
    return seen if seen is not None and S_ISREG(seen.st_mode) else None


def is_file(path: Path) -> bool:
    """Whether a regular file is there; a link to one is none."""
    return file_seen(path) is not None


def sidecar_beside(path: Path) -> str | None:
    """The name of the control total that lies beside the file: the first that is there is the one that counts."""
    return next((path.name + end for end in SIDECAR_ENDINGS if is_file(path.with_name(path.name + end))), None)


def sidecar_content(path: Path) -> bytes:
    """As much of a sidecar as one may have."""
    with path.open("rb") as sidecar:
        return sidecar.read(SIDECAR_BYTES)


def is_folder(path: Path) -> bool:
    """Whether a real folder is there; a link to one is none."""
    seen = _seen(path)
    return seen is not None and S_ISDIR(seen.st_mode)


def _seen(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return None
        raise


def are_names(parts: Iterable[str]) -> bool:
    """Whether each part names something in its own folder.

    >>> are_names(["eu", "%2e%2e", "a.txt"]), are_names(["..", "a.txt"])
    (True, False)
    """
    return not any(part in ("", ".", "..") or "\0" in part for part in parts)


def below(base: Path, relative: str) -> Path | None:
    """The path below `base`, or None where it would leave it: by its parts, or through a link on the way."""
    parts = relative.split("/")
    if not are_names(parts):
        return None
    path = base
    for part in parts[:-1]:
        path /= part
        if not is_folder(path):
            return None
    return path / parts[-1]


def folder_for(base: Path, parts: Iterable[str]) -> Path:
    """The folder below `base`, made where it is missing; a part whose name a file or a link has becomes `part.2`."""
    path = base
    for part in parts:
        candidates = (path / fitted(part, _number(n)) for n in count(1))
        path = next(found for found in candidates if is_folder(found) or not os.path.lexists(found))
        path.mkdir(exist_ok=True)
    return path


def free_name(folder: Path, name: str, suffixes: Iterable[str] = ()) -> str:
    """`name`, or `name.2`, `name.3`...: the first that is free together with all its suffixed names."""
    endings = ("", *suffixes)
    stems = (fitted(name, _number(n)) for n in count(1))
    return next(stem for stem in stems if not any(os.path.lexists(folder / fitted(stem, ending)) for ending in endings))


def _number(n: int) -> str:
    return "" if n == 1 else f".{n}"
