"""A referee between adapter and simulated carrier: a proxy that knows the carrier's own API description.

Whatever in a request or an answer is not as described, it replaces by an error of its own; nothing of the kind may come
back while the contract runs through it.
"""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import requests

from carriers.simulated.server import SimulatedCarrierServer
from tests.carriers.conftest import Simulate
from tests.carriers.contract_suite import CarrierContract

PRISM = Path(__file__).parents[2] / "node_modules" / ".bin" / "prism"
VERDICT = "https://stoplight.io/prism/errors#"


class Relay(ThreadingHTTPServer):
    """Passes every request on to the referee and keeps what came back, before the adapter has it.

    `base`: what the carrier's addresses have before the paths of its description, which the referee does not know.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, target: str, carrier_port: int, base: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.target = target
        self.carrier_port = carrier_port
        self.base = base
        self.bodies: list[str] = []
        self.passed = 0
        self.url = f"http://127.0.0.1:{self.server_port}"

    def verdicts(self) -> list[str]:
        """Every answer since the last question that is the referee's own."""
        bodies, self.bodies = self.bodies, []
        return [body for body in bodies if VERDICT in body]


class _Passing(BaseHTTPRequestHandler):
    server: Relay
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name not in ("Host", "Content-Length")}
        answer = requests.request(
            self.command,
            self.server.target + self.path.removeprefix(self.server.base),
            data=body,
            headers=headers,
            timeout=30,
            allow_redirects=False,
        )
        self.server.bodies.append(answer.text)
        self.server.passed += 1
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() == "content-type" or name.lower().startswith("x-"):
                self.send_header(name, value)
        if answer.status_code != 204:
            self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def refereed(description: Path, log: Path, base: str = "") -> Iterator[Relay]:
    """A relay whose requests the referee sees; the carrier is to listen on its `carrier_port`."""
    if not PRISM.exists() or not description.exists():
        pytest.skip(f"the referee needs {description} and {PRISM.name} (`npm ci`)")
    port, carrier_port = _free_port(), _free_port()
    command = [str(PRISM), "proxy", "--errors", str(description), f"http://127.0.0.1:{carrier_port}{base}"]
    with log.open("w") as written:
        process = subprocess.Popen(
            [*command, "-h", "127.0.0.1", "-p", str(port)],
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    relay = Relay(f"http://127.0.0.1:{port}", carrier_port, base)
    threading.Thread(target=relay.serve_forever, args=(0.02,), daemon=True).start()
    try:
        _wait_for(log, process)
        yield relay
    finally:
        relay.shutdown()
        relay.server_close()
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


class RefereedContract(CarrierContract):
    """The contract through the referee. Subclasses name the carrier's description, a file of `specifications`."""

    description: ClassVar[str]
    base: ClassVar[str] = ""

    @pytest.fixture(scope="class")
    @classmethod
    def referee(cls, specifications: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
        log = tmp_path_factory.mktemp("referee") / "prism.log"
        with refereed(specifications / cls.description, log, cls.base) as relay:
            yield relay
            assert relay.passed, "nothing went through the referee"

    @pytest.fixture
    def server(self, simulate: Simulate, referee: Relay) -> SimulatedCarrierServer:
        return simulate(self.options, referee.carrier_port, self.subject.carrier)

    @pytest.fixture
    def address(self, server: SimulatedCarrierServer, referee: Relay) -> Iterator[str]:
        assert server.server_port == referee.carrier_port
        yield referee.url
        assert referee.verdicts() == []
