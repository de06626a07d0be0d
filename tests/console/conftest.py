"""A place with a configuration, a product and a simulated carrier, and the command line as a function of its words."""

import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from carriers.simulated.carrier import Options
from carriers.simulated.log import Entry, changing_requests
from carriers.simulated.server import SimulatedCarrierServer, run_server
from config.build import make_folders
from config.loading import load_settings
from console.main import run
from tests.configured import configure, drop, iccids, secrets

ROOT = Path(__file__).parents[2]
SOURCE = """[[sources]]
kind = "folder"
name = "{name}"
path = "{name}"
still_seconds = 0
routes = [{{ product = "tracker", home_country = "DE" }}]
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command line said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output as the JSON that it is."""
        return json.loads(self.out)


@dataclass
class Place:
    """A folder in which `simline` is called."""

    folder: Path
    server: SimulatedCarrierServer
    simline: Callable[..., Result]
    key: str

    def file(self, name: str, *rows: str, header: str = "iccid,registration_code") -> Path:
        """A table with these rows."""
        path = self.folder / name
        path.write_text("\n".join((header, *rows)) + "\n")
        return path

    def drop(self, name: str, *rows: str) -> Path:
        """A table with these rows in the inbox."""
        return drop(self.folder, name, "\n".join(("iccid,registration_code", *rows)) + "\n")

    def unmounted(self, name: str, after: tuple[str, list[str]] | None = None) -> None:
        """A folder source before all others whose drive is away; it went after this manifest was taken in from it."""
        source = SOURCE.format(name=name)
        file = self.folder / "simline.toml"
        file.write_text(file.read_text().replace("[[sources]]", f"{source}[[sources]]", 1))
        if after:
            make_folders(load_settings(file, {}))
            table = "\n".join(("iccid,registration_code", *after[1])) + "\n"
            (self.folder / name / "inbox" / after[0]).write_text(table)
            assert self.simline("pick-up", "--source", name, "--no-activate").status == 0
            (self.folder / name).rename(self.folder / f"{name} in a drawer")

    def changes(self) -> list[Entry]:
        """Requests for a change that reached the carrier."""
        return changing_requests(self.server.carrier.log.entries())


@pytest.fixture
def iccid() -> Callable[[int], str]:
    """The n-th valid ICCID."""
    return lambda number: iccids("supersim", 1, number)[0]


@pytest.fixture
def rows() -> Callable[..., list[str]]:
    """So many valid rows with registration codes."""

    def made(count: int, first: int = 0) -> list[str]:
        return [f"{iccid},CODE{number}" for number, iccid in enumerate(iccids("supersim", count, first), start=first)]

    return made


@pytest.fixture
def simline(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Call the command line in this process."""

    def call(*words: str | Path) -> Result:
        capsys.readouterr()
        status = run([str(word) for word in words])
        said = capsys.readouterr()
        return Result(status, said.out, said.err)

    return call


@pytest.fixture
def place(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, simline: Callable[..., Result]
) -> Iterator[Place]:
    """A fresh place, which is the working directory, with a carrier that takes any registration code."""
    server, url = run_server(Options(open_registry=True, activation_seconds=0.1))
    environment = secrets()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    configure(tmp_path, {"supersim": url}, most_sims=30, carrier="quiet_seconds = 1")
    shutil.copyfile(sqlite_template, tmp_path / "simline.db")
    yield Place(tmp_path, server, simline, environment["SIMLINE_KEY"])
    server.close()


@pytest.fixture
def terminal() -> Callable[..., Result]:
    """The command line as a process of its own on a terminal of 100 columns; everything that it wrote there."""

    def start(*words: str | Path) -> Result:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
        command = [sys.executable, "-m", "console.main", *map(str, words)]
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as running:
            os.close(theirs)
            written = b""
            with suppress(OSError):  # Linux's word for a terminal that nobody writes to any more
                while piece := os.read(ours, 65_536):
                    written += piece
            os.close(ours)
        return Result(running.returncode, written.decode(), "")

    return start


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line as a process of its own, as people start it."""

    def start(*words: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | more.pop("env", {})
        command = [sys.executable, "-m", "console.main", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, **more)

    return start
