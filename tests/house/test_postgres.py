"""The database that tests share one after the other on PostgreSQL is as good as new for each."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, NullPool, create_engine, inspect, text
from sqlalchemy.exc import OperationalError

from storage.migrate import NEWEST
from tests.postgres import Copies

MANY = text(
    "INSERT INTO accounts (id, name, created_at) SELECT 'a' || n, repeat('x', 200), now() "
    "FROM generate_series(1, 20000) AS n"
)
NUMBERS = text("SELECT nextval(format('%I.%I', schemaname, sequencename)) FROM pg_sequences")


def test_what_a_test_left_is_gone_its_open_transaction_too(postgres_copies: Copies) -> None:
    url = postgres_copies.fresh()
    with pytest.raises(OperationalError, match="terminating connection"), _connection(url) as left_open:
        left_open.execute(MANY)
        left_open.execute(text("LOCK TABLE accounts"))
        assert postgres_copies.fresh() == url
        left_open.execute(MANY)
    for _ in range(2):
        with _connection(url) as connection:
            assert connection.scalar(text("SELECT count(*) FROM accounts")) == 0
            assert set(connection.scalars(NUMBERS)) == {1}
            connection.execute(MANY)
        assert postgres_copies.fresh() == url


def test_a_changed_table_and_the_planners_figures_are_as_at_first(postgres_copies: Copies) -> None:
    url = postgres_copies.fresh()
    with _connection(url) as connection:
        before = (indexes := inspect(connection).get_indexes("operations")), 0, 0, 0, NEWEST
    for change in (f"DROP INDEX {indexes[0]['name']}", "ALTER TABLE sims DISABLE TRIGGER ALL", "ANALYZE accounts"):
        with _connection(url) as connection:
            connection.execute(MANY)
            connection.execute(text(change))
        assert postgres_copies.fresh() == url
        with _connection(url) as connection:
            asked = (
                "SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'",
                "SELECT count(*) FROM pg_stats WHERE schemaname = 'public'",
                "SELECT count(*) FROM accounts",
                "SELECT version_num FROM alembic_version",
            )
            found = [connection.scalar(text(query)) for query in asked]
            assert (inspect(connection).get_indexes("operations"), *found) == before


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    with create_engine(url, poolclass=NullPool).begin() as connection:
        yield connection
