"""When a file in an inbox is complete: nothing about it has changed for a while, and nobody is writing to it.

The time of the last change is the later of mtime and ctime. Copying tools set mtime back to the original's, and some
servers keep it fixed while they write; nobody can set ctime, and every write moves it.
"""

import errno
import fcntl
import os
import signal
from dataclasses import dataclass
from pathlib import Path

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a file at one look."""

    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> "Look":
        """The parts of a stat that change with the file."""
        return cls(stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)

    def age_seconds(self, now: float) -> float:
        """Since the last change. A modification time in the future was set by hand: then ctime alone speaks."""
        changed_ns = self.ctime_ns if self.mtime_ns > now * NANOSECONDS else max(self.mtime_ns, self.ctime_ns)
        return now - changed_ns / NANOSECONDS


class Stillness:
    """Remembers earlier looks, so that files of a file system with a wrong clock become complete as well."""

    def __init__(self, still_seconds: float) -> None:
        self._still_seconds = still_seconds
        self._first_seen: dict[Path, tuple[Look, float]] = {}

    def is_still(self, path: Path, stat: os.stat_result, now: float) -> bool:
        """Whether the file has not changed for `still_seconds`, by its times or by our own looks."""
        look = Look.of(stat)
        before, since = self._first_seen.get(path, (look, now))
        if before != look:
            since = now
        self._first_seen[path] = (look, since)
        return max(look.age_seconds(now), now - since) >= self._still_seconds and not is_open_for_writing(path)

    def forget_all_but(self, paths: set[Path]) -> None:
        """Drop what is no longer in the inbox."""
        self._first_seen = {path: seen for path, seen in self._first_seen.items() if path in paths}


def is_open_for_writing(path: Path) -> bool:
    """Whether a process of this machine has the file open for writing; False where the kernel does not say.

    Linux grants a read lease only on a file without writers (its owner and root may ask). An upload that hangs for
    longer than the time of stillness is thereby not mistaken for a complete file.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    opened = None
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        fcntl.fcntl(opened, fcntl.F_SETSIG, signal.SIGURG)  # a writer that comes now: the usual SIGIO would end us
        fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        if opened is not None:
            os.close(opened)
    return False


def clock_of(folder: Path) -> float:
    """The file system's own time, in seconds: a network drive's clock may differ from ours."""
    opened = os.open(folder / ".clock", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        os.write(opened, b".")
        os.fsync(opened)
        return os.fstat(opened).st_mtime_ns / NANOSECONDS
    finally:
        os.close(opened)
