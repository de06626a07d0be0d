"""Requests, limits and company: what each carrier costs, and whether five at once are as quick as the slowest alone.

    python -m benchmarks.carriers [--sims 10000] [--limit 50] [--limited-sims 600]

Three figures, all from the simulated carriers' own logs: requests from the first one to the last confirmation against
the least that the carrier's API allows; the share of a limit that is used, for some seconds at each carrier (where a
request names a hundred SIMs, ten times as many SIMs meet a tenth of the limit); and the time of all carriers side by
side against the slowest of them alone.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from sqlalchemy import func, select
from stdnum.luhn import calc_check_digit

from benchmarks.activation import share_of_limit
from benchmarks.workplace import open_engine, simulated_carrier, take_in_all
from carriers.contract import CarrierAccount
from carriers.registry import CAPABILITIES, open_carrier
from carriers.simulated.log import Entry, most_in_any_window, read_log
from carriers.simulated.registry import simulation_of
from domain.iccid import IssuerProfile
from domain.lifecycle import Step
from domain.pacing import Window, pace_of
from domain.plans import Plan
from domain.products import Tier
from engine.context import CarrierAtWork, Context
from engine.sending import send_due
from engine.settling import settle_due
from storage import catalogue, migrate
from storage.database import Database
from storage.schema import operations


@dataclass(frozen=True, eq=False)
class Site:
    """One carrier in the benchmark: its SIMs, its plan, how it is reached, and the least requests for n SIMs."""

    carrier: str
    prefix: str
    least: Callable[[int], int]
    plan: str = ""
    options: dict[str, str] = field(default_factory=dict)
    has_its_sims: bool = False
    names_many: bool = False

    def iccids(self, count: int) -> list[str]:
        """So many of its SIMs."""
        bodies = (f"{self.prefix}{number:0{19 - len(self.prefix)}d}" for number in range(count))
        return [body + calc_check_digit(body) for body in bodies]


def pages(carrier: str, sims: int) -> int:
    """Requests that list so many SIMs."""
    return ceil(sims / CAPABILITIES[carrier].page_size)


SITES = (
    Site(
        "particle",
        "8934076",
        lambda n: ceil(n / 100) + pages("particle", n),
        options={"product": "1"},
        names_many=True,
    ),
    Site("supersim", "8988307", lambda n: 2 * n + pages("supersim", n), plan="HF" + "0" * 32),
    Site(
        "telnyx",
        "8931040",
        lambda n: ceil(n / 100) + n + pages("telnyx", n),
        plan="6a09cdc3-8948-47f0-aa62-74ac943d6c58",
    ),
    Site("soracom", "8942310", lambda n: 1 + n + 2 * ceil(n / 10_000), options={"batch_group": "demo"}),
    Site(
        "1nce",
        "8988228",
        lambda n: 1 + pages("1nce", n) + ceil(n / 100) + pages("1nce", n),
        has_its_sims=True,
        names_many=True,
    ),
)
"""The least: claims that name as many SIMs as they can, changes likewise, and one look at all of them; a token each for
Soracom and 1NCE. 1NCE's SIMs must be read before they are changed; Soracom's job is begun and asked about once."""


@dataclass(frozen=True)
class Load:
    """How many SIMs meet which limit, in requests a second."""

    sims: int
    limit: int

    def at(self, site: Site) -> "Load":
        """The same for a carrier whose requests name many SIMs: it lasts some seconds there too."""
        return Load(10 * self.sims, max(1, self.limit // 10)) if site.names_many else self


@contextmanager
def carriers_of(sites: Mapping[Site, Load], folder: Path) -> Iterator[dict[str, tuple[str, Path]]]:
    """Simulated carriers, a process each: name -> address and log."""
    with ExitStack() as running:
        found = {}
        for site, load in sites.items():
            home = folder / site.carrier
            home.mkdir()
            found[site.carrier] = running.enter_context(simulated_carrier(home, load.limit, carrier=site.carrier))
            if site.has_its_sims:
                deliver(found[site.carrier][0], site.iccids(load.sims))
        yield found


def deliver(url: str, iccids: Sequence[str]) -> None:
    """Have these SIMs in the account."""
    body = json.dumps({"sims": [{"iccid": iccid, "state": "inactive"} for iccid in iccids]}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/_simulator/fleet", body)) as answer:  # noqa: S310
        answer.read()


@dataclass(frozen=True)
class Place:
    """Where a run happens: its database, its folder, and each carrier's address and limit."""

    url: str
    folder: Path
    addresses: dict[str, str]
    limits: dict[str, int]

    @property
    def sites(self) -> list[Site]:
        """The carriers that take part."""
        return [site for site in SITES if site.carrier in self.addresses]


def open_sites(place: Place) -> Context:
    """The engine with an account of each carrier."""
    at_work = {}
    for site in place.sites:
        secrets = dict(simulation_of(site.carrier).credentials)
        address = place.addresses[site.carrier]
        options = {name: word.replace("URL", address) for name, word in site.options.items()}
        account = CarrierAccount(site.carrier, site.carrier, address, options, secrets)
        at_work[site.carrier] = CarrierAtWork(
            open_carrier(account), pace_of([Window(place.limits[site.carrier])]), quiet_seconds=60
        )
    issuers = [IssuerProfile(site.prefix, site.carrier, carrier_account=site.carrier) for site in place.sites]
    return open_engine(place.url, place.folder, at_work, issuers)


def stock(database: Database, sites: Iterable[Site]) -> None:
    """Tables, a product, and a plan at each carrier."""
    migrate.upgrade(database)
    plans = [
        Plan(f"{site.carrier}/world", site.carrier, "world", frozenset(), None, 100, 5_000_000, 1.0, "EUR", site.plan)
        for site in sites
    ]
    with database.begin() as tx:
        catalogue.create_account(tx, catalogue.Account("acme", "Acme"))
        catalogue.create_product(tx, catalogue.Product("tracker", "Tracker", "acme", Tier.ENTERPRISE))
        catalogue.sync_plans(tx, plans)


def import_sims(context: Context, folder: Path, sites: Mapping[Site, Load]) -> None:
    """One manifest with SIMs of every carrier."""
    path = folder / "manifest.csv"
    rows = (f"{iccid},CODE{iccid}\n" for site, load in sites.items() for iccid in site.iccids(load.sims))
    path.write_text("iccid,registration_code\n" + "".join(rows))
    take_in_all(context, path, sum(load.sims for load in sites.values()))


def work(place: Place, account: str) -> float:
    """One worker for one account: send and settle until every operation has ended; how many seconds it took."""
    context = open_sites(place)
    started = time.monotonic()
    while not _is_over(context.database, account):
        if not send_due(context, account).taken + settle_due(context, account).taken:
            time.sleep(0.1)
    context.database.close()
    return time.monotonic() - started


def _is_over(database: Database, account: str) -> bool:
    c = operations.c
    still = select(func.count()).where(c.carrier_account == account, c.step != Step.DONE)
    with database.read() as tx:
        return bool(tx.execute(still).scalar_one() == 0)


def run(sites: Mapping[Site, Load]) -> tuple[dict[str, float], dict[str, list[Entry]]]:
    """Provision so many SIMs at each of these carriers at once: seconds and log of each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'carriers.db'}"
        database = Database(url)
        stock(database, sites)
        with carriers_of(sites, folder) as running:
            addresses = {carrier: address for carrier, (address, _) in running.items()}
            place = Place(url, folder, addresses, {site.carrier: load.limit for site, load in sites.items()})
            import_sims(open_sites(place), folder, sites)
            with multiprocessing.get_context("spawn").Pool(len(sites)) as pool:
                seconds = pool.starmap(work, [(place, carrier) for carrier in running], chunksize=1)
            logs = {carrier: read_log(log) for carrier, (_, log) in running.items()}
        database.close()
    return dict(zip(logs, seconds, strict=True)), logs


def main() -> None:
    """Print the three figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sims", type=int, default=10_000)
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--limited-sims", type=int, default=600)
    options = parser.parse_args()
    for site in SITES:
        _, logs = run({site: Load(options.sims, 10_000)})
        seen, least = len(logs[site.carrier]), site.least(options.sims)
        print(f"{site.carrier:<9} {options.sims:,} SIMs: {seen:,} requests, {seen / least:.2f}x the least ({least:,})")
    alone: dict[str, float] = {}
    loads = {site: Load(options.limited_sims, options.limit).at(site) for site in SITES}
    for site, load in loads.items():
        seconds, logs = run({site: load})
        alone |= seconds
        entries = logs[site.carrier]
        most, share = most_in_any_window(entries, 1.0), share_of_limit(entries, load.limit)
        print(f"{site.carrier:<9} {load.sims:,} at {load.limit}/s: {share:.1%} of the limit, most in any second {most}")
    together, _ = run(loads)
    ratio = max(together.values()) / max(alone.values())
    print(f"All at once: {max(together.values()):.1f} s, {ratio:.2f}x the slowest alone ({max(alone.values()):.1f} s)")


if __name__ == "__main__":
    main()
