"""A webhook: one alert as signed JSON, to one address that was checked, following nobody elsewhere."""

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from channels.contract import ChannelRefused, NotDelivered
from channels.guard import Resolve, connect, resolve
from channels.signature import ALERT, SHORTEST_SECRET, SIGNATURE, signed
from domain.alerts import Raised, one_line

LONGEST_ANSWER_BYTES = 2048


@dataclass(frozen=True)
class Webhook:
    """One receiver. Raises `ChannelRefused` when it is made with an address or a secret that will not do."""

    name: str
    url: str
    secret: str = field(repr=False)
    allow_private: bool = False
    timeout_seconds: float = 10.0
    resolver: Resolve = resolve
    tls: ssl.SSLContext | None = None  # None: the machine's trusted authorities
    clock: Callable[[], float] = time.time
    at_once: int = 1

    def __post_init__(self) -> None:
        if not _is_address(self.url):
            raise ChannelRefused(f"Webhook {self.name}: `url` must be an https:// address without user and password.")
        if urlsplit(self.url).scheme == "http" and not self.allow_private:
            raise ChannelRefused(
                f"Webhook {self.name}: `url` must start with https://. Plain http is for `allow_private = true` only."
            )
        if len(self.secret) < SHORTEST_SECRET:
            raise ChannelRefused(
                f"Webhook {self.name}: its secret must have {SHORTEST_SECRET} signs or more: openssl rand -hex 32"
            )

    def send(self, alerts: Sequence[Raised]) -> str:
        """Hand over one alert; what the receiver said. Raises `NotDelivered`, for an address not allowed too."""
        (raised,) = alerts
        body = json.dumps(document(raised), ensure_ascii=False, sort_keys=True).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "simline",
            ALERT: raised.id,
            SIGNATURE: signed(self.secret, int(self.clock()), body),
        }
        try:
            with self._connected() as connection:
                connection.request("POST", self._target(), body, headers)
                response = connection.getresponse()
                return self._judged(response.status, response.read(LONGEST_ANSWER_BYTES))
        except ChannelRefused as error:
            raise NotDelivered(str(error)) from None
        except (OSError, http.client.HTTPException) as error:
            raise NotDelivered(
                f"Webhook {self.name} gave no usable answer within {self.timeout_seconds:g} s ({type(error).__name__})."
            ) from None

    def check(self) -> str:
        """Connect, with TLS where that is asked for, and send nothing."""
        try:
            with self._connected():
                return f"{urlsplit(self.url).hostname} can be reached; `simline alerts test` sends it a message."
        except (OSError, http.client.HTTPException) as error:
            raise NotDelivered(f"Webhook {self.name} cannot be used: {one_line(str(error), 200)}.") from None

    def _judged(self, status: int, said: bytes) -> str:
        words = one_line(said.decode("utf-8", "replace").replace(self.secret, "[secret]"), 200)
        answer = f"{status} {words}".strip()
        if 200 <= status < 300:
            return answer
        if 300 <= status < 400:
            raise NotDelivered(f"Webhook {self.name} redirects ({status}); redirects are not followed. Correct `url`.")
        raise NotDelivered(f"Webhook {self.name} answered {answer}.")

    def _target(self) -> str:
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        """A connection over a socket of ours: http.client resolves no name again, and knows no proxy."""
        parts = urlsplit(self.url)
        host, is_tls = str(parts.hostname), parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        made = connect(
            host,
            port,
            allow_private=self.allow_private,
            timeout_seconds=self.timeout_seconds,
            resolver=self.resolver,
        )
        with made, _cut_after(self.timeout_seconds, made), self._protected(made, host) as line:
            kind = http.client.HTTPSConnection if is_tls else http.client.HTTPConnection
            connection = kind(host, port, timeout=self.timeout_seconds)
            connection.sock = line
            connection.auto_open = 0  # it may not open another one, to wherever the name leads by then
            yield connection

    def _protected(self, line: socket.socket, host: str) -> socket.socket:
        if urlsplit(self.url).scheme == "http":
            return line
        return (self.tls or ssl.create_default_context()).wrap_socket(line, server_hostname=host)


def _is_address(url: str) -> bool:
    """Whether this is a whole address as requests have it: ASCII alone (other names as xn--...), no blank, no user."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url and "@" not in parts.netloc and port != 0
    return plain and bool(parts.hostname) and parts.scheme in ("http", "https")


@contextmanager
def _cut_after(seconds: float, line: socket.socket) -> Iterator[None]:
    """Cut the line when the whole exchange takes longer: a receiver that drips would hold us for ever."""
    same = line.dup()  # TLS takes the socket over, and this one stays

    def cut() -> None:
        with suppress(OSError):  # it has ended by itself
            same.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        same.close()


def document(raised: Raised) -> dict[str, Any]:
    """An alert as the receiver gets it."""
    alert = raised.alert
    return {
        "id": raised.id,
        "kind": alert.kind.value,
        "severity": alert.severity.value,
        "raised_at": raised.raised_at.isoformat(),
        "sentence": alert.sentence,
        "product": alert.subject.product_id,
        "iccid": alert.subject.iccid,
        "carrier_account": alert.subject.carrier_account,
        "period": alert.period or None,
        "facts": dict(alert.facts),
    }
