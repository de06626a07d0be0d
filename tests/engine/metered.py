"""A fleet with usage at one simulated carrier, and an engine that collects it over HTTP."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import requests
from sqlalchemy import func, insert, select

from carriers.contract import CarrierAccount
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.faults import RequestKind
from carriers.simulated.registry import simulation_of
from carriers.simulated.server import SimulatedCarrierServer, run_server
from domain.lifecycle import SimState
from domain.usage import Days, Wanted
from engine.context import Timing
from engine.metering import collect_some, wanted_of
from engine.usage_standing import Standing, standing
from engine.usage_told import Collected
from storage.database import Database
from storage.schema import sims
from storage.usage_schema import usage_days
from tests.engine.rig import ACCOUNT, Rig, open_rig

CARRIERS = ("supersim", "particle", "1nce", "soracom", "telnyx")
OPTIONS = {"supersim": {"auth": "basic"}, "particle": {"product": "tracker"}}
TIMEOUT_SECONDS = 2.0


def today() -> date:
    """The present UTC day."""
    return datetime.now(UTC).date()


def days_ago(count: int) -> date:
    """So many days before today."""
    return today() - timedelta(days=count)


@dataclass
class Metered:
    """What a test sees of it."""

    rig: Rig
    server: SimulatedCarrierServer
    carrier: str

    def used(self, iccid: str, day: date, total_bytes: int) -> None:
        """Let the SIM have used so much, through the simulated carrier's own door."""
        usage = [{"iccid": iccid, "day": day.isoformat(), "bytes": total_bytes}]
        told = requests.post(f"{self.server.url}/_simulator/fleet", json={"usage": usage}, timeout=5)
        assert told.status_code == 200

    def wanted(self, days: Days | None = None) -> Wanted:
        """What a run that begins now asks for."""
        return wanted_of(self.rig.context, ACCOUNT, days)

    def collect(self, days: Days | None = None, wanted: Wanted | None = None) -> Collected:
        """One run: rounds until one says that it is over."""
        asked, whole = wanted or self.wanted(days), Collected()
        while not whole.is_over:
            whole.add(collect_some(self.rig.context, ACCOUNT, asked))
        return whole

    def standing(self, days: Days | None = None) -> Standing:
        """How it stands afterwards."""
        return standing(self.rig.context.database, ACCOUNT, days or self.wanted().days)

    def kept(self) -> dict[tuple[str, date], int]:
        """Every row: SIM and day -> bytes."""
        c = usage_days.c
        with self.rig.context.database.read() as tx:
            return {(iccid, day): total for iccid, day, total in tx.execute(select(c.iccid, c.day, c.total_bytes))}

    def total(self) -> int:
        """All bytes that are kept."""
        with self.rig.context.database.read() as tx:
            return int(tx.execute(select(func.sum(usage_days.c.total_bytes))).scalar_one() or 0)

    def requests(self) -> list[str]:
        """The paths of the requests for usage, in their order."""
        entries = self.server.carrier.log.entries()
        return [entry.path for entry in entries if entry.kind in (RequestKind.USAGE, RequestKind.LIST)]


@contextmanager
def open_metered(
    carrier: str, database: Database, folder: Path, numbers: Sequence[str], options: Options | None = None
) -> Iterator[Metered]:
    """These SIMs active at this carrier for a year, known to the ledger, without any usage."""
    server, url = run_server(options or Options(activation_seconds=0.0), carrier=carrier)
    secrets = dict(simulation_of(carrier).credentials)
    adapter = open_carrier(CarrierAccount(ACCOUNT, carrier, url, OPTIONS.get(carrier, {}), secrets, TIMEOUT_SECONDS))
    references = {number: server.carrier.fleet.put(number, SimState.ACTIVE, "DE").reference for number in numbers}
    add_sims(database, references)
    try:
        rig = open_rig(database, adapter, folder, timing=Timing(), timeout_seconds=TIMEOUT_SECONDS)
        yield Metered(rig, server, carrier)
    finally:
        adapter.close()
        server.close()


def add_sims(database: Database, references: dict[str, str], **columns: object) -> None:
    """SIMs of the product `tracker` that have been active for a year, unless said otherwise."""
    long_ago = datetime.now(UTC) - timedelta(days=365)
    usual: dict[str, object] = {
        "product_id": "tracker",
        "carrier_account": ACCOUNT,
        "plan_id": "kore/de",
        "home_country": "DE",
        "manifest_id": "m-0",
        "line": 1,
        "state": SimState.ACTIVE.value,
        "first_activated_at": long_ago,
        "created_at": long_ago,
    }
    rows = [usual | {"iccid": iccid, "carrier_reference": name} | columns for iccid, name in references.items()]
    with database.begin() as tx:
        tx.execute(insert(sims), rows)
