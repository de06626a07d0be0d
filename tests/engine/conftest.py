"""A fresh engine for each test, on SQLite and PostgreSQL, with a simulated carrier on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from carriers.simulated.carrier import Options
from carriers.simulated.server import SimulatedCarrierServer, run_server
from engine.context import Timing
from storage.database import Database
from tests.engine.rig import Rig, open_rig, open_supersim, stock
from tests.engine.scripted import ScriptedCarrier

OPTIONS = Options(open_registry=True, activation_seconds=0.05)


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
