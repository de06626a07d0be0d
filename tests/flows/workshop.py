"""One simline on this machine: an inbox, a database, and a simulated carrier behind each carrier account."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from carriers.simulated.carrier import Options
from carriers.simulated.faults import Faults
from carriers.simulated.log import Entry, changing_requests
from carriers.simulated.server import SimulatedCarrierServer, run_server
from config.loading import load_settings
from domain.lifecycle import Step
from domain.pacing import Window
from engine.context import Context
from storage import manifests
from storage.manifests import ManifestRow
from storage.schema import operations, sims
from tasks.context import engine_of
from tests.configured import ISSUERS, configure, drop, iccids, secrets


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
        drop(self.folder, name, text)

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
        """Every request for a change that reached a carrier, or this one, in the order of their times."""
        chosen = [self.carriers[account]] if account else self.carriers.values()
        entries = (entry for server in chosen for entry in changing_requests(server.carrier.log.entries()))
        return sorted(entries, key=lambda entry: entry.at)

    def receipts(self, ending: str = ".receipt.json") -> list[str]:
        """The names of the receipts beside the finished manifests."""
        return sorted(path.name for path in (self.folder / "manifests").rglob(f"*{ending}"))

    def fail(self, account: str, faults: Faults) -> None:
        """Let this carrier fail from now on; `Faults()` makes it well again."""
        self.carriers[account].carrier.faults = faults


@contextmanager
def open_workshop(folder: Path) -> Iterator[Workshop]:
    """A fresh one in this folder; its environment is this process's for as long."""
    environment = secrets() | {"SIMLINE_CONFIG": str(folder / "simline.toml")}
    with ExitStack() as stack:
        stack.enter_context(_environment(environment))
        carriers = {}
        for name in ISSUERS:
            options = Options(open_registry=True, activation_seconds=0.1, limits=[Window(220, 1)])
            carriers[name], _ = run_server(options)
            stack.callback(carriers[name].close)
        configure(folder, {name: server.url for name, server in carriers.items()}, most_sims=500)
        settings = load_settings(folder / "simline.toml")
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


def _manifest(account: str, count: int, first: int) -> str:
    rows = [f"{iccid},code-{iccid}\n" for iccid in iccids(account, count, first)]
    return "iccid,registration_code\n" + "".join(rows)
