"""One engine with everything that it works with: a database, a folder to drop manifests into, one carrier account."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import func, select
from stdnum import luhn

from carriers.contract import Carrier, CarrierAccount
from carriers.registry import open_carrier
from carriers.simulated.supersim import CREDENTIALS
from domain.iccid import IssuerProfile
from domain.lifecycle import Stage, Step
from domain.manifests import ItemIdentity
from domain.pacing import Pace, Window, pace_of
from domain.plans import Plan
from domain.products import Tier
from engine.context import CarrierAtWork, Context, Timing, nothing_happens
from engine.intake import Intake
from engine.picking_up import pick_up
from storage import catalogue
from storage.catalogue import Account, Product
from storage.database import Database
from storage.schema import operations
from storage.sources.contract import Route
from storage.sources.folder import FolderSource
from storage.sources.given import GivenFiles
from storage.sources.moves import size_and_time
from storage.vault import Vault

ACCOUNT = "kore"
ISSUER = "8988307"
PLAN = Plan("kore/de", ACCOUNT, "germany", frozenset({"DE"}), None, 110, 5_000_000, 10.0, "USD", "HF" + "1" * 32)
VAULT_KEY = Fernet.generate_key().decode()
SWIFT = pace_of([Window(1000, 1)])
TIMEOUT_SECONDS = 5.0
"""So long may an answer take: a busy core has kept one back for two."""
TIMING = Timing(lease_seconds=12.0, lease_margin_seconds=0.2, poll_first_seconds=0.2, circuit_failures=1_000)
"""For an engine at a carrier's own simulation: it looks soon, and what it meets on its way ends no test early."""


def iccids(count: int, first: int = 0) -> list[str]:
    """So many valid ICCIDs of 20 digits, ascending."""
    bodies = [f"{ISSUER}{number:012d}" for number in range(first, first + count)]
    return [body + str(luhn.calc_check_digit(body)) for body in bodies]


def manifest(numbers: Sequence[str], *more: str) -> str:
    """A manifest of these SIMs, each with its registration code, and lines as they stand."""
    return "\n".join(["iccid,registration_code", *(f"{number},code-{number}" for number in numbers), *more, ""])


def open_supersim(url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> Carrier:
    """The adapter for a simulated carrier at this address."""
    account = CarrierAccount(ACCOUNT, "supersim", url, {"auth": "basic"}, CREDENTIALS, timeout_seconds)
    return open_carrier(account)


def stock(database: Database, tier: Tier = Tier.GROWTH) -> None:
    """An account with the products `tracker` and `scooter`, and one plan."""
    with database.begin() as tx:
        catalogue.create_account(tx, Account("acme", "Acme"))
        for name in ("tracker", "scooter"):
            catalogue.create_product(tx, Product(name, name.title(), "acme", tier))
        catalogue.sync_plans(tx, [PLAN])


@dataclass
class Rig:
    """What a test sees of it."""

    context: Context
    folder: Path
    taken_in: list[Intake] = field(default_factory=list)

    @property
    def inbox(self) -> Path:
        """Where manifests are dropped."""
        return self.folder / "drop" / "inbox"

    def drop(self, name: str, text: str) -> None:
        """Put a file into the inbox, whole, and keep a copy of its bytes."""
        partial = self.folder / f"{name}.part"
        partial.write_text(text)
        identity = ItemIdentity("inbox", name, size_and_time(partial.stat()))
        self._kept.mkdir(exist_ok=True)
        (self._kept / identity.manifest_id).write_text(text)
        partial.rename(self.inbox / name)

    @property
    def inputs(self) -> dict[str, Path]:
        """Manifest's id -> its bytes as they were dropped: what the checker compares with the ledger."""
        return {path.name: path for path in self._kept.glob("m-*")}

    @property
    def _kept(self) -> Path:
        return self.folder / "dropped"

    def take_in(self, name: str, text: str) -> Intake:
        """Drop one manifest and pick it up."""
        self.drop(name, text)
        (intake,) = pick_up(self.context)
        return intake

    def load(self, count: int, first: int = 0, name: str = "a.csv") -> str:
        """A manifest of so many SIMs, taken in; its id."""
        return self.take_in(name, manifest(iccids(count, first))).manifest_id

    def steps(self) -> dict[Step, int]:
        """Operations by step."""
        with self.context.database.read() as tx:
            counts = tx.execute(select(operations.c.step, func.count()).group_by(operations.c.step))
            return {Step(step): count for step, count in counts}

    def stages(self) -> dict[tuple[Stage, Step], int]:
        """Operations by stage and step."""
        c = operations.c
        with self.context.database.read() as tx:
            counts = tx.execute(select(c.stage, c.step, func.count()).group_by(c.stage, c.step))
            return {(Stage(stage), Step(step)): count for stage, step, count in counts}

    def but(self, **changes: object) -> "Rig":
        """The same with another worker, carrier, timing..."""
        return Rig(replace(self.context, slots={}, **changes), self.folder)  # type: ignore[arg-type]


def open_rig(
    database: Database,
    carrier: Carrier,
    folder: Path,
    *,
    pace: Pace = SWIFT,
    timing: Timing = Timing(poll_first_seconds=1.0),  # noqa: B008
    quiet_seconds: float = 60.0,
    timeout_seconds: float = TIMEOUT_SECONDS,
    threads: int = 4,
    worker: str = "worker-1",
    at: Callable[[str], None] = nothing_happens,
) -> Rig:
    """A worker on this database and carrier; several may share the folder."""
    route = Route(product="tracker", home_country="DE")
    source = FolderSource("inbox", folder / "drop", [route], still_seconds=0.0)
    source.prepare()
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    work = CarrierAtWork(carrier, pace, threads, timeout_seconds, quiet_seconds)
    context = Context(
        database=database,
        carriers={ACCOUNT: work},
        issuers=[IssuerProfile(ISSUER, "KORE", carrier_account=ACCOUNT)],
        sources={"inbox": source, "command-line": GivenFiles(folder / "results")},
        vault=Vault(VAULT_KEY),
        scratch=scratch,
        worker=worker,
        timing=timing,
        at=at,
    )
    return Rig(context, folder)
