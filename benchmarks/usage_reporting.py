"""How fast a month of usage becomes a report, against DuckDB doing the same sums over one Parquet file.

    python -m benchmarks.usage_reporting [--sims 1000000] [--days 30] [--database sqlite|postgresql|both]

The first report copies the days out of the database; later ones copy what has changed since. The reference reads a
file that somebody has already written, with the ICCIDs as text, and makes the sums alone: by SIM and product, by day
and product, median and spread by product, the top of the list. Memory is the process's peak (Linux only).
"""

import argparse
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.loading import forget_peak_mib, peak_mib
from benchmarks.postgres import ThrowawayPostgres
from benchmarks.usage_world import MONTH, fill
from benchmarks.workplace import ACCOUNT
from domain.usage import DAY, Days
from engine.usage_report import report_of
from storage.database import Database
from storage.usage_copies import FOLDER
from storage.usage_figures import Figures, figures
from storage.usage_sets import Question, workbench

REFERENCE = (
    "CREATE TABLE of_sims AS SELECT iccid, product, sum(bytes)::BIGINT AS used FROM '{file}' GROUP BY ALL",
    "SELECT day, product, sum(bytes), count(*) FROM '{file}' GROUP BY ALL",
    "SELECT product, sum(used), count(*), median(ln(used)), mad(ln(used)) FROM of_sims WHERE used > 0 GROUP BY product",
    "SELECT iccid, used FROM of_sims ORDER BY used DESC LIMIT 10000",
)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--sims", type=int, default=1_000_000)
    asked.add_argument("--days", type=int, default=30)
    asked.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="sqlite")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.database != "postgresql":
            measure(
                "SQLite", Database(f"sqlite:///{folder}/simline.db"), Path(folder) / "s", options.sims, options.days
            )
        if options.database != "sqlite":
            with ThrowawayPostgres() as server:
                measure("PostgreSQL", Database(server.url()), Path(folder) / "p", options.sims, options.days)


def measure(name: str, database: Database, scratch: Path, sims: int, days: int) -> None:
    """First report, the next one, and the reference; all three agree."""
    fill(database, sims, days)
    asked = Question(Days(MONTH, MONTH + (days - 1) * DAY), carrier_account=None)
    first, _, _ = timed(database, scratch, asked)
    seconds, peak, told = timed(database, scratch, asked)
    database.close()
    file = one_file(scratch)
    reference, total = reference_seconds(file)
    assert total == told.counts["used"]
    rows = f"{sims * days / 1e6:,.1f} M rows ({sims:,} SIMs x {days} days, account {ACCOUNT})"
    print(f"{name}: {rows} as a report: {seconds:.1f} s, peak {peak:,} MiB; the first time {first:.1f} s")
    print(f"  reference, DuckDB alone over one Parquet file: {reference:.1f} s; ratio {seconds / reference:.1f}")


def timed(database: Database, scratch: Path, asked: Question) -> tuple[float, int, Figures]:
    """Seconds, peak MiB and what was told."""
    forget_peak_mib()
    started = time.perf_counter()
    told = figures(database, scratch, asked)
    report_of(told)
    return time.perf_counter() - started, peak_mib(), told


def one_file(scratch: Path) -> Path:
    """The copies as one file with ICCIDs as text, as an export would have them."""
    file = scratch / "month.parquet"
    with workbench(scratch) as duck:
        duck.execute(
            f"COPY (SELECT day, '89' || substr(sim::VARCHAR, 2) AS iccid, product, bytes "
            f"FROM read_parquet('{scratch / FOLDER}/*.parquet')) TO '{file}'"
        )
    return file


def reference_seconds(file: Path) -> tuple[float, int]:
    """The best of two runs, and the sum of all bytes."""
    best, total = float("inf"), 0
    for _ in range(2):
        started = time.perf_counter()
        with duckdb.connect(":memory:") as duck:
            for query in REFERENCE:
                duck.execute(query.format(file=file)).df()
            best = min(best, time.perf_counter() - started)
            total = int(duck.execute("SELECT sum(used) FROM of_sims").fetchall()[0][0])
    return best, total


if __name__ == "__main__":
    main()
