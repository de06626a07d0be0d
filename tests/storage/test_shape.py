"""What a database has, beside what its version's tables say."""

from sqlalchemy import text

from storage import migrate
from storage.database import Database
from storage.shape import PARTS, lacking


def test_a_database_of_this_version_lacks_nothing_and_an_empty_one_every_table(
    database: Database, empty_database: Database
) -> None:
    assert lacking(database) == []
    assert sorted(lacking(empty_database)) == sorted(PARTS[0].metadata.tables)


def test_what_a_database_of_an_older_main_lacks_is_named_although_its_migration_has_this_number(
    database: Database,
) -> None:
    with database.begin() as tx:
        for statement in ("DROP INDEX ix_operations_held", "ALTER TABLE operations DROP COLUMN hinted_at"):
            tx.execute(text(statement))
        tx.execute(text("DROP TABLE halts"))
    assert migrate.is_current(database)
    assert sorted(lacking(database)) == ["halts", "index ix_operations_held", "operations.hinted_at"]
