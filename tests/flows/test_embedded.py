"""Prefect without a server of its own: the flows run, quietly, and nothing is left behind."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
import requests

from tests.flows.prefect_server import DATABASE

ROOT = Path(__file__).parents[2]


def start(home: Path, folder: Path, *more: str) -> "subprocess.Popen[str]":
    """The run in a process of its own, in a session of its own."""
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.flows.embedded_run", str(home), str(folder), *more],
        cwd=ROOT,
        env={**environment, "HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def line(stream: IO[str] | None) -> str:
    """The next line."""
    assert stream is not None
    return stream.readline().strip()


def is_answered(address: str) -> bool:
    """Whether a server still listens there."""
    try:
        return requests.get(f"{address}/health", timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_run_in_one_process_ends_quietly_and_a_killed_one_leaves_no_server(
    tmp_path: Path, prefect_database: Path
) -> None:
    shutil.copyfile(prefect_database, tmp_path / DATABASE)
    ended = start(tmp_path, tmp_path / "ended")
    address = line(ended.stdout)
    out, err = ended.communicate(timeout=300)
    assert (ended.returncode, out, err) == (0, "20 batch.csv.receipt.json\n", "")
    assert not is_answered(address)

    killed = start(tmp_path, tmp_path / "killed", "stay")
    address = line(killed.stdout)
    assert line(killed.stdout).startswith("20 ")
    assert is_answered(address)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=30)
    assert not is_answered(address)
    with pytest.raises(ProcessLookupError):  # nobody of its session lives on
        os.killpg(killed.pid, 0)
