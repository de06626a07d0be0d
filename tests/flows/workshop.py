"""One simline on this machine: an inbox, a database, and a simulated carrier behind each carrier account."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import func, select
from stdnum import luhn

from carriers.simulated.access import Keys
from carriers.simulated.carrier import Options
from carriers.simulated.faults import Faults
from carriers.simulated.log import Entry, changing_requests
from carriers.simulated.server import SimulatedCarrierServer, run_server
from config.build import make_folders
from config.settings import load_settings
from domain.lifecycle import Step
from domain.pacing import Window
from engine.context import Context
from storage import manifests
from storage.manifests import ManifestRow
from storage.schema import operations, sims
from tasks.context import engine_of

ISSUERS = {"supersim": "8988307", "second": "8988323"}
KEYS = Keys()

SIMLINE = """
carriers_file = "carriers.toml"
plans_file = "plans.toml"
[database]
url = "sqlite:///simline.db"
[timing]
poll_first_seconds = 0.2
poll_longest_seconds = 0.5
[brake]
sims = 500
growth = 1000
[[sources]]
kind = "folder"
name = "inbox"
path = "manifests"
still_seconds = 0
routes = [{ product = "tracker", home_country = "DE" }]
[[accounts]]
id = "acme"
name = "Acme"
[[products]]
id = "tracker"
name = "Tracker"
account = "acme"
tier = "growth"
"""

CARRIER = """
[[issuers]]
prefix = "{prefix}"
name = "{name}"
lengths = [20]
carrier_account = "{name}"
[carrier_accounts.{name}]
carrier = "supersim"
base_url = "{url}/v1"
options = {{ auth = "basic" }}
secrets = {{ account_sid = "TEST_CARRIER_SID", auth_token = "TEST_CARRIER_TOKEN" }}
limits = [{{ count = 200, per_seconds = 1 }}]
threads = 4
timeout_seconds = 5
"""

PLAN = """
[[plans]]
carrier_account = "{name}"
name = "germany"
countries = ["DE"]
monthly_price_cents = 110
currency = "USD"
included_bytes = 5_000_000
overage_cents_per_mb = 10
carrier_reference = "HF{number:032d}"
"""


@dataclass
class Workshop:
    """What a test sees of it. The steps of this process work with `context`."""

    folder: Path
    environment: Mapping[str, str]
    carriers: Mapping[str, SimulatedCarrierServer]
    context: Context

    def drop(self, name: str, *, account: str = "supersim", count: int = 12, first: int = 0) -> None:
        """Put a manifest with so many SIMs of this carrier account into the inbox, by rename."""
        self.drop_text(name, _manifest(account, count, first))

    def drop_text(self, name: str, text: str) -> None:
        """Put a file into the inbox, by rename."""
        partial = self.folder / f"{name}.part"
        partial.write_text(text)
        partial.rename(self.folder / "manifests" / "inbox" / name)

    def steps(self) -> dict[Step, int]:
        """Operations by step."""
        counts = select(operations.c.step, func.count()).group_by(operations.c.step)
        with self.context.database.read() as tx:
            return {Step(step): count for step, count in tx.execute(counts)}

    def states(self) -> dict[str, int]:
        """SIMs by the carrier's state."""
        counts = select(sims.c.state, func.count()).group_by(sims.c.state)
        with self.context.database.read() as tx:
            return dict(tx.execute(counts).tuples().all())

    def manifest(self, name: str) -> ManifestRow:
        """The manifest of this file, or of this id."""
        with self.context.database.read() as tx:
            return manifests.find(tx, name)

    def changes(self, account: str | None = None) -> list[Entry]:
        """Every request for a change that reached a carrier, or this one."""
        chosen = [self.carriers[account]] if account else self.carriers.values()
        return [entry for server in chosen for entry in changing_requests(server.carrier.log.entries())]

    def receipts(self, ending: str = ".receipt.json") -> list[str]:
        """The names of the receipts beside the finished manifests."""
        return sorted(path.name for path in (self.folder / "manifests").rglob(f"*{ending}"))

    def fail(self, account: str, faults: Faults) -> None:
        """Let this carrier fail from now on; `Faults()` makes it well again."""
        self.carriers[account].carrier.faults = faults


@contextmanager
def open_workshop(folder: Path) -> Iterator[Workshop]:
    """A fresh one in this folder; its environment is this process's for as long."""
    environment = {
        "SIMLINE_KEY": Fernet.generate_key().decode(),
        "SIMLINE_CONFIG": str(folder / "simline.toml"),
        "TEST_CARRIER_SID": KEYS.account_sid,
        "TEST_CARRIER_TOKEN": KEYS.auth_token,
    }
    with ExitStack() as stack:
        stack.enter_context(_environment(environment))
        carriers = {}
        for name in ISSUERS:
            options = Options(open_registry=True, activation_seconds=0.1, limits=[Window(220, 1)])
            carriers[name], _ = run_server(options)
            stack.callback(carriers[name].close)
        _write_configuration(folder, {name: server.url for name, server in carriers.items()})
        settings = load_settings(folder / "simline.toml")
        make_folders(settings)
        yield Workshop(folder, environment, carriers, stack.enter_context(engine_of(settings)))


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name)
        os.environ.update({name: before[name] for name in values if name in before})


def _write_configuration(folder: Path, urls: Mapping[str, str]) -> None:
    carriers = [CARRIER.format(prefix=ISSUERS[name], name=name, url=url) for name, url in urls.items()]
    plans = [PLAN.format(name=name, number=number) for number, name in enumerate(urls, start=1)]
    (folder / "simline.toml").write_text(SIMLINE)
    (folder / "carriers.toml").write_text("".join(carriers))
    (folder / "plans.toml").write_text("".join(plans))


def _manifest(account: str, count: int, first: int) -> str:
    rows = [f"{iccid},code-{iccid}\n" for iccid in iccids(account, count, first)]
    return "iccid,registration_code\n" + "".join(rows)


def iccids(account: str, count: int, first: int = 0) -> list[str]:
    """Valid ICCIDs of the account's issuer."""
    bodies = [f"{ISSUERS[account]}{number:012d}" for number in range(first, first + count)]
    return [body + str(luhn.calc_check_digit(body)) for body in bodies]
