"""A re-run and a worker that finishes manifests meet: a manifest with work left is never finished."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import text, update

from domain.lifecycle import Step
from domain.manifests import ManifestState
from engine.context import Context
from engine.receipts import refresh_receipts
from engine.rerunning import Only, rerun
from storage import manifests
from storage.database import Database
from storage.schema import operations
from tests.engine.rig import Rig


@pytest.fixture
def refused(scripted_rig: Rig) -> str:
    """A loaded manifest whose only SIM was refused, and that nobody has finished yet; its id."""
    manifest_id = scripted_rig.load(1)
    with scripted_rig.context.database.begin() as tx:
        tx.execute(update(operations).values(step=Step.REJECTED.value))
    return manifest_id


@dataclass
class Beside:
    """Something that starts while the transaction of this label is open; it ends, or waits, before that goes on."""

    database: Database
    label: str
    thread: threading.Thread

    @classmethod
    def starting(cls, database: Database, label: str, work: Callable[[], object]) -> "Beside":
        return cls(database, label, threading.Thread(target=work))

    def __call__(self, passed: str) -> None:
        if passed != self.label:
            return
        self.thread.start()
        while self.thread.is_alive() and not self._waits():
            self.thread.join(0.02)

    def _waits(self) -> bool:
        """Whether it waits for a lock; in SQLite a second writer always does."""
        if not self.database.is_postgresql:
            return True
        asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        with self.database.read() as tx:
            return bool(tx.execute(text(asked)).scalar_one())


def let_go_on(context: Context, manifest_id: str) -> None:
    assert rerun(context, manifest_id, Only.FAILED, reason="Mended.", actor="ann").taken == 1


def assert_it_goes_on(rig: Rig, manifest_id: str) -> None:
    assert rig.steps() == {Step.PLANNED: 1}
    with rig.context.database.read() as tx:
        assert manifests.find(tx, manifest_id).state is ManifestState.LOADED


def test_a_manifest_that_is_being_finished_while_a_rerun_commits_stays_open(scripted_rig: Rig, refused: str) -> None:
    context = scripted_rig.context
    finishing = Beside.starting(context.database, "before-rerun-commit", lambda: refresh_receipts(context))
    let_go_on(scripted_rig.but(at=finishing).context, refused)
    finishing.thread.join()
    assert_it_goes_on(scripted_rig, refused)


def test_a_manifest_that_is_finished_while_a_rerun_waits_is_opened_again(scripted_rig: Rig, refused: str) -> None:
    context = scripted_rig.context
    rerunning = Beside.starting(context.database, "before-finish-commit", lambda: let_go_on(context, refused))
    refresh_receipts(scripted_rig.but(at=rerunning).context)
    rerunning.thread.join()
    assert_it_goes_on(scripted_rig, refused)
