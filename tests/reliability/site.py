"""One machine: a database, a drop folder, a simulated carrier in a process of its own, and workers that come and go."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import requests

from carriers.simulated.log import Entry, changing_requests, read_log
from domain.lifecycle import SimState
from engine.invariants import CarrierLog, violations
from storage import manifests, sims
from storage.database import Database
from storage.manifests import ManifestRow
from tests.engine.rig import ACCOUNT, Rig, open_rig, open_supersim, stock
from tests.reliability.worker import LIMIT, QUIET_SECONDS, TIMEOUT_SECONDS, TIMING, run

PROCESSES = get_context("forkserver")
"""Workers are forked from a process that has no threads: they start in 20 ms."""
PROCESSES.set_forkserver_preload(["tests.reliability.forked"])
KILLED = -signal.SIGKILL


@dataclass
class Site:
    """What a test sees of it."""

    url: str
    carrier_url: str
    log: Path
    rig: Rig

    def start(self, *, kill: str = "", seconds: float = 100.0) -> BaseProcess:
        """A worker that does the whole job, or is killed at a point (`before-request:3`)."""
        place = (self.url, self.carrier_url, str(self.rig.folder))
        process = PROCESSES.Process(target=run, args=place, kwargs={"kill": kill, "seconds": seconds})
        process.start()
        return process

    def work(self, *, kill: str = "", seconds: float = 100.0) -> int:
        """Run a worker to its end; its exit status, negative for the signal that ended it."""
        return ended(self.start(kill=kill, seconds=seconds))

    def command(self, *options: str) -> list[str]:
        """The same worker as a command, for those that are stopped or terminated."""
        module = [sys.executable, "-m", "tests.reliability.worker"]
        return [*module, self.url, self.carrier_url, str(self.rig.folder), *options]

    def faults(self, **faults: object) -> None:
        """What the carrier does wrong from now on."""
        requests.post(f"{self.carrier_url}/_simulator/faults", json=faults, timeout=10).raise_for_status()

    def entries(self) -> list[Entry]:
        """Every request that reached the carrier."""
        return read_log(self.log) if self.log.exists() else []

    def changes(self) -> int:
        """How many requests for a change reached the carrier."""
        return len(changing_requests(self.entries()))

    def broken(self) -> list[str]:
        """What the checker finds in the ledger and in the carrier's log."""
        log = CarrierLog(ACCOUNT, self.entries(), [LIMIT])
        return [f"{one.invariant}: {one.sentence}" for one in violations(self.rig.context, [log], self.rig.inputs)]

    def states(self) -> dict[str, SimState]:
        """The fleet as the ledger has it."""
        with self.rig.context.database.read() as tx:
            return {sim.iccid: sim.state for sim in sims.page(tx, limit=1_000)}

    def listing(self) -> list[ManifestRow]:
        """Every manifest."""
        with self.rig.context.database.read() as tx:
            return manifests.listing(tx, 1_000)


def ended(process: BaseProcess) -> int:
    """Wait for a worker; its exit status."""
    process.join(120)
    assert process.exitcode is not None, "a worker did not end within 120 s"
    return process.exitcode


@contextmanager
def open_site(url: str, folder: Path) -> Iterator[Site]:
    """A fresh one on this migrated database."""
    log = folder / "requests.jsonl"
    limit = f"{LIMIT.count}/{LIMIT.per_seconds:g}"
    options = ["supersim", "--open", "--log", str(log), "--activation-seconds", "0.1", "--limit", limit]
    carrier = subprocess.Popen(
        [sys.executable, "-m", "carriers.simulated", *options], stdout=subprocess.PIPE, text=True
    )
    assert carrier.stdout is not None
    carrier_url = carrier.stdout.readline().strip()
    database, adapter = Database(url), open_supersim(carrier_url)
    try:
        stock(database)
        rig = open_rig(
            database, adapter, folder, timing=TIMING, quiet_seconds=QUIET_SECONDS, timeout_seconds=TIMEOUT_SECONDS
        )
        yield Site(url, carrier_url, log, rig)
    finally:
        adapter.close()
        database.close()
        carrier.terminate()
        carrier.wait(10)
