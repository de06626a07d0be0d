"""The database is full, locked, or killed and started again in mid-run: no SIM is lost and none activated twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, text

from benchmarks.postgres import FAST, ThrowawayPostgres
from domain.lifecycle import SimState, Step
from engine.picking_up import pick_up
from engine.receipts import refresh_receipts
from engine.sending import send_due
from storage import migrate
from storage.database import Database, DatabaseUnavailable
from tests.engine.rig import ACCOUNT, iccids, manifest
from tests.reliability.site import ended, open_site
from tests.reliability.world import World

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SIMS = 100


@contextmanager
def at_most(database: Database, pages: int) -> Iterator[None]:
    """The disk has room for so many more pages of the file."""
    with database.read() as tx:
        used = tx.execute(text("PRAGMA page_count")).scalar_one()

    def allow(connection: object, count: int) -> None:
        connection.execute(f"PRAGMA max_page_count = {count}")  # type: ignore[attr-defined]

    def full(connection: object, *_: object) -> None:
        allow(connection, used + pages)

    event.listen(database.engine, "checkout", full)
    try:
        yield
    finally:
        event.remove(database.engine, "checkout", full)
        event.listen(database.engine, "checkout", lambda connection, *_: allow(connection, 1_000_000))


def whole_job(world: World) -> None:
    list(pick_up(world.rig.context))
    world.go_on()
    refresh_receipts(world.rig.context)


@pytest.mark.slow
@on_sqlite
def test_a_disk_that_fills_up_at_any_point_of_the_job_is_told_and_loses_no_sim(world: World) -> None:
    database = world.rig.context.database
    told = 0
    for nth, pages in enumerate((0, 2, 5, 10, 16, 20, 24, 28, 32, 36)):
        world.rig.drop(f"{nth}.csv", manifest(iccids(SIMS, first=SIMS * nth)))
        with at_most(database, pages):
            try:
                whole_job(world)
            except DatabaseUnavailable as error:
                assert "Make room on its disk; nothing was lost, run again." in str(error)
                told += 1
        world.clock.move(1000)
        whole_job(world)
        assert world.rig.steps() == {Step.DONE: SIMS * (nth + 1)}
    assert told >= 6
    assert world.effects() == {1}
    assert world.broken() == []


@on_sqlite
def test_a_database_that_is_locked_when_answers_come_loses_no_sim(world: World, database_url: str) -> None:
    world.rig.load(5)
    other, impatient = Database(database_url), Database(database_url, clock=world.clock, busy_seconds=0.1)
    lock = other.begin()

    def at(label: str) -> None:
        if label == "after-request":
            lock.__enter__()

    with pytest.raises(DatabaseUnavailable, match="nothing was lost, run again"):
        send_due(replace(world.rig.context, database=impatient, at=at, slots={}), ACCOUNT)
    lock.__exit__(None, None, None)
    assert world.rig.steps() == {Step.INTENT: 5}
    assert world.go_on() == {Step.DONE: 5}
    assert world.effects() == {1}
    assert world.broken() == []
    for database in (other, impatient):
        database.close()


@pytest.mark.slow
def test_a_postgresql_that_crashes_in_mid_run_and_comes_back_loses_no_sim(tmp_path: Path) -> None:
    with ThrowawayPostgres(FAST) as server:
        database = Database(server.url())
        migrate.upgrade(database)
        database.close()
        with open_site(server.url(), tmp_path) as site:
            numbers = iccids(60)
            for nth, changes in enumerate((3, 17, 30)):
                site.rig.drop(f"{nth}.csv", manifest(numbers[20 * nth : 20 * nth + 20]))
                before = site.changes()
                worker = site.start()
                while site.changes() < before + changes:
                    assert worker.is_alive()
                server.stop("immediate")
                assert ended(worker) == 1
                server.start()
            assert site.work() == 0
            assert site.states() == dict.fromkeys(numbers, SimState.ACTIVE)
            assert site.broken() == []
