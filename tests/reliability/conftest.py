"""A carrier with faults and an engine on one clock that tests move."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from carriers.contract import CarrierAccount
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.registry import open_simulated
from carriers.simulated.server import SimulatedCarrierServer
from carriers.simulated.supersim import CREDENTIALS
from domain.pacing import Window
from engine.context import Timing
from storage.database import Database
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, open_rig, stock
from tests.engine.scripted import TurnedStopwatch
from tests.reliability.world import QUIET_SECONDS, World

LIMIT = Window(1000, 1)
TIMEOUT_SECONDS = 0.4


@pytest.fixture
def server(moving_clock: MovingClock) -> Iterator[SimulatedCarrierServer]:
    """A simulated carrier that lives on the moved clock."""
    options = Options(limits=[LIMIT], open_registry=True, activation_seconds=2.0, token_seconds=1e9)
    carrier = open_simulated("supersim", options, lambda: moving_clock().timestamp())
    running = SimulatedCarrierServer(carrier)
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield running
    running.close()


@pytest.fixture
def open_world(
    database: Database, moving_clock: MovingClock, server: SimulatedCarrierServer, tmp_path: Path
) -> Iterator[Callable[..., World]]:
    """An engine that speaks to the server (or to another address) over HTTP."""
    stock(database)
    opened = []

    def open_one(url: str = "", password: str = "", oauth: bool = False) -> World:
        url = url or server.url
        secrets = CREDENTIALS | ({"auth_token": password} if password else {})
        options = {"auth": "oauth", "token_url": f"{url}/oauth/token"} if oauth else {"auth": "basic"}
        carrier = open_carrier(CarrierAccount(ACCOUNT, "supersim", url, options, secrets, TIMEOUT_SECONDS))
        opened.append(carrier)
        rig = open_rig(
            database, carrier, tmp_path, threads=1, quiet_seconds=QUIET_SECONDS, timing=Timing(poll_first_seconds=5.0)
        )
        return World(rig.but(stopwatch=TurnedStopwatch(moving_clock)), server, moving_clock)

    yield open_one
    for carrier in opened:
        carrier.close()


@pytest.fixture
def world(open_world: Callable[..., World]) -> World:
    """The usual one."""
    return open_world()
