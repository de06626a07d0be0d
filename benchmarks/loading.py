"""How fast accepted lines become SIMs with operations, against the same rows put into one keyed table.

    python -m benchmarks.loading [--rows 1000000] [--database sqlite|postgresql|both] [--shuffled]

One row in ten is known already, spread over the whole file. PostgreSQL is a throwaway server with its own defaults
(every commit reaches the disk). Memory is this process's peak during the import over what it held before (Linux only).
"""

import argparse
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import insert

from benchmarks.postgres import ThrowawayPostgres
from domain.lines import LineOutcome, Reason, Verdict
from storage import loading, migrate
from storage.database import Database, Transaction
from storage.loading import LoadBlock
from storage.schema import manifests

BLOCK = 65_536


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    asked.add_argument("--shuffled", action="store_true")
    options = asked.parse_args()
    numbers = [f"8901410{number:012d}{number % 10}" for number in range(options.rows)]
    known = numbers[::10]
    if options.shuffled:
        random.Random(1).shuffle(numbers)
    with tempfile.TemporaryDirectory() as folder:
        if options.database != "postgresql":
            file = Path(folder) / "simline.db"
            reference = seconds(lambda: reference_sqlite(Path(folder) / "reference.db", numbers))
            measure("SQLite", Database(f"sqlite:///{file}"), numbers, known, reference)
        if options.database != "sqlite":
            with ThrowawayPostgres() as server:
                database = Database(server.url())
                reference = seconds(lambda: reference_postgresql(database, numbers))
                measure("PostgreSQL", database, numbers, known, reference)


def measure(name: str, database: Database, numbers: list[str], known: list[str], reference: float) -> None:
    """One line of results: first import, and the same file once more."""
    migrate.upgrade(database)
    load(database, "m-known", known)
    before = forget_peak_mib()
    first = seconds(lambda: load(database, "m-first", numbers))
    peak = peak_mib() - before
    again = seconds(lambda: load(database, "m-again", numbers))
    kept = seconds(lambda: load(database, "m-kept", numbers, keep_outcomes=True))
    database.close()
    new = len(numbers) - len(known)
    print(f"{name}: {len(numbers):,} lines, {new:,} new into SIMs and operations: {first:.1f} s, +{peak} MiB")
    print(f"  reference, the same rows into one keyed table: {reference:.1f} s; ratio {first / reference:.1f}")
    print(f"  the same file again, all known: {again:.1f} s; with one outcome kept per line: {kept:.1f} s")


def load(database: Database, manifest_id: str, numbers: list[str], *, keep_outcomes: bool = False) -> None:
    """The whole file in one transaction, as the engine does it."""
    with database.begin() as tx:
        add_manifest(tx, manifest_id)
        for start in range(0, len(numbers), BLOCK):
            part = numbers[start : start + BLOCK]
            lines = list(range(start + 1, start + 1 + len(part)))
            block = LoadBlock(part, lines, "tracker", "supersim", "supersim/eu", "DE")
            result = loading.load_block(tx, manifest_id, block, tx.now())
            if keep_outcomes:
                reason = Reason.ALREADY_KNOWN
                outcomes = [LineOutcome(line, Verdict.KNOWN, reason, iccid=iccid) for line, iccid in result.known]
                loading.record_outcomes(tx, manifest_id, outcomes)


def add_manifest(tx: Transaction, manifest_id: str) -> None:
    row = {"id": manifest_id, "source": "benchmark", "item_key": manifest_id, "version": "1", "actor": "benchmark"}
    tx.execute(insert(manifests).values(row | {"state": "received", "received_at": tx.now()}))


KEYED = "CREATE TABLE keyed (iccid text PRIMARY KEY, line bigint, product text, account text, plan text, country text)"


def reference_sqlite(file: Path, numbers: list[str]) -> None:
    """The plainest fast way: executemany into one table, one transaction, write-ahead log."""
    connection = sqlite3.connect(file)
    for pragma in ("journal_mode = wal", "synchronous = NORMAL", "cache_size = -65536"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(KEYED)
    connection.executemany("INSERT INTO keyed VALUES (?, ?, ?, ?, ?, ?)", rows(numbers))
    connection.commit()
    connection.close()


def reference_postgresql(database: Database, numbers: list[str]) -> None:
    """The plainest fast way: COPY into one table, one transaction."""
    with copying(database) as write:
        for start in range(0, len(numbers), BLOCK):
            part = numbers[start : start + BLOCK]
            write("".join("\t".join(map(str, row)) + "\n" for row in rows(part, start)))


def rows(numbers: list[str], start: int = 0) -> Iterator[tuple[str, int, str, str, str, str]]:
    return ((iccid, start + i, "tracker", "supersim", "supersim/eu", "DE") for i, iccid in enumerate(numbers))


@contextmanager
def copying(database: Database) -> Iterator[Callable[[str], None]]:
    with database.begin() as tx:
        tx.connection.exec_driver_sql(KEYED.replace("text PRIMARY", 'text COLLATE "C" PRIMARY'))
        connection = tx.connection.connection.driver_connection
        assert connection is not None
        with connection.cursor() as cursor, cursor.copy("COPY keyed FROM STDIN") as copy:
            yield copy.write


def forget_peak_mib() -> int:
    """Let the peak start anew from what is held now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak_mib()


def peak_mib() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
