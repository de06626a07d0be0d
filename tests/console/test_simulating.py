"""`simulate`: a simulated carrier as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from carriers.simulated.registry import SIMULATIONS
from console.commands import CANNOT
from tests.console.conftest import ROOT


@contextmanager
def simulated(*words: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A running simulated carrier and its address."""
    command = [sys.executable, "-m", "console.main", "simulate", "supersim", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_it_says_where_it_listens_and_ends_without_a_word() -> None:
    with simulated() as (process, url):
        assert requests.get(f"{url}/_simulator/faults", timeout=10).ok
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_it_ends_with_whoever_started_it() -> None:
    with simulated("--until-eof") as (process, _url):
        assert process.stdin is not None
        time.sleep(0.2)
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(timeout=20) == 0


def test_its_fleet_log_limit_and_faults_are_what_it_was_told(tmp_path: Path) -> None:
    files = ("--state", str(tmp_path / "state"), "--log", str(tmp_path / "log"))
    with simulated("--limit", "2/1", "--faults", '{"rates": {"reset": 0.5}}', *files) as (_process, url):
        assert requests.get(f"{url}/_simulator/faults", timeout=10).json()["rates"] == {"reset": 0.5}
        answers = [requests.get(f"{url}/v1/Sims", timeout=10).status_code for _ in range(3)]
    assert answers == [401, 401, 429]
    assert (tmp_path / "log").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--limit", "many"), "write COUNT/SECONDS"),
        (("--limit", "0/1"), "write COUNT/SECONDS"),
        (("--faults", "{"), "--faults: "),
        (("--faults", '{"rates": {"rain": 1}}'), "--faults: "),
        (("--faults", "[]"), "--faults: "),
        (("--port", "99999"), "Must be <= 65535"),
        (("--fleet", "nowhere.csv"), "nowhere.csv"),
        (("--port", "http"), "`simline simulate --help`"),
    ],
)
def test_a_wrong_option_is_a_sentence(simline: Callable[..., Any], words: tuple[str, ...], sentence: str) -> None:
    said = simline("simulate", "supersim", *words)
    assert said.status == CANNOT
    assert sentence in said.err


def test_a_carrier_that_nobody_simulates_is_said_with_those_that_there_are(simline: Callable[..., Any]) -> None:
    said = simline("simulate", "supersum")
    assert said.status == CANNOT
    assert "There is no simulated carrier 'supersum'. Known: supersim." in said.err


def test_a_port_that_is_taken_is_a_sentence(simline: Callable[..., Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = simline("simulate", "supersim", "--port", str(taken.getsockname()[1]))
    assert said.status == CANNOT
    assert "Choose another one, or 0 for any that is free." in said.err


def test_the_help_names_every_carrier_with_its_credentials(simline: Callable[..., Any]) -> None:
    words = " ".join(simline("simulate", "--help").out.split())
    for name, simulation in SIMULATIONS.items():
        assert f"{name}: " in words
        assert all(f"{secret} {word}" in words for secret, word in simulation.credentials.items())
