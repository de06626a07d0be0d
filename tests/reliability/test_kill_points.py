"""A worker is killed before and after every commit and every request; another one finishes; the promise holds."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from carriers.simulated.log import changing_requests
from domain.lifecycle import SimState
from tests.engine.rig import iccids, manifest
from tests.reliability.site import KILLED, Site, ended, open_site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SIMS = 4
POINTS = [
    "before-claim-commit",
    "after-claim-commit",
    "before-take",
    "after-take",
    "before-renewal-commit",
    "after-renewal-commit",
    "before-load-commit",
    "after-load-commit",
    "before-receipt",
    "before-receipt:2",
    "before-receipt-commit",
    "after-receipt-commit",
    "after-receipt",
    "before-intent-commit",
    "before-intent-commit:2",
    "after-intent-commit",
    "after-intent-commit:2",
    "before-request",
    "before-request:6",
    "before-slot-commit",
    "after-slot-commit:2",
    "after-request",
    "after-request:6",
    "before-answer-commit",
    "before-answer-commit:2",
    "after-answer-commit",
    "after-answer-commit:2",
    "before-expiry-commit",
    "after-expiry-commit:2",
    "before-look-commit",
    "after-look-commit:2",
    "before-read",
    "after-read",
    "before-settle-commit",
    "after-settle-commit",
    "before-finish-commit",
    "after-finish-commit:2",
    "before-pause-commit",
    "after-pause-commit",
]
OF_REFUSED_FILES = ["before-refusal-commit", "after-refusal-commit"]
OF_PEOPLE = {"act", "approval", "rerun", "restore", "decision", "repair-seen"}
"""Commits that a person's command makes, all or nothing: see tests/engine/test_going_on.py, test_acting.py,
test_restoring.py, test_deciding.py, test_repairing.py."""
OF_ALERTS = {"alert", "watch", "expect", "delivery", "before-message", "after-message"}
"""An alert whose sender died is sent again under its own id: see tests/engine/test_alerting.py."""
OF_LISTS = {
    *("listing", "listing-turn", "listing-begin", "listing-end", "listing-failure", "reconciliation"),
    *("usage", "usage-turn", "usage-failure", "before-report-kept"),
}
"""Reading a carrier and keeping what it said changes no SIM; whoever comes next goes on: see
tests/engine/test_reconciling.py, test_metering.py, test_reporting.py."""
OF_CALLS = {"hint"}
"""A carrier's call moves one row's next look, and a lost one costs time alone: see tests/engine/test_hints.py."""


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    with open_site(database_url, tmp_path) as opened:
        yield opened


def test_there_is_a_killing_for_every_point_of_the_engine() -> None:
    engine = Path(__file__).parents[2] / "engine"
    code = "".join(file.read_text(encoding="utf-8") for file in engine.glob("*.py"))
    elsewhere = OF_PEOPLE | OF_CALLS | OF_ALERTS | OF_LISTS
    commits = set(re.findall(r'commit\("([\w-]+)"\)', code)) - elsewhere
    points = {f"{when}-{what}-commit" for what in commits for when in ("before", "after")}
    points |= set(re.findall(r'\.at\("([a-z-]+)"\)', code)) - elsewhere
    assert len(points) > 25
    assert points == {point.partition(":")[0] for point in POINTS + OF_REFUSED_FILES}


def test_killed_at_any_point_every_sim_is_activated_once_and_no_line_is_lost(site: Site) -> None:
    numbers = iccids(SIMS * len(POINTS))
    killed_at = {}
    for nth, point in enumerate(POINTS):
        mine = numbers[nth * SIMS : (nth + 1) * SIMS]
        killed_at.update(dict.fromkeys(mine, point))
        if "pause" in point:
            site.faults(rates={"limited": 1.0}, kinds=["claim"], iccids=mine, first=1)
        site.rig.drop(f"{nth:02d}.csv", manifest(mine, "8988307000000000001,code", f"{mine[0]},again"))
        assert site.work(kill=point) == KILLED, f"{point} was never reached"
    assert site.work() == 0
    assert [(killed_at.get(sentence.split()[2]), sentence) for sentence in site.broken()] == []
    states = site.states()
    assert {killed_at[iccid] for iccid in numbers if states[iccid] is not SimState.ACTIVE} == set()
    counts = [row.counts for row in site.listing()]
    assert {(one.lines, one.accepted, one.rejected, one.duplicate) for one in counts} == {(SIMS + 3, SIMS, 1, 1)}
    processed = site.rig.folder / "drop" / "processed"
    for ending in (".receipt.html", ".receipt.json", ".outcomes.csv", ".fix.csv"):
        assert [nth for nth in range(len(POINTS)) if not (processed / f"{nth:02d}.csv{ending}").exists()] == []


@pytest.mark.parametrize("point", OF_REFUSED_FILES)
def test_killed_while_it_refuses_a_file_nothing_of_it_is_used_and_its_receipt_says_why(site: Site, point: str) -> None:
    site.rig.drop("a.csv", manifest(iccids(SIMS), "# total=99"))
    assert site.work(kill=point) == KILLED
    assert site.work() == 0
    assert (site.states(), site.changes()) == ({}, 0)
    rejected = site.rig.folder / "drop" / "rejected"
    assert "says 99 SIMs" in (rejected / "a.csv.receipt.json").read_text()
    assert site.broken() == []


@pytest.mark.parametrize(
    "stopped_at", ["after-take", "after-intent-commit", "before-request", "after-request", "after-read"]
)
def test_a_zombie_that_wakes_after_its_lease_sends_nothing_and_changes_nothing(site: Site, stopped_at: str) -> None:
    site.rig.drop("a.csv", manifest(iccids(30)))
    zombie = subprocess.Popen(site.command("--kill", stopped_at, "--stop"))
    assert os.WIFSTOPPED(os.waitpid(zombie.pid, os.WUNTRACED)[1])
    assert site.work() == 0
    told, asked = site.states(), len(changing_requests(site.entries()))
    zombie.send_signal(signal.SIGCONT)
    assert zombie.wait(120) == 0
    assert (site.states(), len(changing_requests(site.entries()))) == (told, asked)
    assert set(told.values()) == {SimState.ACTIVE}
    assert site.broken() == []


def test_a_terminated_worker_leaves_nothing_that_the_next_one_cannot_finish(site: Site) -> None:
    site.rig.drop("a.csv", manifest(iccids(30)))
    first = site.start()
    while site.changes() < 5:
        assert first.is_alive()
    first.terminate()
    assert ended(first) == -signal.SIGTERM
    assert site.work() == 0
    assert set(site.states().values()) == {SimState.ACTIVE}
    assert site.broken() == []


def test_two_workers_on_one_manifest_end_as_one_does(site: Site) -> None:
    numbers = iccids(40)
    site.rig.drop("a.csv", manifest(numbers))
    both = [site.start() for _ in range(2)]
    assert [ended(worker) for worker in both] == [0, 0]
    assert site.states() == dict.fromkeys(numbers, SimState.ACTIVE)
    assert site.changes() == 2 * len(numbers)
    assert site.broken() == []


def test_a_finished_manifest_that_is_run_again_asks_the_carrier_for_nothing(site: Site) -> None:
    numbers = iccids(10)
    site.rig.drop("a.csv", manifest(numbers))
    assert site.work() == 0
    before = site.changes()
    site.rig.drop("b.csv", manifest(numbers))
    assert site.work() == 0
    assert site.changes() == before == 2 * len(numbers)
    assert {row.counts.known for row in site.listing()} == {0, 10}
