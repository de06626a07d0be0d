"""A fresh engine for each test, on SQLite and PostgreSQL, with a simulated carrier on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from carriers.simulated.carrier import Options
from carriers.simulated.server import SimulatedCarrierServer, run_server
from engine.context import Timing
from storage.database import Database
from tests.dealing_out import leave_out
from tests.engine.rig import Rig, open_rig, open_supersim, stock
from tests.engine.scripted import ScriptedCarrier

OPTIONS = Options(open_registry=True, activation_seconds=0.05)

ON_BOTH_DATABASES = frozenset(
    f"test_{name}.py"
    for name in (
        *("acting", "draining", "gate", "halting", "hints", "picking_up"),
        *("queues", "rerunning", "sending", "settling", "several_accounts", "turns"),
    )
)
"""Where workers meet, wait for each other or go by the database's clock. The engine itself knows no database: what it
asks of the ledger is proven on both in tests/storage, and the rest of its decisions are the same on SQLite."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the other files to SQLite alone: it takes half the time."""
    here = Path(__file__).parent
    once = (item for item in items if item.path.parent == here and item.path.name not in ON_BOTH_DATABASES)
    leave_out(config, items, {item for item in once if "postgresql" in item.name})


@pytest.fixture
def server() -> Iterator[SimulatedCarrierServer]:
    """A simulated carrier that takes every claim and activates at once."""
    running, _ = run_server(OPTIONS)
    yield running
    running.close()


@pytest.fixture
def stocked(database: Database) -> Database:
    """The database with products and a plan."""
    stock(database)
    return database


@pytest.fixture
def rig(stocked: Database, server: SimulatedCarrierServer, tmp_path: Path) -> Iterator[Rig]:
    """An engine that speaks HTTP to the simulated carrier."""
    carrier = open_supersim(server.url)
    yield open_rig(stocked, carrier, tmp_path, timing=Timing(poll_first_seconds=0.1))
    carrier.close()


@pytest.fixture
def scripted() -> ScriptedCarrier:
    """A carrier that a test scripts."""
    return ScriptedCarrier()


@pytest.fixture
def scripted_rig(stocked: Database, scripted: ScriptedCarrier, tmp_path: Path) -> Rig:
    """An engine with the scripted carrier."""
    return open_rig(stocked, scripted, tmp_path)
