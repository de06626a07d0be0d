"""`listen`: the receiver of callbacks as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from carriers.callbacks import twilio_signature
from carriers.simulated.supersim import CREDENTIALS
from console.commands import CANNOT
from tests.console.conftest import ROOT, Place

SECRET = "s3cr3t-m4rk3r-0123456789"
PUBLIC = "https://hooks.example.com"
SECRETS = "SIMLINE_CARRIER_ACCOUNTS__SUPERSIM__SECRETS__CALLBACK_SECRET"


@pytest.fixture
def called_place(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The place, whose carrier account may be called."""
    monkeypatch.setenv(SECRETS, "TEST_CALLBACK_SECRET")
    monkeypatch.setenv("SIMLINE_CARRIER_ACCOUNTS__SUPERSIM__OPTIONS__CALLBACK_URL", PUBLIC)
    monkeypatch.setenv("TEST_CALLBACK_SECRET", SECRET)
    return place


@contextmanager
def listening(place: Place, *words: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A running `simline listen`, and the first line that it says."""
    command = [sys.executable, "-m", "console.main", "listen", "--port", "0", *words]
    with subprocess.Popen(
        command,
        cwd=place.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize(("sign", "words"), [(signal.SIGTERM, ()), (signal.SIGINT, ("--debug",))])
def test_it_says_where_it_listens_logs_without_the_secret_and_ends_in_order(
    called_place: Place, sign: signal.Signals, words: tuple[str, ...]
) -> None:
    path = f"/callbacks/supersim/{SECRET}"
    signature = twilio_signature(CREDENTIALS["auth_token"], PUBLIC + path, [])
    with listening(called_place, *words) as (process, said):
        url = said.split()[2]
        assert said == f"Listening at {url} for supersim."
        assert requests.get(f"{url}/healthz", timeout=10).ok
        good = requests.post(url + path, headers={"X-Twilio-Signature": signature}, timeout=10)
        forged = requests.post(url + path, timeout=10)
        process.send_signal(sign)
        out, err = process.communicate(timeout=20)
    assert (good.status_code, forged.status_code) == (204, 404)
    assert (process.returncode, out) == (0, "")
    lines = err.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("INFO Callback for supersim: nothing to look at sooner")
    assert lines[1].endswith("WARNING Callback for supersim: forged (number 1 of these)")
    assert SECRET not in said + out + err


def test_without_an_account_that_may_be_called_it_says_what_to_write(place: Place) -> None:
    said = place.simline("listen", "--port", "0")
    assert said.status == CANNOT
    assert "Give one that can call a `callback_secret`" in said.err


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [("", "needs TEST_CALLBACK_SECRET in the environment"), ("guess me", "must be 20 to 200 letters")],
)
def test_a_secret_that_is_missing_or_could_be_guessed_is_a_sentence(
    called_place: Place, monkeypatch: pytest.MonkeyPatch, secret: str, sentence: str
) -> None:
    monkeypatch.setenv("TEST_CALLBACK_SECRET", secret)
    said = called_place.simline("listen", "--port", "0")
    assert said.status == CANNOT
    assert sentence in said.err
    assert "guess me" not in said.err


def test_an_account_may_be_listened_for_that_asks_nobody_to_call(
    called_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIMLINE_CARRIER_ACCOUNTS__SUPERSIM__OPTIONS__CALLBACK_URL")
    with listening(called_place) as (_process, said):
        url = said.split()[2]
        answer = requests.post(f"{url}/callbacks/supersim/{SECRET}?iccid=89883070000123456789", timeout=10)
    assert answer.status_code == 204


def test_a_port_that_is_taken_is_a_sentence(called_place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = called_place.simline("listen", "--port", str(taken.getsockname()[1]))
    assert said.status == CANNOT
    assert "Choose another one." in said.err


@pytest.mark.parametrize("words", [("--port", "99999"), ("--port", "http")])
def test_a_wrong_option_is_a_sentence(simline: Callable[..., Any], words: tuple[str, ...]) -> None:
    said = simline("listen", *words)
    assert said.status == CANNOT
    assert "`simline listen --help`" in said.err
