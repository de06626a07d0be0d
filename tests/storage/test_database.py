import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from benchmarks.postgres import FAST, ThrowawayPostgres
from domain.manifests import ItemIdentity
from storage import loading, manifests, migrate
from storage.bulk import insert_rows
from storage.database import Database, DatabaseUnavailable, Transaction, describe
from storage.loading import LoadBlock
from storage.schema import accounts, limits, operations, sims
from tests.conftest import MovingClock


def add_account(database: Database, name: str) -> None:
    with database.begin() as tx:
        tx.execute(insert(accounts).values(id=name, name=name, created_at=tx.now()))


def account_names(database: Database) -> list[str]:
    with database.read() as tx:
        return list(tx.execute(select(accounts.c.id).order_by(accounts.c.id)).scalars())


def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(KeyError), database.begin() as tx:
        tx.execute(insert(accounts).values(id="a", name="a", created_at=tx.now()))
        raise KeyError
    assert account_names(database) == []


def test_two_writers_at_once_wait_for_each_other(database: Database) -> None:
    """Each reads and then writes: without BEGIN IMMEDIATE one of them fails half-way on SQLite."""
    add_account(database, "shared")
    errors: list[Exception] = []

    def count_up() -> None:
        own = Database(database.url)
        try:
            for _ in range(25):
                with own.begin() as tx:
                    locked = select(accounts.c.other_device_count)
                    count = tx.execute(locked.with_for_update() if tx.is_postgresql else locked).scalar_one()
                    tx.execute(accounts.update().values(other_device_count=count + 1))
        except Exception as error:  # noqa: BLE001 - reported below
            errors.append(error)
        own.close()

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with database.read() as tx:
        assert tx.execute(select(accounts.c.other_device_count)).scalar_one() == 100


def test_a_writer_that_waits_too_long_is_told_why(database: Database) -> None:
    other = Database(database.url, busy_seconds=0.2)
    with database.begin() as tx:
        tx.execute(insert(accounts).values(id="a", name="a", created_at=tx.now()))
        if database.is_postgresql:  # writers of different rows do not wait there
            add_account(other, "b")
        else:
            with pytest.raises(DatabaseUnavailable, match="Another process has been writing"):
                add_account(other, "b")
    other.close()
    assert account_names(database) == (["a", "b"] if database.is_postgresql else ["a"])


def test_a_read_sees_one_moment_and_holds_no_writer_up(database: Database) -> None:
    writer = Database(database.url, busy_seconds=0.2)
    with database.read() as tx:
        count = select(func.count()).select_from(accounts)
        assert tx.execute(count).scalar_one() == 0
        add_account(writer, "meanwhile")
        assert tx.execute(count).scalar_one() == 0
    writer.close()
    assert account_names(database) == ["meanwhile"]


def test_a_read_does_not_wait_for_a_writer(database: Database) -> None:
    reader = Database(database.url, busy_seconds=0.2)
    with database.begin() as tx:
        tx.execute(insert(accounts).values(id="a", name="a", created_at=tx.now()))
        assert account_names(reader) == []
    assert account_names(reader) == ["a"]
    reader.close()


def test_time_stands_still_within_a_transaction_and_is_utc(database: Database) -> None:
    with database.begin() as tx:
        first = tx.now()
        assert abs(first - datetime.now(UTC)) < timedelta(seconds=60)
        time.sleep(0.01)
        assert tx.now() == first
    with database.begin() as tx:
        assert tx.now() > first
        assert tx.now().tzinfo is UTC


def test_a_moving_clock_is_the_time_of_every_transaction(database: Database, moving_clock: MovingClock) -> None:
    with database.begin() as tx:
        before = tx.now()
    moving_clock.move(90)
    with database.read() as tx:
        assert tx.now() - before == timedelta(seconds=90)


def test_times_come_back_in_utc_and_one_without_a_zone_is_refused(database: Database) -> None:
    east = datetime(2026, 3, 1, 1, 30, tzinfo=UTC).astimezone()
    with database.begin() as tx:
        tx.execute(insert(accounts).values(id="a", name="a", created_at=east))
        stored = tx.execute(select(accounts.c.created_at)).scalar_one()
    assert stored == east
    assert stored.tzinfo is UTC
    with pytest.raises(StatementError, match="without a zone"), database.begin() as tx:
        tx.execute(insert(accounts).values(id="b", name="b", created_at=east.replace(tzinfo=None)))


def test_text_keys_sort_by_code_point(database: Database) -> None:
    names = ["a", "B", "ä", "Z", "_", "1"]
    for name in names:
        add_account(database, name)
    assert account_names(database) == sorted(names)


def test_sqlite_is_told_to_be_safe_and_patient(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'sub' / 'new.db'}", busy_seconds=7)
    with database.read() as tx:
        asked = ("journal_mode", "busy_timeout", "foreign_keys", "synchronous")
        told = [tx.execute(text(f"PRAGMA {name}")).scalar_one() for name in asked]
    database.close()
    assert told == ["wal", 7000, 1, 2]  # FULL: a committed intention outlives a power cut


def test_a_full_disk_is_a_sentence_and_half_a_load_is_nothing(tmp_path: Path, sqlite_template: Path) -> None:
    file = tmp_path / "small.db"
    file.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{file}")
    with database.read() as tx:
        pages = tx.execute(text("PRAGMA page_count")).scalar_one()
    with pytest.raises(DatabaseUnavailable, match=r"full\. Make room on its disk"), database.begin() as tx:
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 20}")
        load(tx, 50_000)
    assert counts(database) == (0, 0)
    database.close()


def test_a_full_disk_of_postgresql_is_a_sentence_too(tmp_path: Path, postgres_server: str) -> None:
    """The server's own error of that kind, raised where a bulk path would meet it."""
    database = Database(postgres_server)
    raised = (
        "DO $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"
    )
    with pytest.raises(DatabaseUnavailable, match="Make room on its disk"), database.begin() as tx:
        connection = tx.connection.connection.driver_connection
        assert connection is not None
        connection.execute(raised)
    database.close()


def test_a_database_that_is_not_there_is_a_sentence_without_the_password(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for url in (f"postgresql://ann:marker@127.0.0.1:{port}/simline", f"sqlite:///{tmp_path}"):
        database = Database(url)
        with pytest.raises(DatabaseUnavailable, match="did not answer") as told, database.begin():
            pass
        assert "marker" not in str(told.value)
        assert "run again" in str(told.value)
        database.close()


def test_an_address_is_shown_without_its_password() -> None:
    assert describe("postgresql://ann:marker@db/simline") == "postgresql://ann:***@db/simline"


def load(tx: Transaction, count: int, manifest_id: str = "m-1") -> None:
    """So many new SIMs, in two blocks."""
    numbers = [f"8901410{number:012d}0" for number in range(count)]
    for half in (numbers[: count // 2], numbers[count // 2 :]):
        lines = list(range(len(half)))
        block = LoadBlock(half, lines, "tracker", "kore", "kore/eu", "DE")
        loading.load_block(tx, manifest_id, block, tx.now())


def counts(database: Database) -> tuple[int, int]:
    """SIMs and operations."""
    with database.read() as tx:
        of = (tx.execute(select(func.count()).select_from(table)).scalar_one() for table in (sims, operations))
        return next(of), next(of)


@pytest.fixture(scope="module")
def own_server() -> Iterator[ThrowawayPostgres]:
    """A server that a test may crash."""
    with ThrowawayPostgres(FAST) as server:
        yield server


def test_a_crash_in_the_middle_of_a_load_leaves_nothing_half_written(own_server: ThrowawayPostgres) -> None:
    database = Database(own_server.url())
    migrate.upgrade(database)
    identity = ItemIdentity("inbox", "a.txt", "1")
    with database.begin() as tx:
        manifests.claim(tx, identity, fence="f", lease_seconds=0.0, actor="test")
    with pytest.raises(DatabaseUnavailable, match="nothing was lost, run again"), database.begin() as tx:
        load(tx, 20_000, identity.manifest_id)
        own_server.stop("immediate")
        load(tx, 20_000, identity.manifest_id)
    own_server.start()
    assert counts(database) == (0, 0)
    with database.begin() as tx:
        assert manifests.claim(tx, identity, fence="g", lease_seconds=60, actor="test") is not None
        load(tx, 20_000, identity.manifest_id)
    own_server.stop("immediate")
    own_server.start()
    assert counts(database) == (20_000, 20_000)
    database.close()


def test_a_crash_during_the_commit_of_a_load_keeps_all_or_nothing(own_server: ThrowawayPostgres) -> None:
    database = Database(own_server.url())
    migrate.upgrade(database)
    before = counts(database)
    crash = threading.Timer(0.3, own_server.stop, args=("immediate",))
    crash.start()
    kept = 0
    with pytest.raises(DatabaseUnavailable):
        for start in range(1, 10_000):
            with database.begin() as tx:
                numbers = [f"8945{start:06d}{number:010d}" for number in range(500)]
                block = LoadBlock(numbers, range(500), "tracker", "kore", "kore/eu", "DE")
                loading.load_block(tx, "m-2", block, tx.now())
            kept += 500
    crash.join()
    own_server.start()
    in_sims, in_operations = (after - earlier for after, earlier in zip(counts(database), before, strict=True))
    assert in_sims == in_operations
    assert in_sims in (kept, kept + 500)  # the last commit may have reached the disk before its answer was lost
    database.close()


def test_what_is_written_behind_is_waited_for_by_whoever_needs_the_connection(database: Database) -> None:
    order: list[str] = []

    def slow(_connection: Connection) -> None:
        time.sleep(0.1)
        order.append("behind")

    with database.begin() as tx:
        tx.behind(slow)
        order.append("meanwhile")
        tx.execute(text("SELECT 1"))
        order.append("after")
    assert order == ["meanwhile", "behind", "after"]


def test_an_error_of_what_was_written_behind_keeps_the_transaction_from_being_committed(database: Database) -> None:
    def fail(_connection: Connection) -> None:
        raise ValueError("it broke")

    with pytest.raises(ValueError, match="it broke"), database.begin() as tx:
        tx.execute(text("INSERT INTO limits (carrier_account) VALUES ('a')"))
        tx.behind(fail)
    with database.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM limits")).scalar_one() == 0


def test_a_refusal_of_the_database_is_met_behind_too(database: Database) -> None:
    with pytest.raises((UniqueViolation, IntegrityError)), database.begin() as tx:
        names = {"carrier_account": ["a", "a"]}
        insert_rows(tx, names, {limits: ["carrier_account"]})


def test_what_is_written_behind_keeps_its_order_and_little_of_it_waits(database: Database) -> None:
    started, go_on = threading.Event(), threading.Event()
    order: list[int] = []

    def write(number: int) -> Callable[[Connection], None]:
        def work(_connection: Connection) -> None:
            started.set()
            assert go_on.wait(10)
            order.append(number)

        return work

    with database.begin() as tx:
        for number in range(3):
            tx.behind(write(number))
        assert started.wait(10)
        fourth = threading.Thread(target=tx.behind, args=(write(3),))
        fourth.start()
        fourth.join(0.1)
        assert fourth.is_alive()  # three are enough in memory
        go_on.set()
        fourth.join()
    assert order == [0, 1, 2, 3]


def test_of_several_errors_behind_the_first_is_told(database: Database) -> None:
    def fail(number: int) -> Callable[[Connection], None]:
        def work(_connection: Connection) -> None:
            raise ValueError(f"number {number}")

        return work

    with pytest.raises(ValueError, match="number 0"), database.begin() as tx:
        for number in range(3):
            tx.behind(fail(number))
