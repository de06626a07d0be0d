"""The database is lost in mid-run, an older copy put back: it knows less than the carrier, and asks nothing twice."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from carriers.simulated.log import Entry, changing_requests
from domain.lifecycle import SimState
from engine.invariants import CarrierLog, violations
from engine.picking_up import pick_up
from engine.restoring import read_first
from storage.vault import Vault
from tests.engine.rig import ACCOUNT, iccids, manifest
from tests.reliability.site import KILLED, Site, open_site
from tests.reliability.worker import KEY, LIMIT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SIMS = 6
MOMENTS = [
    "after-load-commit",
    "after-intent-commit",
    "before-request:3",
    "after-request:4",
    "after-answer-commit",
    "after-intent-commit:2",
    "before-settle-commit",
    "after-settle-commit",
]


@dataclass
class Backup:
    """A copy of the database as it was at one moment, and how many requests the carrier had seen by then."""

    site: Site
    database: Path
    copy: Path
    seen: int = 0
    forgotten: int = 0

    def make(self) -> None:
        """As the runbook makes it."""
        with sqlite3.connect(self.database) as source, sqlite3.connect(self.copy) as target:
            source.backup(target)
        self.seen = len(self.site.entries())

    def put_back(self) -> None:
        """The database as it was then; what happened since is forgotten."""
        self.site.rig.context.database.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.database}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self.copy, self.database)
        self.forgotten = len(self.site.entries()) - self.seen

    def remembered(self) -> list[Entry]:
        """The requests of which the ledger can know."""
        entries = self.site.entries()
        return entries[: self.seen] + entries[self.seen + self.forgotten :]


@pytest.fixture
def site(sqlite_template: Path, tmp_path: Path) -> Iterator[Site]:
    database = tmp_path / "simline.db"
    shutil.copyfile(sqlite_template, database)
    with open_site(f"sqlite:///{database}", tmp_path) as opened:
        yield opened


@pytest.fixture
def backup(site: Site, tmp_path: Path) -> Backup:
    site.rig.drop("a.csv", manifest(iccids(SIMS)))
    return Backup(site, tmp_path / "simline.db", tmp_path / "backup.db")


def read_before_anything(site: Site) -> int:
    return read_first(site.rig.context, reason="The disk was lost.", actor="ann").taken


def assert_kept(site: Site, backup: Backup) -> None:
    """Every SIM is active, each claim and each activation was asked for once, and the ledger keeps every rule."""
    assert site.states() == dict.fromkeys(iccids(SIMS), SimState.ACTIVE)
    asked = Counter((iccid, entry.kind.value) for entry in changing_requests(site.entries()) for iccid in entry.iccids)
    assert asked == {(iccid, kind): 1 for iccid in iccids(SIMS) for kind in ("claim", "activate")}
    log = CarrierLog(ACCOUNT, backup.remembered(), [LIMIT])
    assert violations(site.rig.context, [log], site.rig.inputs) == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_after_a_run_that_had_finished_nothing_is_asked_for_again(site: Site, backup: Backup, moment: str) -> None:
    assert site.work(kill=moment) == KILLED
    backup.make()
    assert site.work() == 0
    asked_for = site.changes()
    backup.put_back()
    read_before_anything(site)
    assert site.work() == 0
    assert site.changes() == asked_for
    assert_kept(site, backup)


@pytest.mark.parametrize(("moment", "lost"), [("after-load-commit", "after-request:3"), ("before-request:2", "")])
def test_after_a_run_that_was_lost_only_what_is_untouched_is_asked_for(
    site: Site, backup: Backup, moment: str, lost: str
) -> None:
    assert site.work(kill=moment) == KILLED
    backup.make()
    assert site.work(kill=lost or "before-request:5") == KILLED
    backup.put_back()
    read_before_anything(site)
    assert site.work() == 0
    assert_kept(site, backup)


def test_a_manifest_that_came_after_the_backup_is_read_in_before_and_asks_for_nothing(
    site: Site, backup: Backup
) -> None:
    backup.make()
    assert site.work() == 0
    backup.put_back()
    shutil.copyfile(site.rig.folder / "drop" / "processed" / "a.csv", site.rig.inbox / "a.csv")
    (intake,) = pick_up(replace(site.rig.context, vault=Vault(KEY)))
    assert intake.counts.accepted == SIMS
    assert read_before_anything(site) == SIMS
    asked_for = site.changes()
    assert site.work() == 0
    assert site.changes() == asked_for
    assert_kept(site, backup)


def test_without_it_a_sim_is_asked_for_twice(site: Site, backup: Backup) -> None:
    assert site.work(kill="after-load-commit") == KILLED
    backup.make()
    assert site.work() == 0
    asked_for = site.changes()
    backup.put_back()
    assert site.work() == 0
    assert site.changes() > asked_for
