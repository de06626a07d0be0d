"""Simulated carriers on loopback for the tests of adapters."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from carriers.simulated.carrier import Options
from carriers.simulated.server import SimulatedCarrierServer, run_server
from tests.carriers.relay import PRISM, Relay, refereed
from tests.dealing_out import leave_out

SPECIFICATIONS = Path(os.environ.get("SIMLINE_SPECS", Path(__file__).parents[3] / "shared" / "specs"))

Simulate = Callable[..., SimulatedCarrierServer]
Referees = Callable[[Sequence[str], str], Relay]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is tested before the referee need not be tested without one, where there is one."""
    from tests.carriers.referee import heard_twice

    if SPECIFICATIONS.is_dir() and PRISM.exists():
        leave_out(config, items, heard_twice(items))


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
    if not SPECIFICATIONS.is_dir():
        pytest.skip(f"no folder {SPECIFICATIONS}: set SIMLINE_SPECS to where the carriers' API descriptions are")
    return SPECIFICATIONS


@pytest.fixture(scope="session")
def referees(specifications: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Referees]:
    """One referee for each description (a few files and what is before its paths), started when it is first needed."""
    started: dict[tuple[tuple[str, ...], str], Relay] = {}
    with ExitStack() as stack:

        def start(descriptions: Sequence[str], base: str = "") -> Relay:
            wanted = (tuple(descriptions), base)
            if wanted not in started:
                folder = tmp_path_factory.mktemp("referee")
                files = [specifications / name for name in descriptions]
                started[wanted] = stack.enter_context(refereed(files, folder, base))
            return started[wanted]

        yield start
        for wanted, relay in started.items():
            assert relay.passed, f"nothing went through the referee of {wanted}"
