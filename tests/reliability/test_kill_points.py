"""A worker is killed before and after every commit and every request; another one finishes; the promise holds."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from carriers.simulated.log import changing_requests, read_log
from domain.lifecycle import SimState
from engine.invariants import CarrierLog, violations
from storage import manifests, sims
from storage.database import Database
from tests.engine.rig import ACCOUNT, Rig, iccids, manifest, open_rig, open_supersim, stock
from tests.reliability.worker import QUIET_SECONDS, TIMEOUT_SECONDS, TIMING

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SIMS = 4
POINTS = [
    "before-claim-commit",
    "after-claim-commit",
    "before-take",
    "after-take",
    "before-load-commit",
    "after-load-commit",
    "before-receipt",
    "before-receipt-commit",
    "after-receipt-commit",
    "before-intent-commit",
    "after-intent-commit:2",
    "before-request",
    "before-request:6",
    "after-request",
    "after-request:6",
    "before-answer-commit",
    "before-answer-commit:2",
    "after-answer-commit",
    "before-look-commit",
    "after-look-commit:2",
    "before-read",
    "after-read",
    "before-settle-commit",
    "after-settle-commit",
    "before-expiry-commit",
    "after-expiry-commit:2",
    "before-finish-commit",
    "after-finish-commit:2",
]


@dataclass
class Site:
    """A database, a drop folder, a simulated carrier in a process of its own, and workers that come and go."""

    url: str
    carrier_url: str
    log: Path
    folder: Path
    rig: Rig

    def worker(self, *arguments: str) -> int:
        """Run a worker to its end; its exit status (negative: the signal that ended it)."""
        command = [sys.executable, "-m", "tests.reliability.worker", self.url, self.carrier_url, str(self.folder)]
        return subprocess.run([*command, *arguments], check=False, timeout=120).returncode

    def broken_promises(self) -> list[str]:
        """What the checker finds in the ledger and in the carrier's log."""
        log = CarrierLog(ACCOUNT, read_log(self.log))
        return [one.sentence for one in violations(self.rig.context, [log])]


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    log = tmp_path / "requests.jsonl"
    command = [sys.executable, "-m", "carriers.simulated", "--open", "--log", str(log), "--activation-seconds", "0.1"]
    carrier = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert carrier.stdout is not None
    carrier_url = carrier.stdout.readline().strip()
    database = Database(database_url)
    stock(database)
    adapter = open_supersim(carrier_url)
    rig = open_rig(
        database, adapter, tmp_path, timing=TIMING, quiet_seconds=QUIET_SECONDS, timeout_seconds=TIMEOUT_SECONDS
    )
    yield Site(database_url, carrier_url, log, tmp_path, rig)
    adapter.close()
    database.close()
    carrier.terminate()
    carrier.wait(10)


def test_killed_at_any_point_every_sim_is_activated_once_and_no_line_is_lost(site: Site) -> None:
    numbers = iccids(SIMS * len(POINTS))
    for nth, point in enumerate(POINTS):
        mine = numbers[nth * SIMS : (nth + 1) * SIMS]
        site.rig.drop(f"{nth:02d}.csv", manifest(mine, "8988307000000000001,code", f"{mine[0]},again"))
        assert site.worker("--kill", point) == -signal.SIGKILL, f"{point} was never reached"
    assert site.worker() == 0
    assert site.broken_promises() == []
    with site.rig.context.database.read() as tx:
        states = {iccid: sims.one(tx, iccid).state for iccid in numbers}  # type: ignore[union-attr]
        rows = manifests.listing(tx, 100)
    assert set(states.values()) == {SimState.ACTIVE}
    assert len(rows) == len(POINTS)
    assert {(row.counts.lines, row.counts.accepted, row.counts.rejected, row.counts.duplicate) for row in rows} == {
        (SIMS + 3, SIMS, 1, 1)
    }
    processed = site.folder / "drop" / "processed"
    assert len(list(processed.glob("*.receipt.html"))) == len(list(processed.glob("*.fix.csv"))) == len(POINTS)


def test_two_workers_on_one_manifest_end_as_one_does_and_a_third_run_changes_nothing(site: Site) -> None:
    numbers = iccids(40)
    site.rig.drop("a.csv", manifest(numbers))
    command = [sys.executable, "-m", "tests.reliability.worker", site.url, site.carrier_url, str(site.folder)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [worker.wait(120) for worker in both] == [0, 0]
    assert site.broken_promises() == []
    before = len(changing_requests(read_log(site.log)))
    assert before == 2 * len(numbers)
    site.rig.drop("b.csv", manifest(numbers))
    assert site.worker() == 0
    assert len(changing_requests(read_log(site.log))) == before


def test_a_zombie_that_wakes_after_its_lease_sends_nothing_and_changes_nothing(site: Site) -> None:
    site.rig.drop("a.csv", manifest(iccids(30)))
    command = [sys.executable, "-m", "tests.reliability.worker", site.url, site.carrier_url, str(site.folder)]
    zombie = subprocess.Popen([*command, "--kill", "before-request:1", "--stop"])
    assert os.WIFSTOPPED(os.waitpid(zombie.pid, os.WUNTRACED)[1])
    assert site.worker() == 0
    zombie.send_signal(signal.SIGCONT)
    assert zombie.wait(120) == 0
    assert site.broken_promises() == []


def test_a_terminated_worker_leaves_nothing_that_the_next_one_cannot_finish(site: Site) -> None:
    site.rig.drop("a.csv", manifest(iccids(30)))
    command = [sys.executable, "-m", "tests.reliability.worker", site.url, site.carrier_url, str(site.folder)]
    first = subprocess.Popen(command)
    while not site.log.exists() or len(changing_requests(read_log(site.log))) < 5:
        assert first.poll() is None
    first.terminate()
    first.wait(60)
    assert site.worker() == 0
    assert site.broken_promises() == []
