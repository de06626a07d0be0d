"""A relay between adapter and simulated carrier that shows everything to the referee: a proxy with the carrier's own
API description.

    adapter -> near side -> referee -> far side -> carrier

The referee passes a request on only if it is as described. The far side then sends the carrier what the adapter sent,
and shows the referee the answer - unless the carrier's own log says that a fault has spoilt it: that one goes to the
adapter as it comes, broken off, reset or byte by byte. So every request is judged, and every answer that was meant.

Where a description lacks the way in that an adapter takes, the requests for tokens go around the referee, and it is
shown the credentials that the description knows; the carrier gets those that the adapter sent.
"""

import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import requests

from carriers.simulated.faults import Fault
from carriers.simulated.server import SimulatedCarrierServer

PRISM = Path(__file__).parents[2] / "node_modules" / ".bin" / "prism"
VERDICT = "https://stoplight.io/prism/errors#"
NUMBER = "X-Relay-Number"
IN_ORDER = frozenset({Fault.STUCK, Fault.FALLS_BACK, Fault.SLOW, Fault.PAGE_REPEATS, Fault.PAGE_LOSES})
"""Faults whose answers are as described all the same."""
SPOILT = frozenset(Fault) - IN_ORDER


@dataclass
class Exchange:
    """One request as the adapter sent it, and what its carrier made of it. `opened`: the connection between the two."""

    carrier: SimulatedCarrierServer
    command: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes = field(repr=False)
    asked_at: float = 0.0
    opened: http.client.HTTPConnection | None = None
    answer: http.client.HTTPResponse | None = None
    content: bytes = b""
    spoilt: bool = False
    reset: bool = False
    trouble: str = ""

    def ask(self) -> None:
        """Send it to the carrier, which ends the connection after its answer; wait until that begins, or none comes."""
        self.asked_at = time.time()
        self.opened = http.client.HTTPConnection("127.0.0.1", self.carrier.server_port, timeout=30)
        self.opened.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in [*self.headers, ("Connection", "close")]:
            self.opened.putheader(name, value)
        self.opened.endheaders(self.body)
        try:
            self.opened.sock.recv(1, socket.MSG_PEEK)
        except ConnectionResetError:
            self.reset = True

    def take(self) -> None:
        """Take the whole answer."""
        assert self.opened is not None
        self.answer = self.opened.getresponse()
        self.content = self.answer.read()


class Side(ThreadingHTTPServer):
    """One side of the relay on loopback."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, relay: "Relay", handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.relay = relay
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own affair; anything else is printed as usual."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class Relay:
    """Both sides. `base`: what the carrier's addresses have before the paths of its description.

    `around`: paths that the referee is not asked about; `shown`: headers that it sees instead of the adapter's.
    """

    def __init__(self, base: str = "") -> None:
        self.base = base
        self.target = ""
        self.around: frozenset[str] = frozenset()
        self.shown: Mapping[str, str] = {}
        self.passed = 0
        self.spoilt = 0
        self.exchanges: dict[str, Exchange] = {}
        self.carrier: SimulatedCarrierServer | None = None
        self._objections: list[str] = []
        self._accounted: set[tuple[SimulatedCarrierServer, int]] = set()
        self._lock = threading.Lock()
        self._near, self.far = Side(self, _Near), Side(self, _Far)
        self.url = f"http://127.0.0.1:{self._near.server_port}"

    def stand_before(
        self, carrier: SimulatedCarrierServer, around: Iterable[str] = (), shown: Mapping[str, str] | None = None
    ) -> None:
        """From now on requests go to this carrier, and no objection to another one counts."""
        with self._lock:
            self.carrier, self.around, self.shown = carrier, frozenset(around), shown or {}
            self._objections.clear()

    def object(self, carrier: SimulatedCarrierServer, objection: str) -> None:
        """Keep an objection, unless its test is over: then the connection was cut off in mid-answer."""
        with self._lock:
            if carrier is self.carrier:
                self._objections.append(objection)

    def objections(self) -> list[str]:
        """What there was to object to since the last question."""
        with self._lock:
            objections, self._objections = self._objections, []
        return objections

    def add(self, exchange: Exchange) -> str:
        """Its number."""
        with self._lock:
            self.passed += 1
            self.exchanges[str(self.passed)] = exchange
            return str(self.passed)

    def carry(self, exchange: Exchange) -> None:
        """Have the carrier answer, and see in its log whether it answered as it meant to."""
        try:
            exchange.ask()
            exchange.spoilt = self.noted(exchange) in SPOILT
            if exchange.spoilt:
                self.spoilt += 1
            else:
                exchange.take()
        except (OSError, http.client.HTTPException, LookupError) as error:
            exchange.trouble = repr(error)

    def noted(self, exchange: Exchange) -> str:
        """What the carrier noted about this request. Of two alike at one time, each has one of the two notes.

        What arrived before it was sent is about another one, which its adapter may have given up waiting for. Of what
        arrived later it has the earliest: a later one may be all that is left for a request that was sent later.
        """
        asked = (exchange.command, exchange.path.partition("?")[0])
        with self._lock:
            for entry in sorted(exchange.carrier.carrier.log.entries(), key=attrgetter("at")):
                note = (exchange.carrier, entry.number)
                about_it = (entry.method, entry.path) == asked and entry.at >= exchange.asked_at
                if about_it and note not in self._accounted:
                    self._accounted.add(note)
                    return entry.reason
        raise LookupError(f"the carrier's log does not have {asked}")

    def close(self) -> None:
        self._near.close()
        self.far.close()


class _Near(BaseHTTPRequestHandler):
    """Adapters ask here."""

    server: Side
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        relay = self.server.relay
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = [(name, value) for name, value in self.headers.items() if name != "Connection"]
        assert relay.carrier is not None
        exchange = Exchange(relay.carrier, self.command, self.path, headers, body)
        verdict = None
        if self.path in relay.around:
            relay.carry(exchange)
        else:
            verdict = self._verdict(exchange)
        if exchange.spoilt:
            self._pass_on_as_it_comes(exchange)
            return
        if exchange.answer is None or (verdict is not None and VERDICT in verdict.text):
            relay.object(exchange.carrier, exchange.trouble or ("" if verdict is None else verdict.text))
        self._pass_on(exchange, verdict)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def _verdict(self, exchange: Exchange) -> requests.Response:
        """What the referee answers, which has the carrier asked where it finds the request in order."""
        relay = self.server.relay
        seen = {name: value for name, value in exchange.headers if name not in ("Host", "Content-Length")}
        return requests.request(
            exchange.command,
            relay.target + exchange.path.removeprefix(relay.base),
            data=exchange.body,
            headers={**seen, **relay.shown, NUMBER: relay.add(exchange)},
            timeout=30,
            allow_redirects=False,
        )

    def _pass_on(self, exchange: Exchange, verdict: requests.Response | None) -> None:
        """The carrier's answer, or the referee's where the request did not reach the carrier."""
        answer = exchange.answer
        if answer is not None:
            status, content, headers = answer.status, exchange.content, answer.getheaders()
        else:
            status, content = (502, b"") if verdict is None else (verdict.status_code, verdict.content)
            headers = [("Content-Length", str(len(content)))]
        self.send_response_only(status)
        for name, value in headers:
            if name != "Connection":
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _pass_on_as_it_comes(self, exchange: Exchange) -> None:
        """Byte by byte, and the end as the carrier ended it."""
        assert exchange.opened is not None
        self.close_connection = True
        if exchange.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())
            return
        with exchange.opened.sock as carrier:
            while piece := carrier.recv(4096):
                self.wfile.write(piece)

    def log_message(self, *_: object) -> None:
        pass


class _Far(BaseHTTPRequestHandler):
    """The referee asks here what it has found in order."""

    server: Side
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        exchange = self.server.relay.exchanges[self.headers[NUMBER]]
        self.server.relay.carry(exchange)
        if exchange.answer is None:
            self.send_response_only(204)
        else:
            self.send_response_only(exchange.answer.status)
            for name, value in exchange.answer.getheaders():
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(exchange.content)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def refereed(descriptions: Sequence[Path], folder: Path, base: str = "") -> Iterator[Relay]:
    """A relay before a referee that knows these descriptions as one. Skips without them, or without the referee."""
    if not PRISM.exists():
        pytest.skip(f"no referee {PRISM}: `npm ci` brings it")
    for file in descriptions:
        if not file.exists():
            pytest.skip(f"the referee needs the carrier's own API description, {file}")
    relay = Relay(base)
    port, log = _free_port(), folder / "prism.log"
    command = [str(PRISM), "proxy", "--errors", str(_as_one(descriptions, folder))]
    with log.open("w") as written:
        process = subprocess.Popen(
            [*command, f"http://127.0.0.1:{relay.far.server_port}", "-h", "127.0.0.1", "-p", str(port)],
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    relay.target = f"http://127.0.0.1:{port}"
    try:
        _wait_for(log, process)
        yield relay
    finally:
        relay.close()
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def _as_one(descriptions: Sequence[Path], folder: Path) -> Path:
    """Where a carrier describes its token endpoint in a file of its own."""
    if len(descriptions) == 1:
        return descriptions[0]
    whole, *others = (json.loads(file.read_text()) for file in descriptions)
    for other in others:
        whole["paths"] |= other["paths"]
        for kind, parts in other["components"].items():
            whole["components"][kind] |= parts
    written = folder / "whole.json"
    written.write_text(json.dumps(whole))
    return written


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
