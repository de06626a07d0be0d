"""Connections to a carrier: one session per thread, bodies bounded in size and time, and what a broken one proves."""

import ssl
import threading
import time
from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy

import requests
import urllib3.exceptions

from carriers.heads import HeadsInTime

MOST_REPLY_BYTES = 16 * 1024 * 1024
IDLE_SECONDS = 15.0  # an idle connection may be closed under our feet, and a POST lost that way is ambiguous


class ReplyTooLong(OSError):
    """The carrier's answer is longer than we read."""


class ReplyTooSlow(OSError):
    """The carrier's answer came byte by byte for longer than we wait."""


class Sessions:
    """A session per thread: one that is shared starves under many threads."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: dict[threading.Thread, requests.Session] = {}

    def mine(self) -> requests.Session:
        """This thread's session, without connections that stood idle for long."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._open()
        elif time.monotonic() - self._local.used_at > IDLE_SECONDS:
            session.close()
        self._local.used_at = time.monotonic()
        return session

    def close(self) -> None:
        """Close every session; a closed one opens new connections when it is used again."""
        with self._lock:
            for session in self._all.values():
                session.close()

    def _open(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # no proxy, no .netrc: credentials go where the configuration says
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            session.mount(scheme, HeadsInTime(max_retries=0, pool_connections=2, pool_maxsize=1))
        with self._lock:
            for thread in [thread for thread in self._all if not thread.is_alive()]:
                self._all.pop(thread).close()
            self._all[threading.current_thread()] = session
        return session


def whole_body(response: requests.Response, until: float) -> bytes:
    """The body, if it ends before `until` on the monotonic clock: a socket's own timeout starts anew with each byte.

    Raises `ReplyTooLong`, `ReplyTooSlow`, and what urllib3 raises for a body that breaks off.
    """
    body = bytearray()
    while chunk := response.raw.read1(65_536, decode_content=True):
        body += chunk
        if len(body) > MOST_REPLY_BYTES:
            raise ReplyTooLong
        if time.monotonic() > until:
            raise ReplyTooSlow
    return bytes(body)


def surely_not_sent(error: BaseException) -> bool:
    """Whether it failed before the first byte of the request: no address, no connection, a certificate refused."""
    never = (
        requests.exceptions.ConnectTimeout,
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        ssl.SSLCertVerificationError,
    )
    return any(isinstance(each, never) for each in _wrapped(error))


def _wrapped(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it wraps. Not `__context__`: that may be somebody else's error."""
    yield error
    for each in (getattr(error, "reason", None), *error.args):
        if isinstance(each, BaseException):
            yield from _wrapped(each)
