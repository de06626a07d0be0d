"""Tables of our database as Arrow batches, all as of one moment, for work over whole sets. Read only, through ADBC.

Times come out as text on SQLite and as timestamps on PostgreSQL; whoever takes the batches casts them. A text column
must never be NULL: SQLite has no types, so the driver learns a column's from its first rows.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import quote

import pyarrow as pa
from sqlalchemy.engine import make_url

from storage.database import Database, DatabaseUnavailable, describe


class Snapshot:
    """The database as it was when the first statement ran."""

    def __init__(self, connection: Any, *, is_postgresql: bool) -> None:
        self._connection = connection
        self.is_postgresql = is_postgresql

    @contextmanager
    def batches(self, statement: str, parameters: Sequence[Any] = ()) -> Iterator[pa.RecordBatchReader]:
        """The rows of a statement, batch by batch, valid within the block. `?` marks a value."""
        if self.is_postgresql:
            for number in range(1, len(parameters) + 1):
                statement = statement.replace("?", f"${number}", 1)
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(statement, tuple(parameters) or None)
            yield cursor.fetch_record_batch()

    def seconds(self, column: str) -> str:
        """SQL of ours for a time as seconds since 1970, 0 where there is none."""
        if self.is_postgresql:
            return f"COALESCE(CAST(EXTRACT(EPOCH FROM {column}) AS bigint), 0)"
        return f"COALESCE(CAST(strftime('%s', {column}) AS integer), 0)"


@contextmanager
def snapshot(database: Database) -> Iterator[Snapshot]:
    """The database at one moment, for the length of the block. Raises `DatabaseUnavailable`."""
    try:
        connection = _postgresql(database.url) if database.is_postgresql else _sqlite(database.url)
    except Exception as error:
        if not _is_driver_error(error):
            raise
        words = f"The database {describe(database.url)} did not answer: {type(error).__name__}. Run again when it does."
        raise DatabaseUnavailable(words) from None
    with closing(connection):
        yield Snapshot(connection, is_postgresql=database.is_postgresql)


def _is_driver_error(error: Exception) -> bool:
    import adbc_driver_manager

    return isinstance(error, adbc_driver_manager.Error)


def _sqlite(url: str) -> Any:
    import adbc_driver_sqlite.dbapi as sqlite

    return sqlite.connect(f"file:{quote(str(make_url(url).database))}?mode=ro")


def _postgresql(url: str) -> Any:
    import adbc_driver_postgresql.dbapi as postgresql

    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = postgresql.connect(plain)
    with closing(connection.cursor()) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    return connection
