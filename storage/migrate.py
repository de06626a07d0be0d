"""Bring a database to this version's shape. Alembic, run from here: no ini file, no command line of its own.

It is imported only where something is to be migrated: every other start asks one row.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, inspect, select, text

from storage.database import Database, Transaction

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent / "migrations"
NEWEST = "0001"
"""The revision of this version's shape."""
_TURN = 0x51_4D_11_4D
"""The key of PostgreSQL's advisory lock: of two processes that start at once one migrates and the other waits."""


def upgrade(database: Database) -> None:
    """Apply what is missing, all or nothing; a database that is current stays as it is, and no writer is waited for.

    Raises `DatabaseUnavailable`. Never goes back to an older shape.
    """
    if is_current(database):
        return
    from alembic import command

    with database.begin() as tx:
        if tx.is_postgresql:
            tx.execute(select(func.pg_advisory_xact_lock(_TURN)))
        command.upgrade(_config(tx.connection), "head")


def is_current(database: Database) -> bool:
    """Whether the database has exactly this version's shape, as far as its own record of migrations says."""
    with database.read() as tx:
        return _applied(tx) == {NEWEST}


def _applied(tx: Transaction) -> set[str]:
    if not inspect(tx.connection).has_table("alembic_version"):
        return set()
    return set(tx.execute(text("SELECT version_num FROM alembic_version")).scalars())


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
