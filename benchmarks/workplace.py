"""What the benchmarks of the engine share: a database with one product and plan, and one carrier account."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.manifest import ISSUERS
from carriers.contract import CarrierAccount
from carriers.registry import open_carrier
from carriers.simulated.supersim import CREDENTIALS
from domain.brake import Brake
from domain.iccid import IssuerProfile
from domain.pacing import Window, pace_of
from domain.plans import Plan
from domain.products import Tier
from engine.context import CarrierAtWork, Context, Timing
from engine.intake import Intake
from engine.picking_up import claim, take_in_claimed
from engine.placing import Defaults
from storage import catalogue, migrate
from storage.database import Database
from storage.sources.given import GivenFiles
from storage.vault import Vault

ACCOUNT = "bench"
VAULT = Vault("c2ltbGluZS1iZW5jaG1hcmtzLW5vdC1hLXNlY3JldC4=")  # the same in every process
NOWHERE = "http://127.0.0.1:9"
PLAN = Plan(f"{ACCOUNT}/world", ACCOUNT, "world", frozenset(), None, 100, 5_000_000, 1.0, "EUR", "HF" + "0" * 32)


def issuers() -> list[IssuerProfile]:
    """The generator's issuers, all of the one account."""
    return [IssuerProfile(one.prefix, one.name, one.lengths, carrier_account=ACCOUNT) for one in ISSUERS]


def prepare(database: Database) -> None:
    """Tables, one product without a limit, one plan for everywhere."""
    migrate.upgrade(database)
    with database.begin() as tx:
        catalogue.create_account(tx, catalogue.Account("acme", "Acme"))
        catalogue.create_product(tx, catalogue.Product("tracker", "Tracker", "acme", Tier.ENTERPRISE))
        catalogue.sync_plans(tx, [PLAN])


def open_context(
    database_url: str,
    scratch: Path,
    *,
    carrier_url: str = NOWHERE,
    limit: Sequence[Window] = (Window(100),),
    by_code: bool = False,
) -> Context:
    """The engine's context. Unless `by_code`, the account's SIMs come registered and manifests need no codes."""
    options = {"registration": "code" if by_code else "done"}
    account = CarrierAccount(ACCOUNT, "supersim", carrier_url, options, CREDENTIALS)
    at_work = CarrierAtWork(open_carrier(account), pace_of(limit), quiet_seconds=60)
    return open_engine(database_url, scratch, {ACCOUNT: at_work}, issuers())


def open_engine(
    database_url: str, scratch: Path, carriers: Mapping[str, CarrierAtWork], issuers: Sequence[IssuerProfile]
) -> Context:
    """The engine's context with these carrier accounts."""
    return Context(
        database=Database(database_url),
        carriers=dict(carriers),
        issuers=list(issuers),
        sources={GivenFiles.name: GivenFiles(scratch)},
        vault=VAULT,
        scratch=scratch,
        worker=f"bench-{os.getpid()}",
        timing=Timing(poll_first_seconds=1.0),
        brake=Brake(sims=100_000_000, growth=1e9),
    )


def take_in_file(context: Context, path: Path) -> Intake | None:
    """Take this manifest in as the command line does; None where it was taken in before."""
    source = context.sources[GivenFiles.name]
    assert isinstance(source, GivenFiles)
    claimed = claim(context, source, source.item(path), "bench", Defaults("tracker", "DE"))
    return take_in_claimed(context, claimed, "bench") if claimed else None


def take_in_all(context: Context, path: Path, count: int) -> None:
    """Take a manifest in that has so many new SIMs. Ends the program where it has not."""
    intake = take_in_file(context, path)
    if intake is None or intake.counts.accepted != count:
        raise SystemExit(f"The manifest was not taken in: {intake}")


@contextmanager
def simulated_carrier(
    folder: Path, limit: int, *, fleet: Path | None = None, carrier: str = "supersim"
) -> Iterator[tuple[str, Path]]:
    """A simulated carrier in a process of its own; its address and its log."""
    log = folder / "requests.jsonl"
    command = [sys.executable, "-m", "carriers.simulated", carrier, "--open"]
    command += ["--log", str(log), "--limit", f"{limit}/1"]
    command += ["--fleet", str(fleet)] if fleet else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with suppress(PermissionError):  # a real carrier does not wait for the cores of its customers
        os.setpriority(os.PRIO_PROCESS, process.pid, -10)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), log
    finally:
        process.terminate()
        process.wait(10)
