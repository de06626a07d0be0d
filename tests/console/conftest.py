"""A place with a configuration, a product and a simulated carrier, and the command line as a function of its words."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from stdnum import luhn

from carriers.simulated.access import Keys
from carriers.simulated.carrier import Options
from carriers.simulated.log import Entry, changing_requests
from carriers.simulated.server import SimulatedCarrierServer, run_server
from config.build import make_folders
from config.settings import load_settings
from console.main import run

KEYS = Keys()
ROOT = Path(__file__).parents[2]

SIMLINE = """
carriers_file = "carriers.toml"
plans_file = "plans.toml"
[database]
url = "sqlite:///simline.db"
[timing]
poll_first_seconds = 0.2
poll_longest_seconds = 0.5
[brake]
sims = 30
[[sources]]
kind = "folder"
name = "inbox"
path = "manifests"
still_seconds = 0
routes = [{ product = "tracker", home_country = "DE" }]
[[accounts]]
id = "acme"
name = "Acme"
[[products]]
id = "tracker"
name = "Tracker"
account = "acme"
tier = "growth"
[[products]]
id = "small"
name = "Small"
account = "acme"
"""
CARRIERS = """
[[issuers]]
prefix = "8988307"
name = "Super SIM"
lengths = [20]
carrier_account = "supersim"
[carrier_accounts.supersim]
carrier = "supersim"
base_url = "{url}"
options = {{ auth = "basic" }}
secrets = {{ account_sid = "TEST_CARRIER_SID", auth_token = "TEST_CARRIER_TOKEN" }}
limits = [{{ count = 200, per_seconds = 1 }}]
threads = 4
timeout_seconds = 5
quiet_seconds = 1
"""
PLANS = """
[[plans]]
carrier_account = "supersim"
name = "germany"
countries = ["DE"]
monthly_price_cents = 110
currency = "USD"
included_bytes = 5_000_000
overage_cents_per_mb = 10
carrier_reference = "HF11111111111111111111111111111111"
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
        path = self.file(f"{name}.part", *rows)
        return path.rename(self.folder / "manifests" / "inbox" / name)

    def changes(self) -> list[Entry]:
        """Requests for a change that reached the carrier."""
        return changing_requests(self.server.carrier.log.entries())


def iccid_of(number: int) -> str:
    """A valid ICCID of the carrier's issuer."""
    body = f"8988307{number:012d}"
    return body + str(luhn.calc_check_digit(body))


@pytest.fixture
def iccid() -> Callable[[int], str]:
    """The n-th valid ICCID."""
    return iccid_of


@pytest.fixture
def rows() -> Callable[..., list[str]]:
    """So many valid rows with registration codes."""

    def made(count: int, first: int = 0) -> list[str]:
        return [f"{iccid_of(number)},CODE{number}" for number in range(first, first + count)]

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
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simline: Callable[..., Result]) -> Iterator[Place]:
    """A fresh place, which is the working directory, with a carrier that takes any registration code."""
    server, url = run_server(Options(open_registry=True, activation_seconds=0.1))
    for name, text in (("simline", SIMLINE), ("carriers", CARRIERS.format(url=url)), ("plans", PLANS)):
        (tmp_path / f"{name}.toml").write_text(text)
    environment = {
        "SIMLINE_KEY": Fernet.generate_key().decode(),
        "TEST_CARRIER_SID": KEYS.account_sid,
        "TEST_CARRIER_TOKEN": KEYS.auth_token,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    make_folders(load_settings(tmp_path / "simline.toml"))
    yield Place(tmp_path, server, simline, environment["SIMLINE_KEY"])
    server.close()


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line as a process of its own, as people start it."""

    def start(*words: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | more.pop("env", {})
        command = [sys.executable, "-m", "console.main", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, **more)

    return start
