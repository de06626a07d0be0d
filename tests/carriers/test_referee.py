"""Adapter and simulated carrier before a referee: a proxy that knows the carrier's own API description.

Whatever in a request or an answer is not as described, it replaces by an error and writes down; nothing of the kind
may happen while the contract runs through it.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from carriers.contract import CarrierAccount, OpenGate
from carriers.errors import ReadFailed
from carriers.registry import open_carrier
from carriers.simulated.faults import Fault, Faults
from carriers.simulated.server import SimulatedCarrierServer
from domain.lifecycle import SimState
from tests.carriers.conftest import Simulate
from tests.carriers.contract_suite import ICCID, CarrierContract
from tests.carriers.test_supersim import basic

PRISM = Path(__file__).parents[2] / "node_modules" / ".bin" / "prism"
VERDICT = "https://stoplight.io/prism/errors#"


@dataclass
class Referee:
    """Where it listens, where it forwards to, and what it wrote down."""

    url: str
    carrier_port: int
    log: Path

    def verdicts(self) -> list[str]:
        """Every deviation so far."""
        return [line for line in self.log.read_text().splitlines() if VERDICT in line]

    def forwarded(self) -> int:
        """How many requests it has let through."""
        return self.log.read_text().count("Forwarding ")


@pytest.fixture(scope="module")
def referee(specifications: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Referee]:
    description = specifications / "supersim.json"
    if not PRISM.exists() or not description.exists():
        pytest.skip(f"the referee needs {description} and {PRISM.name} (`npm ci`)")
    port, carrier_port = _free_port(), _free_port()
    log = tmp_path_factory.mktemp("referee") / "prism.log"
    command = [str(PRISM), "proxy", "--errors", str(description), f"http://127.0.0.1:{carrier_port}"]
    with log.open("w") as written:
        process = subprocess.Popen(
            [*command, "-h", "127.0.0.1", "-p", str(port)],
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(log, process)
        yield Referee(f"http://127.0.0.1:{port}", carrier_port, log)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(log: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while "is listening" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, "the referee did not start within 60 s"
        time.sleep(0.1)


@pytest.mark.slow
class TestSuperSimBeforeTheReferee(CarrierContract):
    def account(self, url: str) -> CarrierAccount:
        return basic(url)

    @pytest.fixture
    def server(self, simulate: Simulate, referee: Referee) -> SimulatedCarrierServer:
        return simulate(self.options, referee.carrier_port)

    @pytest.fixture
    def address(self, server: SimulatedCarrierServer, referee: Referee) -> Iterator[str]:
        assert server.server_port == referee.carrier_port
        verdicts, forwarded = len(referee.verdicts()), referee.forwarded()
        yield referee.url
        assert referee.verdicts()[verdicts:] == []
        assert referee.forwarded() > forwarded


@pytest.mark.slow
def test_the_referee_sees_a_status_word_that_is_not_described(simulate: Simulate, referee: Referee) -> None:
    server = simulate(CarrierContract.options, referee.carrier_port)
    server.carrier.fleet.put(ICCID, SimState.ACTIVE, None)
    server.carrier.faults = Faults({Fault.UNKNOWN_WORD: 1.0})
    before = len(referee.verdicts())
    with pytest.raises(ReadFailed):
        open_carrier(basic(referee.url)).read(ICCID, OpenGate())
    assert "VIOLATIONS" in referee.verdicts()[before]


@pytest.mark.slow
def test_the_referee_sees_a_request_without_its_credentials(simulate: Simulate, referee: Referee) -> None:
    simulate(CarrierContract.options, referee.carrier_port)
    before = len(referee.verdicts())
    assert VERDICT in requests.get(f"{referee.url}/v1/Sims", timeout=10).text
    assert "UNAUTHORIZED" in referee.verdicts()[before]
