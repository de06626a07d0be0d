"""The database is full, locked, or killed and started again in mid-run: no SIM is lost and none activated twice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, text

from benchmarks.postgres import FAST, ThrowawayPostgres
from domain.lifecycle import SimState, Step
from domain.pacing import Pace
from engine.picking_up import pick_up
from engine.receipts import refresh_receipts
from engine.sending import send_due
from storage import limits, migrate
from storage.database import Database, DatabaseUnavailable
from tests.engine.rig import ACCOUNT, iccids, manifest
from tests.reliability.site import ended, open_site
from tests.reliability.world import World

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
SIMS = 100
KILL_WHO_WRITES = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND state = 'idle in transaction' AND pid <> pg_backend_pid()
"""
VICTIM = """
CREATE FUNCTION victim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.from_step = 'intent' THEN
    RAISE EXCEPTION 'could not serialize access due to concurrent update' USING ERRCODE = '40001';
  END IF;
  RETURN NEW;
END $$
"""


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


@on_postgresql
def test_no_serialization_failure_is_met_where_the_server_defaults_to_repeatable_read(database_url: str) -> None:
    first = Database(database_url)
    with first.begin() as tx:
        name = tx.execute(text("SELECT current_database()")).scalar_one()
        tx.execute(text(f"ALTER DATABASE {name} SET default_transaction_isolation TO 'repeatable read'"))
    first.close()
    database = Database(database_url)

    def reserve(_: int) -> None:
        for _ in range(50):
            with database.begin() as tx:
                limits.reserve(tx, ACCOUNT, Pace(0.001), 1)

    with ThreadPoolExecutor(4) as workers:
        assert list(workers.map(reserve, range(4))) == [None] * 4
    with database.read() as tx:
        assert tx.execute(text("SHOW transaction_isolation")).scalar_one() == "repeatable read"
    with database.begin() as tx:
        assert tx.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
        assert tx.execute(text("SHOW default_transaction_isolation")).scalar_one() == "repeatable read"
    database.close()


@on_postgresql
def test_a_serialization_failure_when_answers_are_written_is_told_and_loses_no_sim(world: World) -> None:
    """The server itself says 40001, as it does of a deadlock's or a conflict's victim."""
    world.rig.load(5)
    database = world.rig.context.database
    with database.begin() as tx:
        tx.execute(text(VICTIM))
        tx.execute(text("CREATE TRIGGER victim BEFORE INSERT ON history FOR EACH ROW EXECUTE FUNCTION victim()"))
    with pytest.raises(DatabaseUnavailable, match="nothing was lost, run again"):
        send_due(world.rig.context, ACCOUNT)
    with database.begin() as tx:
        tx.execute(text("DROP TRIGGER victim ON history"))
    assert world.rig.steps() == {Step.INTENT: 5}
    assert world.go_on() == {Step.DONE: 5}
    assert world.effects() == {1}
    assert world.broken() == []


@on_postgresql
@pytest.mark.parametrize(
    ("label", "left"), [("before-intent-commit", Step.PLANNED), ("before-answer-commit", Step.INTENT)]
)
def test_a_connection_that_is_killed_in_mid_transaction_is_told_and_loses_no_sim(
    world: World, label: str, left: Step
) -> None:
    world.rig.load(5)

    def at(reached: str) -> None:
        if reached == label:
            with world.rig.context.database.begin() as tx:
                assert tx.execute(text(KILL_WHO_WRITES)).scalars().all() == [True]

    with pytest.raises(DatabaseUnavailable, match="nothing was lost, run again"):
        send_due(replace(world.rig.context, at=at, slots={}), ACCOUNT)
    assert world.rig.steps() == {left: 5}
    assert world.go_on() == {Step.DONE: 5}
    assert world.effects() == {1}
    assert world.broken() == []


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
