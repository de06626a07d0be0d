"""The head of an answer, bounded as a whole: a socket's own timeout starts anew with each byte that comes."""

import http.client
import io
import socket
import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class HeadTooSlow(TimeoutError):
    """The head of the carrier's answer came byte by byte for longer than we wait."""


class _LinesInTime:
    """Lines of a connection, none of which is awaited for longer than the whole may take."""

    def __init__(self, stream: io.BufferedReader, connection: socket.socket, until: float) -> None:
        self._stream = stream
        self._connection = connection
        self._until = until

    def readline(self, most: int) -> bytes:
        """As that of a file: up to `most` bytes, what there is at the end of the stream."""
        line = b""
        while len(line) < most and not line.endswith(b"\n"):
            left = self._until - time.monotonic()
            if left <= 0:
                raise HeadTooSlow
            self._connection.settimeout(left)
            there = self._stream.peek(1)  # waits at most once
            if not there:
                break
            line += self._stream.readline(min(len(there), most - len(line)))
        return line


class _Response(http.client.HTTPResponse):
    """An answer whose head comes within the connection's read timeout, or not at all."""

    fp: Any

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._connection = sock

    def begin(self) -> None:
        """Read the head. Raises `HeadTooSlow`."""
        seconds, stream = self._connection.gettimeout(), self.fp
        if seconds is None:
            super().begin()
            return
        self.fp = _LinesInTime(stream, self._connection, time.monotonic() + seconds)
        try:
            super().begin()
        finally:
            self.fp = stream
        self._connection.settimeout(seconds)


class _Plain(HTTPConnection):
    response_class = _Response


class _Secret(HTTPSConnection):
    response_class = _Response


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecretPool(HTTPSConnectionPool):
    ConnectionCls = _Secret


class HeadsInTime(HTTPAdapter):
    """Connections of requests whose answers begin in time."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """As that of requests, with our kinds of connections."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecretPool}
