"""A small world for reconciliation: SIMs of ours, SIMs at a simulated carrier over HTTP, and runs that compare them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, update

from carriers.contract import CarrierAccount
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.registry import simulation_of
from carriers.simulated.server import SimulatedCarrierServer, run_server
from domain.lifecycle import Action, SimState, Stage, Step
from engine.context import Progress, Timing, nobody_watches
from engine.reconciling import Invoices, Scope, compare, list_account, wanted
from storage import findings
from storage.database import Database
from storage.findings import AccountRun, Finding, Run
from storage.reconciling_schema import listings
from storage.schema import EPOCH, operations, sims
from storage.usage_schema import usage_days, usage_known
from tests.engine.rig import ACCOUNT, PLAN, Rig, open_rig

OPTIONS = {"supersim": {"auth": "basic"}, "particle": {"product": "tracker"}}
LONG_AGO = timedelta(days=200)
EVERYTHING = Scope()


def now() -> datetime:
    """The present."""
    return datetime.now(UTC)


@dataclass
class Reconciled:
    """What a test sees of it."""

    rig: Rig
    server: SimulatedCarrierServer
    carrier: str

    @property
    def database(self) -> Database:
        """The ledger."""
        return self.rig.context.database

    def at_carrier(self, iccid: str, state: SimState = SimState.ACTIVE, plan: str = PLAN.carrier_reference) -> None:
        """Have this SIM in the carrier's account."""
        self.server.carrier.fleet.put(iccid, state, plan)

    def both(self, iccids: Sequence[str]) -> None:
        """SIMs that are active on both sides."""
        for iccid in iccids:
            self.at_carrier(iccid)
        self.ours(*iccids)

    def ours(
        self,
        *iccids: str,
        state: SimState = SimState.ACTIVE,
        since: timedelta = LONG_AGO,
        step: Step = Step.DONE,
        **columns: object,
    ) -> None:
        """SIMs of ours whose activation was done so long ago, unless said otherwise."""
        at = now() - since
        usual: dict[str, object] = {
            **{"product_id": "tracker", "carrier_account": ACCOUNT, "plan_id": PLAN.id, "home_country": "DE"},
            **{"manifest_id": "m-0", "line": 1, "state": state.value, "created_at": at, "seen_at": at},
            **{"first_activated_at": at, "last_activated_at": at},
        }
        with self.database.begin() as tx:
            names = {
                iccid: sim.reference if (sim := self.server.carrier.fleet.find(iccid)) else None for iccid in iccids
            }
            rows = [usual | {"iccid": iccid, "carrier_reference": name} | columns for iccid, name in names.items()]
            tx.execute(insert(sims), rows)
        for iccid in iccids:
            self.operation(iccid, Action.ACTIVATE, step, since=since)

    def operation(
        self, iccid: str, action: Action, step: Step, generation: int = 1, since: timedelta = LONG_AGO
    ) -> None:
        """An operation of a SIM that was asked for, and ended if it did, so long ago; its deadline is a day later."""
        at = now() - since
        row = {
            **{"iccid": iccid, "action": action.value, "generation": generation, "carrier_account": ACCOUNT},
            **{
                "manifest_id": "m-0",
                "line": 1,
                "step": step.value,
                "stage": Stage.CHANGE.value,
                "due_at": at,
                "created_at": at,
            },
            **{"intent_at": at, "deadline_at": at + timedelta(days=1), "finished_at": at},
        }
        with self.database.begin() as tx:
            tx.execute(insert(operations).values(row))

    def used(self, iccid: str, day: date, total_bytes: int) -> None:
        """What the carrier told of a SIM's day."""
        told = {"day": day, "iccid": iccid, "carrier_account": ACCOUNT, "product_id": "tracker", "as_of": now()}
        with self.database.begin() as tx:
            tx.execute(insert(usage_days).values(**told, total_bytes=total_bytes, is_derived=False))

    def usage_is_known(self) -> None:
        """All days until now were collected to an end."""
        days = {"first_day": EPOCH, "last_day": now().date(), "known_at": now()}
        with self.database.begin() as tx:
            tx.execute(insert(usage_known).values(carrier_account=ACCOUNT, iccid="", **days))

    def reconcile(self, scope: Scope = EVERYTHING, invoices: Invoices = Invoices()) -> Run:  # noqa: B008
        """One run to its end."""
        asked = wanted(self.rig.context)
        until = self.rig.context.stopwatch.monotonic() + 60
        for account in self.rig.context.carriers:
            list_account(self.rig.context, account, asked, until=until)
        return compare(self.rig.context, scope, asked, invoices, actor="test")

    def an_hour_later(self) -> None:
        """What was listed is an hour old: the next run lists anew."""
        c = listings.c
        with self.database.begin() as tx:
            tx.execute(update(listings).values({c.begun_at: now() - timedelta(hours=1)}))
            tx.execute(update(listings).where(c.ended_at.is_not(None)).values({c.ended_at: now() - timedelta(hours=1)}))

    def fail_after_pages(self, count: int) -> None:
        """Let the carrier answer 503 to every listing, as soon as so many more pages were told."""
        told = len(self.listings())
        down = Faults({Fault.ERROR_503: 1.0}, frozenset({RequestKind.LIST}))

        def watch(news: Progress) -> None:
            if news.stage == "listing" and len(self.listings()) - told == count:
                self.server.carrier.faults = down

        self.rig = self.rig.but(watch=watch)

    def carrier_is_up_again(self) -> None:
        """It answers from now on."""
        self.server.carrier.faults = Faults()
        self.rig = self.rig.but(watch=nobody_watches)

    def found(self, run: Run) -> dict[str, set[str]]:
        """Kind -> ICCIDs, of what is found now."""
        kinds: dict[str, set[str]] = {}
        for one in self.all(run):
            if one.change in ("new", "still"):
                kinds.setdefault(one.kind, set()).add(one.iccid)
        return kinds

    def all(self, run: Run) -> list[Finding]:
        """Everything of a run."""
        with self.database.read() as tx:
            return list(findings.of_run(tx, run.id))

    def account(self, run: Run) -> AccountRun:
        """How the account stood in a run."""
        with self.database.read() as tx:
            (one,) = findings.accounts(tx, run.id)
        return one

    def listings(self) -> list[str]:
        """The requests for pages, in their order."""
        return [one.path for one in self.server.carrier.log.entries() if one.kind is RequestKind.LIST]


@contextmanager
def open_reconciled(carrier: str, database: Database, folder: Path, **changes: object) -> Iterator[Reconciled]:
    """Nothing on either side yet."""
    server, url = run_server(Options(open_registry=True, activation_seconds=0.0), carrier=carrier)
    secrets = dict(simulation_of(carrier).credentials)
    adapter = open_carrier(CarrierAccount(ACCOUNT, carrier, url, OPTIONS.get(carrier, {}), secrets, 2.0))
    try:
        rig = open_rig(database, adapter, folder, timing=Timing(), timeout_seconds=2.0)
        yield Reconciled(rig.but(**changes) if changes else rig, server, carrier)
    finally:
        adapter.close()
        server.close()
