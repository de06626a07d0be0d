"""Simulated carriers on loopback for the tests of adapters."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from carriers.simulated.carrier import Options
from carriers.simulated.server import SimulatedCarrierServer, run_server

Simulate = Callable[..., SimulatedCarrierServer]


@pytest.fixture
def simulate() -> Iterator[Simulate]:
    """Starts simulated carriers with the given options; ends them with the test."""
    running: list[SimulatedCarrierServer] = []

    def start(options: Options | None = None, port: int = 0, carrier: str = "supersim") -> SimulatedCarrierServer:
        usual = Options(open_registry=True, activation_seconds=0.05)
        server, _ = run_server(options or usual, port, carrier=carrier)
        running.append(server)
        return server

    yield start
    for server in running:
        server.close()


@pytest.fixture(scope="session")
def specifications() -> Path:
    """The folder of the carriers' own API descriptions; they are not ours, so they are not in the repository."""
    beside = Path(__file__).parents[3] / "shared" / "specs"
    folder = Path(os.environ.get("SIMLINE_SPECS", beside))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: set SIMLINE_SPECS to where the carriers' API descriptions are")
    return folder
