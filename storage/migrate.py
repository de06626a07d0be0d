"""Bring a database to this version's shape. Alembic, run from here: no ini file, no command line of its own."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select

from storage.database import Database, Transaction

FOLDER = Path(__file__).parent / "migrations"
_TURN = 0x51_4D_11_4D
"""The key of PostgreSQL's advisory lock: of two processes that start at once one migrates and the other waits."""


def upgrade(database: Database) -> None:
    """Apply what is missing, all or nothing; a database that is current stays as it is.

    Raises `DatabaseUnavailable`. Never goes back to an older shape.
    """
    with database.begin() as tx:
        if tx.is_postgresql:
            tx.execute(select(func.pg_advisory_xact_lock(_TURN)))
        command.upgrade(_config(tx.connection), "head")


def is_current(database: Database) -> bool:
    """Whether the database has exactly this version's shape, as far as its own record of migrations says."""
    with database.read() as tx:
        return _applied(tx) == _newest()


def _applied(tx: Transaction) -> set[str]:
    return set(MigrationContext.configure(tx.connection).get_current_heads())


def _newest() -> set[str]:
    return set(ScriptDirectory(str(FOLDER)).get_heads())


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
