"""Calls from a simulated carrier to whoever asked to be told, each at its time, from a thread of their own.

Only addresses on this machine are called. Calls that wait are forgotten when the carrier ends.
"""

import heapq
import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from carriers.simulated.faults import CallbackFault, Faults

if TYPE_CHECKING:
    from requests import Session

TIMEOUT_SECONDS = 2.0
THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Call:
    """One POST. Its address holds the secret of whoever wants to be called."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class Calls:
    """What is to be called when. Thread-safe; the thread begins with the first call and ends with `close`."""

    def __init__(self, clock: Callable[[], float], faults: Callable[[], Faults]) -> None:
        self._clock = clock
        self._faults = faults
        self._seen: Counter[str] = Counter()
        self._waiting: list[tuple[float, int, Call]] = []
        self._count = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.outcomes: Counter[str] = Counter()
        """How the calls so far were answered: the status, or the kind of trouble."""

    def when_true(self, iccid: str, due_at: float, call: Call, forgery: Call) -> None:
        """Call when the change of this SIM is true (epoch seconds), or as the faults have it. Never true: never."""
        if not _is_here(call.url) or math.isinf(due_at):
            return
        with self._changed:
            self._seen[iccid] += 1
            fault = self._faults().decide_callback(iccid, self._seen[iccid])
            early = (self._clock() + due_at) / 2
            as_it_goes = {
                None: [(due_at, call)],
                CallbackFault.LOST: [],
                CallbackFault.TWICE: [(due_at, call), (due_at, call)],
                CallbackFault.EARLY: [(early, call)],
                CallbackFault.FORGED: [(early, forgery)],
            }
            for at, one in as_it_goes[fault]:
                self._count += 1
                heapq.heappush(self._waiting, (at, self._count, one))
            self._begin()

    def close(self) -> None:
        """Call nobody any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._go_on, daemon=True, name="calls of the simulated carrier")
            self._thread.start()
        self._changed.notify()

    def _go_on(self) -> None:
        import requests  # most carriers call nobody, and start sooner without it

        with requests.Session() as session:
            session.trust_env = False
            while (call := self._next()) is not None:
                self.outcomes[_outcome(session, call)] += 1

    def _next(self) -> Call | None:
        """The next call once its time has come; None at the end."""
        with self._changed:
            while not self._closed:
                wait = self._waiting[0][0] - self._clock() if self._waiting else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._changed.wait(wait)
        return None


def _is_here(url: str) -> bool:
    try:
        return urlsplit(url).hostname in THIS_MACHINE
    except ValueError:
        return False


def _outcome(session: "Session", call: Call) -> str:
    from requests import RequestException

    try:
        answer = session.post(
            call.url, data=call.body, headers=dict(call.headers), timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
    except RequestException as error:
        return type(error).__name__
    return str(answer.status_code)
