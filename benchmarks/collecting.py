"""Requests that a night's collecting of usage costs at each carrier, against the least that its API allows.

    python -m benchmarks.collecting [--sims 2000]

Every SIM used something on each of the last seven days. The least: one request a SIM where the carrier is asked for
one SIM at a time, all pages where it tells of all of them, a token where it wants one. A second run asks for nothing.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

from sqlalchemy import insert

from benchmarks.carriers import SITES, Site, stock
from benchmarks.workplace import open_engine
from carriers import supersim_usage
from carriers.contract import CarrierAccount, UsageScope
from carriers.registry import CAPABILITIES, open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.registry import simulation_of
from carriers.simulated.server import SimulatedCarrierServer, run_server
from domain.lifecycle import SimState
from domain.pacing import Window, pace_of
from engine.context import CarrierAtWork, Context
from engine.metering import collect_some, wanted_of
from storage.schema import sims as sims_table

DAYS = 7
LIMIT = 10_000
TOKENS = {"soracom": 1, "1nce": 1}


def least(site: Site, sims: int) -> int:
    """The fewest requests that tell what so many SIMs used on so many days."""
    can = CAPABILITIES[site.carrier]
    if can.usage is UsageScope.SIM:
        return TOKENS.get(site.carrier, 0) + sims
    if can.usage_by_day:
        return ceil(sims * DAYS / supersim_usage.PAGE_SIZE)
    return ceil(sims / can.page_size)


@contextmanager
def fleet_of(site: Site, sims: int, folder: Path) -> Iterator[tuple[Context, SimulatedCarrierServer]]:
    """So many active SIMs at this carrier, with usage, known to the ledger."""
    server, url = run_server(Options(activation_seconds=0.0), carrier=site.carrier)
    options = {name: word.replace("URL", url) for name, word in site.options.items()}
    secrets = dict(simulation_of(site.carrier).credentials)
    adapter = open_carrier(CarrierAccount(site.carrier, site.carrier, url, options, secrets))
    at_work = {site.carrier: CarrierAtWork(adapter, pace_of([Window(LIMIT)]), quiet_seconds=60)}
    context = open_engine(f"sqlite:///{folder / 'simline.db'}", folder, at_work, [])
    stock(context.database, [site])
    now = datetime.now(UTC)
    rows = []
    for number, iccid in enumerate(site.iccids(sims)):
        reference = server.carrier.fleet.put(iccid, SimState.ACTIVE, "DE").reference
        for back in range(1, DAYS + 1):
            server.carrier.fleet.put_usage(iccid, (now - timedelta(days=back)).date(), 1_000 + number)
        rows.append(_row(site, iccid, number, reference, now))
    with context.database.begin() as tx:
        tx.execute(insert(sims_table), rows)
    try:
        yield context, server
    finally:
        context.database.close()
        adapter.close()
        server.close()


def _row(site: Site, iccid: str, line: int, reference: str, now: datetime) -> dict[str, object]:
    return {
        "iccid": iccid,
        "product_id": "tracker",
        "carrier_account": site.carrier,
        "plan_id": f"{site.carrier}/world",
        "home_country": "DE",
        "manifest_id": "m-1",
        "line": line,
        "state": SimState.ACTIVE.value,
        "carrier_reference": reference,
        "first_activated_at": now - timedelta(days=365),
        "created_at": now - timedelta(days=365),
    }


def collect(context: Context, account: str) -> int:
    """Collect until nothing is left; how many days of SIMs were told."""
    asked, told = wanted_of(context, account), 0
    is_over = False
    while not is_over:
        done = collect_some(context, account, asked)
        told, is_over = told + done.day_count, done.is_over
    return told


def main() -> None:
    """Print the requests of each carrier, and of a second run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sims", type=int, default=2_000)
    count = parser.parse_args().sims
    for site in SITES:
        with tempfile.TemporaryDirectory() as folder, fleet_of(site, count, Path(folder)) as (context, server):
            told = collect(context, site.carrier)
            seen = len(server.carrier.log.entries())
            collect(context, site.carrier)
            again = len(server.carrier.log.entries()) - seen
        few = least(site, count)
        line = f"{site.carrier:<9} {count:,} SIMs, {told:,} days told: {seen:,} requests, {seen / few:.2f}x the least"
        print(f"{line} ({few:,}); a second run: {again}")


if __name__ == "__main__":
    main()
