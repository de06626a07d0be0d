"""Reconciliation of a fleet with a carrier's listing, against DuckDB doing the same joins on the same rows.

    python -m benchmarks.reconciling [--sims 1000000] [--database sqlite|postgresql|both]

One SIM in a hundred differs. The reference reads the same columns through the same driver and joins inventory, ledger
and listing to count what differs; it judges nothing, names nobody and writes nothing down. Memory is this process's
peak during the work over what it held before (Linux only).
"""

import argparse
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
from sqlalchemy import insert

from benchmarks import workplace
from benchmarks.loading import forget_peak_mib, peak_mib, seconds
from benchmarks.postgres import ThrowawayPostgres
from benchmarks.workplace import ACCOUNT, PLAN
from engine.listing import Wanted
from engine.reconciling import Invoices, Scope, compare
from storage import findings
from storage.arrow import snapshot
from storage.bulk import insert_rows
from storage.database import Database
from storage.reconciling_schema import listed_sims, listings
from storage.schema import operations, sims

BLOCK = 65_536
DIFFERS_EVERY = 100


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--sims", type=int, default=1_000_000)
    asked.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.database != "postgresql":
            measure("SQLite", f"sqlite:///{folder}/simline.db", Path(folder), options.sims)
        if options.database != "sqlite":
            with ThrowawayPostgres() as server:
                measure("PostgreSQL", server.url(), Path(folder), options.sims)


def measure(name: str, url: str, folder: Path, count: int) -> None:
    """One line of results; the reference has already brought the pages into the machine's memory."""
    context = workplace.open_context(url, folder)
    workplace.prepare(context.database)
    fill(context.database, count)
    now = datetime.now(UTC)
    wanted = Wanted(now, now - timedelta(hours=2), now - timedelta(hours=2))
    reference(context.database, folder)
    plain = min(timed(lambda: reference(context.database, folder)) for _ in range(2))
    before = forget_peak_mib()
    runs = [timed(lambda: compare(context, Scope(), wanted, Invoices(), actor="bench")) for _ in range(2)]
    peak = peak_mib() - before
    with context.database.read() as tx:
        run = findings.newest(tx, Scope().name)
        assert run is not None
        found = findings.count(tx, run.id)
    assert found == count // DIFFERS_EVERY, found
    context.database.close()
    print(f"{name}: {count:,} x {count:,} SIMs, {found:,} findings kept: {min(runs):.1f} s, +{peak} MiB")
    print(f"  reference, DuckDB with the same joins: {plain:.1f} s; ratio {min(runs) / plain:.1f}")


def timed(work: object) -> float:
    assert callable(work)
    return seconds(work)


def fill(database: Database, count: int) -> None:
    """SIMs that were activated long ago; one in a hundred is stopped at the carrier."""
    long_ago = datetime.now(UTC) - timedelta(days=300)
    listed_at = int(time.time()) - 3600
    sim = {"product_id": "tracker", "carrier_account": ACCOUNT, "plan_id": PLAN.id, "home_country": "DE", "line": 1}
    sim |= {"manifest_id": "m-0", "state": "active", "created_at": long_ago, "seen_at": long_ago}
    sim |= {"first_activated_at": long_ago, "last_activated_at": long_ago}
    done = {"action": "activate", "generation": 1, "carrier_account": ACCOUNT, "manifest_id": "m-0", "step": "done"}
    done |= {"stage": "change", "due_at": long_ago, "created_at": long_ago, "finished_at": long_ago, "line": 1}
    shown = {"carrier_account": ACCOUNT, "listing": 1, "listed_at": listed_at, "plan_reference": PLAN.carrier_reference}
    with database.begin() as tx:
        tx.execute(insert(listings).values(carrier_account=ACCOUNT, number=1, pages_ended=True, page_count=1))
        times = {"begun_at": datetime.fromtimestamp(listed_at, UTC), "ended_at": datetime.now(UTC)}
        tx.execute(listings.update().values(times))
        for start in range(0, count, BLOCK):
            numbers = [f"8901410{number:012d}{number % 10}" for number in range(start, min(start + BLOCK, count))]
            states = [
                "deactivated" if number % DIFFERS_EVERY == 0 else "active"
                for number in range(start, start + len(numbers))
            ]
            for table, row in ((sims, sim), (operations, done)):
                insert_rows(tx, {"iccid": numbers} | row, {table: ("iccid", *row)})
            told = {"iccid": numbers, "state": states, "word": states} | shown
            plain = {name: value if isinstance(value, list) else [value] * len(numbers) for name, value in told.items()}
            insert_rows(tx, plain, {listed_sims: tuple(plain)})


def reference(database: Database, folder: Path) -> None:
    """The same columns through the same driver, and one join of all."""
    duck = duckdb.connect(":memory:", config={"memory_limit": "512MB", "threads": 2, "temp_directory": str(folder)})
    with snapshot(database) as snap:
        at = snap.seconds
        tables = {
            "o": "SELECT iccid, carrier_account, product_id, plan_id, state, "
            f"{at('first_activated_at')} AS first_at, {at('last_activated_at')} AS last_at, {at('seen_at')} AS seen_at "
            "FROM sims",
            "d": "SELECT iccid, action, step FROM operations "
            "WHERE NOT (action = 'activate' AND generation = 1 AND step = 'done')",
            "s": "SELECT carrier_account, iccid, listing, listed_at, state, word, plan_reference FROM listed_sims",
        }
        for name, statement in tables.items():
            duck.register("batches", snap.batches(statement))
            duck.execute(f"CREATE TABLE {name} AS SELECT * FROM batches")
            duck.unregister("batches")
    joined = (
        "SELECT coalesce(o.state, ''), coalesce(s.state, ''), count(*) FROM o "
        "FULL JOIN s USING (carrier_account, iccid) LEFT JOIN d ON d.iccid::VARCHAR = o.iccid GROUP BY ALL"
    )
    assert len(duck.execute(joined).fetchall()) == 2
    duck.close()


if __name__ == "__main__":
    main()
