"""Rows of the database as Arrow batches, all of one moment, for set work beside the database.

SQLite is read by a process of its own: the driver brings its own copy of SQLite, and when two copies have one file
open in one process, closing it in one takes away the locks of the other, and with them the safety of writes.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pyarrow as pa
from sqlalchemy.engine import make_url

from storage.database import Database, DatabaseUnavailable, describe

READER = "storage.arrow_reader"
PIPE_BYTES = 1 << 20


class Snapshot(Protocol):
    """The database as it was at one moment. One query's batches are read to their end before the next one's."""

    def batches(self, query: str) -> pa.RecordBatchReader:
        """The query's rows. Raises `DatabaseUnavailable`."""

    def seconds(self, column: str) -> str:
        """SQL of ours for a time as whole seconds since 1970, 0 where there is none."""


@contextmanager
def snapshot(database: Database) -> Iterator[Snapshot]:
    """Read the database at one moment; no writer waits for it."""
    with _of_postgresql(database.url) if database.is_postgresql else _of_sqlite(database.url) as opened:
        yield opened


def number(column: str) -> str:
    """An ICCID's digits as a number of 64 bits, for keys by the million: `iccid_of` makes the text of it again."""
    return f"CAST('1' || substr({column}, 3) AS bigint)"


def iccid_of(column: str) -> str:
    """In DuckDB: the ICCID that `number` was made of."""
    return f"'89' || substr({column}::VARCHAR, 2)"


def day_number(database: Database, column: str) -> str:
    """The UTC day of a time, in days since 1970-01-01; NULL stays."""
    if database.is_postgresql:
        return f"CAST(floor(extract(epoch from {column}) / 86400) AS bigint)"
    return f"CAST(strftime('%s', {column}) AS integer) / 86400"


class _Postgresql:
    def __init__(self, connection: Any, url: str) -> None:
        self._cursor = connection.cursor()
        self._url = url

    def batches(self, query: str) -> pa.RecordBatchReader:
        """Through the driver, in this process."""
        from adbc_driver_manager import Error

        try:
            self._cursor.execute(query)
        except Error as error:
            raise _unread(self._url, str(error)) from None
        reader: pa.RecordBatchReader = self._cursor.fetch_record_batch()
        return reader

    def seconds(self, column: str) -> str:
        """In PostgreSQL's words."""
        return f"COALESCE(CAST(floor(extract(epoch from {column})) AS bigint), 0)"


@contextmanager
def _of_postgresql(url: str) -> Iterator[Snapshot]:
    from adbc_driver_manager import Error
    from adbc_driver_postgresql import dbapi

    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        connection = dbapi.connect(address)
    except Error as error:
        raise _unread(url, str(error)) from None
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield _Postgresql(connection, url)
    finally:
        connection.close()


class _Sqlite:
    def __init__(self, reader: "subprocess.Popen[bytes]", url: str) -> None:
        self._reader = reader
        self._url = url

    def batches(self, query: str) -> pa.RecordBatchReader:
        """Through the reader's pipes."""
        assert self._reader.stdin and self._reader.stdout  # noqa: S101 - both are pipes
        try:
            self._reader.stdin.write(json.dumps(query).encode() + b"\n")
            self._reader.stdin.flush()
            return pa.ipc.open_stream(self._reader.stdout)
        except (OSError, pa.ArrowInvalid):
            said = self._reader.stderr.read().decode("utf-8", "replace") if self._reader.stderr else ""
            raise _unread(self._url, said) from None

    def seconds(self, column: str) -> str:
        """In SQLite's words."""
        return f"COALESCE(CAST(strftime('%s', {column}) AS integer), 0)"


def _unread(url: str, said: str) -> DatabaseUnavailable:
    """The driver's first line as a sentence with what to do, without the password."""
    first_line = next((line for line in said.splitlines() if line.strip()), "its reader ended").rstrip(". ")
    again = "Check that it runs and can be reached (`simline check`); nothing was lost, run again."
    return DatabaseUnavailable(f"The database {describe(url)} was not read: {first_line}. {again}")


@contextmanager
def _of_sqlite(url: str) -> Iterator[Snapshot]:
    command = [sys.executable, "-m", READER, make_url(url).database or ""]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes, pipesize=PIPE_BYTES) as reader:
        try:
            yield _Sqlite(reader, url)
        finally:
            reader.kill()
