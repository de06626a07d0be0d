"""The demo's simulated carriers: a process each, which ends when we do, however we end."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.demo.stage import cards_file, delivered_iccids
from console.door import CannotDo

if TYPE_CHECKING:
    from carriers.simulated.log import Entry
    from engine.invariants import CarrierLog


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account at a simulated carrier, and its limit in requests a second."""

    name: str
    carrier: str
    limit: int
    has_its_sims: bool = False  # they stand in the account when they arrive


ACCOUNTS = (
    DemoAccount("delivered", "supersim", 100, has_its_sims=True),
    DemoAccount("claimed", "supersim", 100),
    DemoAccount("particle", "particle", 40),
    DemoAccount("telnyx", "telnyx", 40),
    DemoAccount("soracom", "soracom", 40),
    DemoAccount("1nce", "1nce", 20, has_its_sims=True),
)
_ACTIVATION = ("--activation-seconds", "1", "--jitter-seconds", "2")
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DemoCarrier:
    """One simulated carrier: where it listens, and its log of every request of every run in this folder."""

    account: DemoAccount
    url: str
    log: Path
    logged_before: int

    def entries(self) -> "list[Entry]":
        """Every request that it ever saw."""
        from carriers.simulated.log import read_log

        return read_log(self.log)

    def entries_of_this_run(self) -> "list[Entry]":
        """The requests since this run began."""
        return self.entries()[self.logged_before :]

    def as_evidence(self) -> "CarrierLog":
        """What the checker of the promise reads."""
        from domain.pacing import Window
        from engine.invariants import CarrierLog

        return CarrierLog(self.account.name, self.entries(), [Window(self.account.limit, 1)])


@contextmanager
def simulated_carriers(folder: Path) -> Iterator[list[DemoCarrier]]:
    """All of them, running until the block ends. Their fleets and logs are kept over runs."""
    home = folder / "carriers"
    cards = cards_file(folder)
    with ExitStack() as running:
        started = [
            (account, running.enter_context(_process(home, account, "--fleet", str(cards)))) for account in ACCOUNTS
        ]
        carriers = [_ready(home, account, process) for account, process in started]
        for carrier in carriers:
            if carrier.account.has_its_sims:
                register_delivered(carrier.url, delivered_iccids(carrier.account.name))
        yield carriers


@contextmanager
def _process(home: Path, account: DemoAccount, *more: str) -> Iterator["subprocess.Popen[str]"]:
    """`simline simulate CARRIER`; closing its standard input ends it, and so does our own end."""
    options = ("--until-eof", "--limit", f"{account.limit}/1", *_ACTIVATION, *more)
    kept = ("--state", str(home / f"{account.name}.state"), "--log", str(home / f"{account.name}.log"))
    with subprocess.Popen(
        [sys.executable, "-m", "console.main", "simulate", account.carrier, *options, *kept],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": _our_path()},
        start_new_session=True,  # Ctrl-C is ours to answer; the carrier goes on until we are done with it
    ) as process:
        try:
            yield process
        finally:
            _end(process)


def _our_path() -> str:
    """Where this very simline is imported from."""
    ours = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, (ours, os.environ.get("PYTHONPATH"))))


def _end(process: "subprocess.Popen[str]") -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _ready(home: Path, account: DemoAccount, process: "subprocess.Popen[str]") -> DemoCarrier:
    """The carrier, once it has said where it listens."""
    url = process.stdout.readline().strip() if process.stdout else ""
    if not url.startswith("http"):
        raise CannotDo(f"The simulated carrier {account.name} did not start. Its own words stand above this line.")
    log = home / f"{account.name}.log"
    return DemoCarrier(account, url, log, len(log.read_text().splitlines()) if log.exists() else 0)


def register_delivered(url: str, iccids: Sequence[str]) -> None:
    """SIMs that were ordered for this account stand in it when they arrive; done once, so they keep their state."""
    fleet = _administer(f"{url}/_simulator/fleet")
    there = {sim["iccid"] for sim in fleet["sims"]}
    new = [{"iccid": iccid, "state": "inactive"} for iccid in iccids if iccid not in there]
    if new:
        _administer(f"{url}/_simulator/fleet", json.dumps({"sims": new}).encode())


def _administer(url: str, body: bytes | None = None) -> dict[str, list[dict[str, str]]]:
    request = urllib.request.Request(url, body)  # noqa: S310 - our own process on loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as answer:
        found: dict[str, list[dict[str, str]]] = json.load(answer)
    return found
