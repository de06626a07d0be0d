"""Claim and finish operations through the ledger, with its history, on SQLite and on PostgreSQL with four workers.

    python -m benchmarks.ledger [--operations 200000] [--batch 2000]

Each operation makes two transitions (planned -> intent -> done), each with its history row, in two commits a batch,
and comes with what its request needs of its SIM; a batch is what one lease takes at a carrier that allows 100 requests
a second. The reference is a bare queue in the same run: as many rows of a number and a word, one partial index, as many
workers that take a batch and finish it, no history. The ledger's price is the ratio.
"""

import argparse
import multiprocessing
import secrets
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text, select, text, update

from benchmarks.postgres import SAFE, ThrowawayPostgres
from domain.lifecycle import Step
from domain.plain_rows import iccids_of
from storage import ledger, migrate
from storage.among import among
from storage.bulk import insert_rows
from storage.database import Database
from storage.ledger import Lease, Move
from storage.loading import LoadBlock, load_block

ACCOUNT = "bench"
IS_DUE = text("step = 'planned'")
BARE_QUEUE = Table(
    "bare_queue",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    Column("step", Text, nullable=False),
    Column("fence", Text),
    Index("ix_bare_queue_due", "id", sqlite_where=IS_DUE, postgresql_where=IS_DUE),
)
FIRST_KEY = 4_070_000_000_000_000 * 10 + 10**18


def plan_operations(database: Database, count: int) -> None:
    """`count` SIMs with a planned operation each."""
    import numpy as np

    for start in range(0, count, 50_000):
        iccids = iccids_of(np.arange(FIRST_KEY + start, FIRST_KEY + min(start + 50_000, count), dtype=np.int64))
        with database.begin() as tx:
            block = LoadBlock(iccids, range(len(iccids)), "p", ACCOUNT, "plan", "DE")
            load_block(tx, f"m-{start}", block, datetime.now(UTC))


def work(url: str, batch: int) -> int:
    """Take and finish until nothing is due; how many this worker finished."""
    database = Database(url)
    finished = 0
    while True:
        lease = Lease(secrets.token_hex(8), "bench", 60)
        with database.begin() as tx:
            taken = ledger.take_to_send(tx, ACCOUNT, lease, limit=batch, deadline_seconds=86_400)
        if not taken:
            database.close()
            return finished
        with database.begin() as tx:
            done = Move(Step.INTENT, Step.DONE, "bench", tuple(operation.id for operation in taken))
            finished += len(ledger.move(tx, done, actor="bench", fence=lease.fence))


def make_bare_queue(database: Database, count: int) -> None:
    """The reference's table: `count` rows that are due."""
    with database.begin() as tx:
        BARE_QUEUE.create(tx.connection)
        insert_rows(tx, {"id": list(range(count)), "step": "planned"}, {BARE_QUEUE: ("id", "step")})


def work_bare(url: str, batch: int) -> int:
    """The reference: take and finish until no row is due; how many this worker finished."""
    database, row = Database(url), BARE_QUEUE.c
    finished = 0
    while True:
        fence = secrets.token_hex(8)
        with database.begin() as tx:
            due = select(row.id).where(IS_DUE).order_by(row.id).limit(batch).with_for_update(skip_locked=True)
            taking = update(BARE_QUEUE).where(row.id.in_(due)).values(step="intent", fence=fence)
            taken = tx.execute(taking.returning(row.id)).scalars().all()
        if not taken:
            database.close()
            return finished
        with database.begin() as tx:
            mine = update(BARE_QUEUE).where(among(tx, row.id, taken), row.fence == fence)
            finished += tx.execute(mine.values(step="done", fence=None)).rowcount


def seconds_for(worker: Callable[[str, int], int], url: str, count: int, batch: int, workers: int) -> float:
    """How long so many workers need, from the moment at which all have started and imported."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(time.sleep, [0.5] * workers, chunksize=1)
        started = time.perf_counter()
        finished = sum(pool.starmap(worker, [(url, batch)] * workers, chunksize=1))
        seconds = time.perf_counter() - started
    if finished != count:
        raise SystemExit(f"{finished} of {count} operations were finished")
    return seconds


def measure(url: str, count: int, batch: int, workers: int) -> None:
    """Print one line: operations a second, and the ratio to the bare queue."""
    database = Database(url)
    migrate.upgrade(database)
    plan_operations(database, count)
    make_bare_queue(database, count)
    database.close()
    bare = seconds_for(work_bare, url, count, batch, workers)
    seconds = seconds_for(work, url, count, batch, workers)
    name = "PostgreSQL" if url.startswith("postgresql") else "SQLite"
    print(
        f"{name:<11} {workers} worker(s), {batch} a batch: {count / seconds:>9,.0f} operations/s, "
        f"{seconds / bare:.1f}x a bare queue ({count / bare:,.0f}/s)"
    )


def main() -> None:
    """Run both databases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=2_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(f"sqlite:///{Path(folder) / 'ledger.db'}", options.operations, options.batch, workers=1)
    with ThrowawayPostgres(SAFE) as server:
        measure(server.url(), options.operations, options.batch, workers=4)


if __name__ == "__main__":
    main()
