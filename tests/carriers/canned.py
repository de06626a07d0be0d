"""A carrier on loopback that says what a test tells it to say, and remembers what it was asked."""

import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Canned:
    """One reply: a document becomes JSON, bytes go as they are."""

    status: int
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]
    connection: int
    body: bytes = b""


class CannedCarrier:
    """Gives its replies in order; the last one again and again."""

    def __init__(self, *replies: Canned, tls: ssl.SSLContext | None = None) -> None:
        self.replies = list(replies)
        self.asked: list[Asked] = []
        canned = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                address = urlsplit(self.path)
                canned.asked.append(
                    Asked(
                        self.command,
                        address.path,
                        dict(parse_qsl(address.query)),
                        dict(parse_qsl(body.decode())),
                        dict(self.headers.items()),
                        self.client_address[1],
                        body,
                    )
                )
                reply = canned.replies.pop(0) if len(canned.replies) > 1 else canned.replies[0]
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.content)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.content)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # clients of these tests break off on purpose

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class CountingGate:
    """Lets everything pass and counts; remembers what it was told."""

    def __init__(self) -> None:
        self.passed = 0
        self.waits: list[float] = []

    def wait_for_slot(self) -> None:
        self.passed += 1

    def told_to_wait(self, seconds: float) -> None:
        self.waits.append(seconds)
