"""One database, SQLite (embedded default) or PostgreSQL (production), behind the few verbs that the rest needs.

SQLite: WAL, busy_timeout first, foreign keys, and every transaction starts with BEGIN IMMEDIATE, so two writers wait
instead of failing half-way. PostgreSQL: READ COMMITTED, whatever the server's default is: two writers of a row wait for
each other, and none meets a serialization failure. The claims lock their rows themselves.
"""

import gc
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

Clock = Callable[[], datetime]
"""Where a transaction's time comes from when the database's own clock is not used (tests)."""


SIFTED_EVERY = (10_000, 20, 20)
"""How seldom Python looks for cycles in a process that reads and writes rows: its own habit takes one part in ten of
the time, over lists of thousands of rows in which there is none."""


class DatabaseUnavailable(Exception):
    """The database cannot be opened or reached. The sentence says what to do."""

    retryable = True


def is_missing(url: str) -> bool:
    """Whether it is a file that opening would make. A server's database is made by others."""
    parsed = make_url(url)
    return parsed.get_backend_name() == "sqlite" and bool(parsed.database) and not Path(str(parsed.database)).exists()


def describe(url: str) -> str:
    """The address for people: without its password."""
    return make_url(url).render_as_string(hide_password=True)


class Transaction:
    """One open transaction: a connection, its dialect, and the database's idea of now."""

    def __init__(self, connection: Connection, clock: Clock | None) -> None:
        self._connection = connection
        self._clock = clock
        self._now: datetime | None = None
        self._behind: deque[Future[None]] = deque()
        self._writer: ThreadPoolExecutor | None = None

    @property
    def connection(self) -> Connection:
        """The connection, once nobody else uses it."""
        self.catch_up()
        return self._connection

    def behind(self, work: Callable[[Connection], None]) -> None:
        """Let this use the connection, after what came before it, while the caller goes on; who needs it next waits.

        Its error is raised there, at the latest before the commit. The databases work on another core meanwhile. At
        most two more wait their turn: what they hold stays in memory.
        """
        self._wait(at_most=2)
        self._writer = self._writer or ThreadPoolExecutor(1, thread_name_prefix="written-behind")
        self._behind.append(self._writer.submit(work, self._connection))

    def catch_up(self) -> None:
        """Wait for what is written behind, and raise its first error."""
        self._wait(at_most=0)

    def _wait(self, at_most: int) -> None:
        try:
            while len(self._behind) > at_most:
                self._behind.popleft().result()
        except BaseException:
            self._behind.clear()  # what followed on a failure fails too, and says less
            raise

    def close(self) -> None:
        """Catch up and let the second thread go."""
        try:
            self.catch_up()
        finally:
            if self._writer:
                self._writer.shutdown()

    @property
    def is_postgresql(self) -> bool:
        """Which of the two dialects this is."""
        return self._connection.dialect.name == "postgresql"

    @property
    def has_own_clock(self) -> bool:
        """Whether a test moves the time."""
        return self._clock is not None

    def now(self) -> datetime:
        """UTC, the same for the whole transaction; PostgreSQL's own clock, so workers on many hosts agree."""
        if self._now is None:
            self._now = self._read_clock()
        return self._now

    def _read_clock(self) -> datetime:
        if self._clock is not None:
            return self._clock()
        if self.is_postgresql:
            now: datetime = self.connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            return now.astimezone(UTC)
        return datetime.now(UTC)

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        """Run one statement (SQLAlchemy Core or `text`)."""
        return self.connection.execute(statement, parameters)


class Database:
    """The door to one database. Safe to share between threads; `close` gives the connections back."""

    def __init__(self, url: str, *, clock: Clock | None = None, busy_seconds: float = 30.0) -> None:
        gc.set_threshold(*SIFTED_EVERY)
        self.url = url
        self._clock = clock
        self._engine = _engine(url, busy_seconds)

    def on(self, clock: Clock | None) -> "Database":
        """The same door by another clock; with None the database's own."""
        other = copy(self)
        other._clock = clock
        return other

    @property
    def is_postgresql(self) -> bool:
        """Which of the two dialects this is."""
        return self._engine.dialect.name == "postgresql"

    @property
    def engine(self) -> Engine:
        """For migrations and bulk paths."""
        return self._engine

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with self._troubles(), self._engine.begin() as connection:
            transaction = Transaction(connection, self._clock)
            try:
                yield transaction
            finally:
                transaction.close()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """One look at one moment: what others commit meanwhile is not seen, and no writer waits for it."""
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if self.is_postgresql else {}
        engine = self._engine.execution_options(**options, only_reads=True)
        with self._troubles(), engine.begin() as connection:
            yield Transaction(connection, self._clock)

    @contextmanager
    def _troubles(self) -> Iterator[None]:
        """The driver's errors as ours: bulk paths meet them without SQLAlchemy's wrapping."""
        raw: type[Exception] = self._engine.dialect.loaded_dbapi.OperationalError
        try:
            yield
        except (OperationalError, raw) as error:
            raise DatabaseUnavailable(_sentence(self.url, error)) from error

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


_REMEDIES = {
    "disk": "Make room on its disk; nothing was lost, run again.",
    "no space left": "Make room on its disk; nothing was lost, run again.",
    "locked": "Another process has been writing for too long: let it end or stop it; nothing was lost, run again.",
    "readonly": "Its file may only be read: give this user the right to write it.",
}
"""A word of the driver's message -> what to do about it."""


def _sentence(url: str, error: Exception) -> str:
    """What happened and what to do, without the password."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    first_line = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
    usual = "Check that it runs and can be reached (`simline check`); nothing was lost, run again."
    remedy = next((words for sign, words in _REMEDIES.items() if sign in first_line.lower()), usual)
    return f"The database {describe(url)} did not answer: {first_line.rstrip('.')}. {remedy}"


def _engine(url: str, busy_seconds: float) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": busy_seconds})
        _prepare_sqlite(engine, busy_seconds)
        return engine
    address = parsed.set(drivername="postgresql+psycopg")
    return create_engine(address, pool_pre_ping=True, isolation_level="READ COMMITTED")


def _prepare_sqlite(engine: Engine, busy_seconds: float) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
        _switch_to_wal(cursor)
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "cache_size = -65536", "temp_store = MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("only_reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _switch_to_wal(cursor: Any) -> None:
    """WAL is kept in the file: ask first, because switching can meet a lock that busy_timeout does not wait for."""
    for _ in range(50):
        try:
            if cursor.execute("PRAGMA journal_mode = wal").fetchone()[0] in ("wal", "memory"):
                return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
        time.sleep(0.1)
