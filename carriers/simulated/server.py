"""The simulated carrier as an HTTP/1.1 server on 127.0.0.1: replies that are slow, broken off, reset or lost."""

import contextlib
import json
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from carriers.simulated.admin import administer
from carriers.simulated.carrier import Options, SimulatedCarrier
from carriers.simulated.registry import open_simulated
from carriers.simulated.wire import Answer, Manner, Request

MOST_BODY_BYTES = 16 << 20
ADMIN_PREFIX = "/_simulator/"


class SimulatedCarrierServer(ThreadingHTTPServer):
    """Serves one simulated carrier until `close`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, carrier: SimulatedCarrier, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.carrier = carrier
        self.url = f"http://127.0.0.1:{self.server_port}"
        carrier.dialect.url = self.url
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Keep the connection in mind, so that `close` can end it."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End one connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own affair; anything else is printed as usual."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop listening, end every connection, close the files."""
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.carrier.close()


def run_server(options: Options, port: int = 0, *, carrier: str = "supersim") -> tuple[SimulatedCarrierServer, str]:
    """Serve in a thread of this process; the server (call its `close`) and its address."""
    server = SimulatedCarrierServer(open_simulated(carrier, options), port)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True, name="simulated carrier").start()
    return server, server.url


class _Handler(BaseHTTPRequestHandler):
    server: SimulatedCarrierServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # with delayed acknowledgements it costs 40 ms an answer

    def do_GET(self) -> None:
        """Every method goes the same way."""
        self._serve()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def parse_request(self) -> bool:
        """Note the arrival first: what comes after may have to wait for another thread."""
        self._arrived_at = self.server.carrier.clock()
        return super().parse_request()

    def log_message(self, *_: object) -> None:
        """The request log says it all."""

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            return
        address = urlsplit(self.path)
        if address.path.startswith(ADMIN_PREFIX):
            question = address.path.removeprefix(ADMIN_PREFIX)
            self._deliver(administer(self.server.carrier, self.command, question, body))
            return
        request = Request(
            method=self.command,
            path=address.path,
            query=dict(parse_qsl(address.query)),
            form=dict(parse_qsl(body.decode("utf-8", "replace"))) if self._holds("x-www-form-urlencoded") else {},
            document=_json(body) if self._holds("json") else None,
            headers={name.lower(): value for name, value in self.headers.items()},
            arrived_at=self._arrived_at,
        )
        self._deliver(self.server.carrier.answer(request))

    def _holds(self, kind: str) -> bool:
        return self.headers.get("Content-Type", "").partition(";")[0] == f"application/{kind}"

    def _body(self) -> bytes | None:
        """The request's body; None when it is not one, and the connection ends."""
        length = self.headers.get("Content-Length", "0")
        most = MOST_BODY_BYTES if not self.path.startswith(ADMIN_PREFIX) else 1 << 30
        if not length.isdecimal() or int(length) > most or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._deliver(self.server.carrier.dialect.broken(413))
            return None
        body = self.rfile.read(int(length))
        return body if len(body) == int(length) else None

    def _deliver(self, answer: Answer) -> None:
        body = b"" if answer.document is None else json.dumps(answer.document).encode()
        half = body[: len(body) // 2]
        ways: dict[Manner, Callable[[], None]] = {
            Manner.WHOLE: lambda: self._write(answer, len(body), body),
            Manner.HALVED: lambda: self._write(answer, len(half), half),
            Manner.TRUNCATED: lambda: self._write(answer, len(body), half, last=True),
            Manner.DRIBBLED: lambda: self._dribble(answer, body),
            Manner.CLOSED: self._end,
            Manner.RESET: self._reset,
        }
        if answer.seconds and answer.manner is not Manner.DRIBBLED:
            time.sleep(answer.seconds)
        ways[answer.manner]()

    def _write(self, answer: Answer, length: int, body: bytes, last: bool = False) -> None:
        """Head and body in one piece."""
        self.close_connection = self.close_connection or last
        headers = {"Content-Length": length, **answer.headers}
        if length:
            headers["Content-Type"] = "application/json"
        if self.close_connection:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if self.command == "HEAD" else body))

    def _dribble(self, answer: Answer, body: bytes) -> None:
        self._write(answer, len(body), b"")
        for at in range(len(body)):
            self.wfile.write(body[at : at + 1])
            time.sleep(answer.seconds / len(body))

    def _end(self) -> None:
        self.close_connection = True

    def _reset(self) -> None:
        """Close with a zero linger: the client sees the connection torn down, not ended."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
        self.close_connection = True


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None
