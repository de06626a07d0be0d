"""Prefect as people run it: a server, a work pool, deployments from our file, a worker. Each a process of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[2]
PREFECT = Path(sys.executable).parent / "prefect"
STARTUP_SECONDS = 150
DATABASE = "prefect.db"


def migrate(home: Path) -> Path:
    """Prefect's database in this folder, with every table: its first start costs three times as much without it."""
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    prefect({**os.environ, **quiet, "PREFECT_HOME": str(home)}, home, "server", "database", "upgrade", "--yes")
    return home / DATABASE


@contextmanager
def server(home: Path, database: Path) -> Iterator[dict[str, str]]:
    """A server on loopback with a copy of this SQLite; yields the environment that its clients need."""
    from flows.embedded_settings import LIGHT  # late: Prefect takes seconds, and every test process reads this file

    shutil.copyfile(database, home / DATABASE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = f"http://127.0.0.1:{port}/api"
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": address,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        **{setting.name: str(value) for setting, value in LIGHT.items()},
        "DO_NOT_TRACK": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PYTHONPATH": str(ROOT),
    }
    command = [str(PREFECT), "server", "start", "--host", "127.0.0.1", "--port", port, "--no-ui"]
    with running(command, environment, home / "server.log") as process:
        _wait_for(f"{address}/health", process, home / "server.log")
        yield environment


def deploy(environment: Mapping[str, str], home: Path) -> str:
    """`prefect deploy --all` as docs/prefect.md says; what it printed."""
    prefect(environment, home, "work-pool", "create", "simline", "--type", "process", "--overwrite")
    return prefect(environment, home, "--no-prompt", "deploy", "--all", "--prefect-file", str(ROOT / "prefect.yaml"))


@contextmanager
def worker(environment: Mapping[str, str], home: Path) -> Iterator[None]:
    """A process worker of the pool, in this process's present environment."""
    command = [str(PREFECT), "worker", "start", "--pool", "simline", "--type", "process", "--name", "test"]
    with running(command, {**os.environ, **environment}, home / "worker.log"):
        yield


def prefect(environment: Mapping[str, str], home: Path, *arguments: str) -> str:
    """Prefect's own command line, in a folder that is not ours."""
    ended = subprocess.run(
        [PREFECT, *arguments], env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=180
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stdout


@contextmanager
def running(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its children for the length of the block; afterwards none of them is left."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=log.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            end_group(process)


def end_group(process: "subprocess.Popen[Any]") -> None:
    """End a process that leads a session, and everything it started."""
    for one in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, one)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)


def _wait_for(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    ends = time.monotonic() + STARTUP_SECONDS
    while True:
        with suppress(requests.ConnectionError):
            if requests.get(address, timeout=5).ok:
                return
        assert process.poll() is None and time.monotonic() < ends, log.read_text()[-3000:]
        time.sleep(0.2)
