"""The database as Arrow batches: of one moment, beside writers, and an error is a sentence."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from storage import arrow
from storage.database import Database, DatabaseUnavailable
from storage.schema import accounts

AT = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)


@pytest.fixture
def with_accounts(database: Database) -> Callable[..., None]:
    def add(*ids: str) -> None:
        with database.begin() as tx:
            tx.execute(insert(accounts), [{"id": one, "name": one.upper(), "created_at": AT} for one in ids])

    return add


def test_every_query_sees_the_moment_of_the_first_whoever_writes_meanwhile(
    database: Database, with_accounts: Callable[..., None]
) -> None:
    with_accounts("a", "b")
    query = "SELECT id, name FROM accounts ORDER BY id"
    with arrow.snapshot(database) as moment:
        before = moment.batches(query).read_all().to_pylist()
        with_accounts("c")
        assert moment.batches(query).read_all().to_pylist() == before
    assert before == [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}]
    with arrow.snapshot(database) as moment:
        assert moment.batches("SELECT count(*) AS n FROM accounts").read_all()["n"].to_pylist() == [3]


def test_no_row_at_all_is_an_empty_table_with_its_columns(database: Database) -> None:
    with arrow.snapshot(database) as moment:
        found = moment.batches("SELECT id, name FROM accounts").read_all()
    assert (found.num_rows, found.column_names) == (0, ["id", "name"])


def test_a_time_is_whole_seconds_and_its_utc_day_and_a_missing_one_is_0(
    database: Database, with_accounts: Callable[..., None]
) -> None:
    with_accounts("a")
    day = arrow.day_number(database, "created_at")
    with arrow.snapshot(database) as moment:
        at, none = moment.seconds("created_at"), moment.seconds("CAST(NULL AS timestamp)")
        found = moment.batches(f"SELECT {at} AS at, {none} AS none, {day} AS day FROM accounts").read_all()
    assert found.to_pylist() == [{"at": int(AT.timestamp()), "none": 0, "day": 20513}]


def test_a_query_that_fails_is_a_sentence_that_says_what_to_do(database: Database) -> None:
    with (
        pytest.raises(DatabaseUnavailable, match=r"was not read: .*nowhere.*simline check"),
        arrow.snapshot(database) as moment,
    ):
        moment.batches("SELECT 1 AS one FROM nowhere").read_all()


def test_a_file_that_is_not_there_is_a_sentence(database: Database) -> None:
    if database.is_postgresql:
        pytest.skip("SQLite's case")
    away = Database(database.url + "-away")
    with pytest.raises(DatabaseUnavailable, match="was not read"), arrow.snapshot(away) as moment:
        moment.batches("SELECT 1 AS one").read_all()


def test_the_reader_of_sqlite_starts_without_pandas() -> None:
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, {arrow.READER}; print('pandas' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "False\n"
