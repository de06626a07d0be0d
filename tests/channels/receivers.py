"""Receivers on loopback: a web server and a small SMTP server, each with a certificate of an authority of its own."""

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Request:
    """One request as the web server got it."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answers:
    """What the web server says, and what it was told."""

    status: int = 200
    body: bytes = b"thanks"
    headers: dict[str, str] = field(default_factory=dict)
    pause: threading.Event | None = None  # it answers once this is set
    drip: bool = False  # a byte now and then, without an end
    received: list[Request] = field(default_factory=list)


class _Web(BaseHTTPRequestHandler):
    answers: Answers

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answers.received.append(Request(self.path, dict(self.headers.items()), body))
        if self.answers.pause:
            self.answers.pause.wait(30)
        if self.answers.drip:
            self._drip()
            return
        self.send_response(self.answers.status)
        for name, value in self.answers.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.answers.body)))
        self.end_headers()
        self.wfile.write(self.answers.body)

    def _drip(self) -> None:
        stop = threading.Event()
        try:
            for _ in range(300):
                self.wfile.write(b"H")
                self.wfile.flush()
                stop.wait(0.1)
        except OSError:
            self.close_connection = True

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""


@contextmanager
def web_server(answers: Answers, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A web server with these answers; yields its port."""
    handler = type("Web", (_Web,), {"answers": answers})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with _served(server) as port:
        yield port


@dataclass
class Mailbox:
    """What the SMTP server takes, and from whom."""

    users: dict[str, str] = field(default_factory=dict)  # empty: anybody
    refused: set[str] = field(default_factory=set)
    greeting: str = "220 here"
    tls: ssl.SSLContext | None = None  # STARTTLS, where there is one
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)


class _Smtp(socketserver.StreamRequestHandler):
    box: Mailbox
    to: list[str]
    known: bool

    def handle(self) -> None:
        self.to, self.known = [], not self.box.users
        self._say(self.box.greeting)
        while line := self.rfile.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            if not self._carry_out(verb.upper(), rest):
                return

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def _carry_out(self, verb: str, rest: str) -> bool:
        match verb:
            case "EHLO":
                self._say("250-here")
                self._say("250-STARTTLS" if self.box.tls and not self._is_encrypted() else "250-8BITMIME")
                self._say("250 AUTH PLAIN")
            case "STARTTLS":
                self._encrypt()
            case "AUTH":
                self._log_in(rest)
            case "RCPT":
                self._recipient(rest.partition("<")[2].partition(">")[0])
            case "DATA":
                self._mail()
            case "QUIT":
                self._say("221 bye")
                return False
            case _:
                self._say("250 fine" if self.known else "530 log in")
        return True

    def _is_encrypted(self) -> bool:
        return isinstance(self.connection, ssl.SSLSocket)

    def _encrypt(self) -> None:
        assert self.box.tls
        self._say("220 go")
        self.connection = self.request = self.box.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)

    def _log_in(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
        self.known = self.box.users.get(user) == password
        self._say("235 welcome" if self.known else "535 no")

    def _recipient(self, address: str) -> None:
        if address in self.box.refused:
            self._say("550 nobody of that name")
            return
        self.to.append(address)
        self._say("250 fine")

    def _mail(self) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        self.box.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
        self.box.recipients.append(self.to)
        self.box.was_encrypted.append(self._is_encrypted())
        self._say("250 taken")


@contextmanager
def smtp_server(box: Mailbox, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """An SMTP server in front of this mailbox; yields its port. With `tls` it is encrypted from the first byte."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), type("Smtp", (_Smtp,), {"box": box}))
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with _served(server) as port:
        yield port


@contextmanager
def _served(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def contexts(folder: Path, *names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a fresh certificate for these names and 127.0.0.1, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a receiver")])
    now = datetime.now(UTC)
    named = [*(x509.DNSName(one) for one in names), x509.IPAddress(ip_address("127.0.0.1"))]
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName(named), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "receiver.pem"
    file.write_bytes(certificate + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=certificate.decode())
