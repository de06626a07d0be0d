"""Claim and finish operations through the ledger, with its history, on SQLite and on PostgreSQL with four workers.

    python -m benchmarks.ledger [--operations 200000] [--batch 2000]

The reference is the same number of rows changed by one bare UPDATE statement in the same run: the ledger's price is
the ratio. Each operation makes two transitions (planned -> intent -> done), each with its history row, in two commits
a batch; a batch is what one lease takes at a carrier that allows 100 requests a second.
"""

import argparse
import multiprocessing
import secrets
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from benchmarks.postgres import SAFE, ThrowawayPostgres
from domain.lifecycle import Step
from domain.plain_rows import iccids_of
from storage import ledger, migrate
from storage.database import Database
from storage.ledger import Lease, Move
from storage.loading import LoadBlock, load_block

ACCOUNT = "bench"
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


def bare_update(database: Database) -> float:
    """Seconds for one UPDATE of every row: what the database can do at best."""
    started = time.perf_counter()
    with database.begin() as tx:
        tx.execute(text("UPDATE operations SET detail = 'reference'"))
    return time.perf_counter() - started


def measure(url: str, count: int, batch: int, workers: int) -> None:
    """Print one line: operations a second, and the ratio to the bare UPDATE."""
    database = Database(url)
    migrate.upgrade(database)
    plan_operations(database, count)
    reference = bare_update(database)
    database.close()
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(time.sleep, [0.5] * workers, chunksize=1)  # all workers have started and imported
        started = time.perf_counter()
        finished = sum(pool.starmap(work, [(url, batch)] * workers, chunksize=1))
    seconds = time.perf_counter() - started
    if finished != count:
        raise SystemExit(f"{finished} of {count} operations were finished")
    name = "PostgreSQL" if url.startswith("postgresql") else "SQLite"
    rate, ratio = count / seconds, seconds / reference
    print(f"{name:<11} {workers} worker(s), {batch} a batch: {rate:>9,.0f} operations/s, {ratio:.1f}x one bare UPDATE")


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
