import re
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hatchling.builders.wheel import WheelBuilder
from sqlalchemy import insert, inspect, text
from sqlalchemy.exc import DBAPIError

from domain.manifests import Halt
from storage import halting, migrate
from storage.alert_schema import alerts
from storage.database import Database, DatabaseUnavailable
from storage.reconciling_schema import findings
from storage.schema import history, manifests, metadata
from storage.usage_schema import usage_days


def test_a_new_database_is_current_once_it_was_upgraded(empty_database: Database) -> None:
    assert not migrate.is_current(empty_database)
    migrate.upgrade(empty_database)
    assert migrate.is_current(empty_database)


def test_the_newest_shape_is_the_last_migration_that_there_is() -> None:
    assert ScriptDirectory(str(migrate.FOLDER)).get_heads() == [migrate.NEWEST]


def test_a_second_upgrade_changes_nothing(database: Database) -> None:
    before = _shape(database)
    migrate.upgrade(database)
    assert _shape(database) == before


def test_upgrading_does_not_depend_on_the_working_directory(
    empty_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    migrate.upgrade(empty_database)
    assert migrate.is_current(empty_database)


def test_what_migrations_make_is_what_the_tables_say(database: Database) -> None:
    assert {table.metadata for table in (usage_days, alerts, findings)} == {metadata}
    with database.read() as tx:
        context = MigrationContext.configure(tx.connection)
        assert compare_metadata(context, metadata) == []


def test_migrations_and_tables_agree_to_the_letter(empty_database: Database) -> None:
    """Conditions of indexes, collations, rowid: what alembic does not compare."""
    metadata.create_all(empty_database.engine)
    as_tables_say = _shape(empty_database)
    metadata.drop_all(empty_database.engine)
    migrate.upgrade(empty_database)
    assert _shape(empty_database) == as_tables_say


def test_an_upgrade_that_fails_leaves_nothing_behind(empty_database: Database) -> None:
    with empty_database.begin() as tx:
        tx.execute(text("CREATE TABLE history (id integer)"))
    with pytest.raises((DatabaseUnavailable, DBAPIError), match="history"):
        migrate.upgrade(empty_database)
    assert inspect(empty_database.engine).get_table_names() == ["history"]


def test_two_upgrades_at_once_both_end_well(empty_database: Database) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        own = Database(empty_database.url)
        try:
            migrate.upgrade(own)
        except Exception as error:  # noqa: BLE001 - reported below
            errors.append(error)
        own.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert migrate.is_current(empty_database)


@pytest.mark.parametrize("change", ["UPDATE halts SET reason = 'better'", "DELETE FROM halts"])
def test_what_people_said_over_a_manifest_is_never_rewritten(database: Database, change: str) -> None:
    with database.begin() as tx:
        row = {"id": "m-1", "source": "inbox", "item_key": "a.csv", "version": "1", "state": "loaded", "actor": "test"}
        tx.execute(insert(manifests).values(row | {"received_at": tx.now()}))
        assert halting.halt(tx, "m-1", Halt.PAUSED, reason="wrong pallet", by="ann")
    with pytest.raises(DBAPIError, match="append-only"), database.begin() as tx:
        tx.execute(text(change))
    with database.read() as tx:
        assert [one.reason for one in halting.notes(tx, "m-1")] == ["wrong pallet"]


@pytest.mark.parametrize("change", ["UPDATE history SET reason = 'better'", "DELETE FROM history"])
def test_history_is_never_rewritten(database: Database, change: str) -> None:
    _one_transition(database)
    with pytest.raises(DBAPIError, match="append-only"), database.begin() as tx:
        tx.execute(text(change))
    with database.read() as tx:
        assert tx.execute(text("SELECT reason FROM history")).scalars().all() == ["taken"]


def test_history_is_never_emptied(database: Database) -> None:
    _one_transition(database)
    emptying = "TRUNCATE history" if database.is_postgresql else "DELETE FROM history"
    with pytest.raises(DBAPIError, match="append-only"), database.begin() as tx:
        tx.execute(text(emptying))


def test_the_wheel_has_the_migrations() -> None:
    root = Path(__file__).parents[2]
    packed = {file.distribution_path for file in WheelBuilder(str(root)).recurse_included_files()}
    files = {file.relative_to(root).as_posix() for file in (root / "storage/migrations").rglob("*.py")}
    assert "storage/migrations/env.py" in files
    assert files <= packed


def _one_transition(database: Database) -> None:
    with database.begin() as tx:
        row = {"operation_id": 1, "nth": 1, "at": tx.now(), "stage": "claim", "from_step": "planned"}
        tx.execute(insert(history).values(row | {"to_step": "intent", "reason": "taken", "actor": "test"}))


def _shape(database: Database) -> list[str]:
    """Every table, column, constraint and index in the database's own words, sorted."""
    statements = _POSTGRESQL if database.is_postgresql else _SQLITE
    with database.read() as tx:
        rows = [str(tuple(row)) for statement in statements for row in tx.execute(text(statement))]
    return sorted(re.sub(r"\\n|\\t|\s|\"", "", row) for row in rows if "alembic" not in row)


_SQLITE = ("SELECT name, sql FROM sqlite_master WHERE type <> 'trigger'",)
_POSTGRESQL = (
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid <> 0",
    "SELECT table_name, column_name, ordinal_position, data_type, is_nullable, column_default, collation_name "
    "FROM information_schema.columns WHERE table_schema = 'public'",
)
