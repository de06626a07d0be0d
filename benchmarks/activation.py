"""SIMs through a simulated carrier at its limit, with two worker processes: how much of the limit is used.

    python -m benchmarks.activation [--sims 5000] [--limit 100] [--workers 2] [--database sqlite|postgresql]

The reference is the limit itself: the share of it that reached the carrier, from the carrier's own log, between the
first request and the last one that asks for a change. The most requests in any second come from the same log.
"""

import argparse
import multiprocessing
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from stdnum.luhn import calc_check_digit

from benchmarks.manifest import ISSUERS
from benchmarks.postgres import SAFE, ThrowawayPostgres
from benchmarks.workplace import ACCOUNT, open_context, prepare, simulated_carrier, take_in_all
from carriers.simulated.log import Entry, changing_requests, most_in_any_window, read_log
from domain.lifecycle import Step
from domain.pacing import Window
from engine.context import Context
from engine.invariants import CarrierLog, violations
from engine.sending import send_due
from engine.settling import settle_due
from storage import manifests
from storage.database import Database


def import_sims(context: Context, folder: Path, count: int) -> Path:
    """A manifest of `count` SIMs with registration codes, into planned operations; the file."""
    path = folder / "manifest.csv"
    prefix = ISSUERS[0].prefix
    iccids = (number + calc_check_digit(number) for number in (f"{prefix}{i:012d}" for i in range(count)))
    path.write_text("iccid,registration_code\n" + "".join(f"{iccid},CODE\n" for iccid in iccids))
    take_in_all(context, path, count)
    return path


def work(url: str, carrier_url: str, limit: int, folder: str) -> None:
    """One worker: send and settle until every operation has ended."""
    context = open_context(url, Path(folder), carrier_url=carrier_url, limit=[Window(limit)], by_code=True)
    while not _is_over(context.database):
        taken = send_due(context, ACCOUNT).taken + settle_due(context, ACCOUNT).taken
        if not taken:
            time.sleep(0.2)
    context.database.close()


def _is_over(database: Database) -> bool:
    with database.read() as tx:
        return all(set(manifests.operation_counts(tx, row.id)) <= {Step.DONE} for row in manifests.listing(tx, 10))


def share_of_limit(entries: list[Entry], limit: int) -> float:
    """Requests a second while there was work to send, up to the last change, as a share of the limit."""
    ends = max(entry.at for entry in changing_requests(entries))
    arrivals = [entry.at for entry in entries if entry.method and entry.at <= ends]
    return (len(arrivals) - 1) / (max(arrivals) - min(arrivals)) / limit


def measure(url: str, folder: Path, options: argparse.Namespace) -> None:
    """Print one line for this database."""
    database = Database(url)
    prepare(database)
    context = open_context(url, folder, limit=[Window(options.limit)], by_code=True)
    path = import_sims(context, folder, options.sims)
    with simulated_carrier(folder, options.limit) as (carrier_url, log_file):
        started = time.perf_counter()
        with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
            pool.starmap(work, [(url, carrier_url, options.limit, str(folder))] * options.workers, chunksize=1)
        seconds = time.perf_counter() - started
        entries = read_log(log_file)
    most = most_in_any_window(entries, 1.0)
    log = CarrierLog(ACCOUNT, entries, [Window(options.limit)])
    broken = violations(context, [log], {str(path.resolve()): path})
    name = "PostgreSQL" if database.is_postgresql else "SQLite"
    print(f"{name:<11} {options.sims:,} SIMs, {options.workers} workers: {seconds:6.1f} s, {len(entries):,} requests")
    print(f"{'':<11} {share_of_limit(entries, options.limit):.1%} of the limit, most in any second {most}")
    print(f"{'':<11} {len(broken)} broken promises {' '.join(one.sentence for one in broken[:3])}")
    database.close()


def main() -> None:
    """One database, or both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sims", type=int, default=5_000)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if options.database != "postgresql":
            measure(f"sqlite:///{folder / 'activation.db'}", folder, options)
        if options.database != "sqlite":
            server = stack.enter_context(ThrowawayPostgres(SAFE))
            second = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            measure(server.url(), second, options)


if __name__ == "__main__":
    main()
