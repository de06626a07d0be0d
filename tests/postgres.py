"""Databases of tests on PostgreSQL: one of a test's own, and one that is as good as new for the next test.

A copy of a template is made and dropped in 140 ms of the server's time, whatever it holds. A few rows are deleted in 3.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Self
from uuid import uuid4

import psycopg
from sqlalchemy.engine import URL, make_url

TRUNCATED_FROM_BYTES = 1 << 20
"""A smaller table is emptied more quickly by DELETE: TRUNCATE makes new files for it and for each of its indexes."""

SHAPE = " UNION ALL ".join(
    f"SELECT '{catalogue}', count(*), sum(xmin::text::bigint) FROM {catalogue} WHERE {of} >= 16384"
    for catalogue, of in {
        "pg_attribute": "attrelid",
        "pg_index": "indrelid",
        "pg_constraint": "conrelid",
        "pg_trigger": "tgrelid",
        "pg_proc": "oid",
        "pg_statistic": "starelid",
        "pg_db_role_setting": "setdatabase",
    }.items()
)
"""What differs after any change of a table, an index, a rule or the planner's figures (16384: the first id of ours)."""

MAY_ALL = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
RESTART = "SELECT setval(format('%I.%I', schemaname, sequencename), start_value, false) FROM pg_sequences"
OF_MIGRATIONS = "alembic_version"

Shape = dict[str, tuple[int, int]]
Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def postgres_database(server: str, options: str = "", name: str = "") -> Iterator[tuple[str, str]]:
    """A database of a name of its own, or of this one, for as long as the block lasts."""
    name = name or f"simline_{uuid4().hex[:12]}"
    parsed = make_url(server).set(drivername="postgresql+psycopg")
    with _connected(parsed) as connection:
        connection.execute(f"CREATE DATABASE {name} {options}")
    try:
        yield name, parsed.set(database=name).render_as_string(hide_password=False)
    finally:
        with _connected(parsed) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class Copies:
    """Migrated databases, of which one after the other belongs to a test: as a rule the same one, emptied."""

    def __init__(self, server: str, template: str, name: str) -> None:
        self._made = partial(postgres_database, server, f"TEMPLATE {template}", name)
        self._stack = ExitStack()
        self._url, self._shape = "", Shape()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def fresh(self) -> str:
        """The address of one without a row, with nobody connected, and every number at its start."""
        if not self._url or not self._emptied():
            self._stack.close()
            _, self._url = self._stack.enter_context(self._made())
            with _connected(self._url) as connection:
                self._shape = _shape_of(connection)
        return self._url

    def _emptied(self) -> bool:
        """False if a test has changed more than rows, or if the history's rule, which refuses it, holds for us too."""
        with _connected(self._url) as connection:
            if connection.execute(MAY_ALL).fetchone() != (True,):
                return False
            connection.execute(f"SELECT pg_terminate_backend(pid, 10000) {OTHERS}")
            if _shape_of(connection) != self._shape:
                return False
            _empty(connection)
        return True


@contextmanager
def _connected(url: str | URL) -> Iterator[Connection]:
    """The driver's own connection: SQLAlchemy would ask a new server what it can before each of a few words."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


def _shape_of(connection: Connection) -> Shape:
    return {catalogue: (count, stamps) for catalogue, count, stamps in connection.execute(SHAPE)}


def _empty(connection: Connection) -> None:
    """Of its rows, of the history's too."""
    tables = [name for (name,) in connection.execute(TABLES) if name != OF_MIGRATIONS]
    full = " UNION ALL ".join(
        f"SELECT '{name}', pg_table_size('{name}') WHERE EXISTS (SELECT FROM {name})" for name in tables
    )
    sizes: dict[str, int] = dict(connection.execute(full).fetchall())
    large = [name for name, size in sizes.items() if size >= TRUNCATED_FROM_BYTES]
    words = ["SET session_replication_role = replica", *(f"DELETE FROM {name}" for name in sizes if name not in large)]
    if large:
        words.append(f"TRUNCATE {', '.join(large)} CASCADE")
    for word in (*words, RESTART):
        connection.execute(word)
