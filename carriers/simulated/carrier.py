"""The simulated carrier without its sockets: limit, credentials, faults, effects and the log, one request at a time."""

import heapq
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from carriers.simulated import supersim
from carriers.simulated.access import Access, Keys
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.fleet import Fate, Fleet
from carriers.simulated.limit import Limit
from carriers.simulated.log import Entry, RequestLog
from carriers.simulated.spoil import INSTEAD, SPOILT
from carriers.simulated.wire import Answer, Request, Wish
from domain.pacing import Window

TOKEN_PATH = "/oauth/token"  # noqa: S105

FATES = {Fault.STUCK: Fate.STUCK, Fault.FALLS_BACK: Fate.FALLS_BACK}


@dataclass(frozen=True, slots=True)
class Options:
    """How a simulated carrier behaves. Without limits it takes everything; `open_registry` takes any code."""

    limits: Sequence[Window] = ()
    retry_after: bool = True
    open_registry: bool = False
    activation_seconds: float = 1.0
    jitter_seconds: float = 0.0
    seed: int = 0
    token_seconds: float = 3600.0
    keys: Keys = field(default_factory=Keys)
    faults: Faults = field(default_factory=Faults)
    fleet_file: Path | None = None
    state_file: Path | None = None
    log_file: Path | None = None


class SimulatedCarrier:
    """Answers requests one after the other. Thread-safe; what is slow about an answer is left to the server."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.time) -> None:
        self._options = options
        self._clock = clock
        self.lock = threading.Lock()
        self._limit = Limit(options.limits)
        self._access = Access(options.keys, options.token_seconds, clock)
        self._seen: Counter[tuple[RequestKind, str]] = Counter()
        self._arrived = 0
        self._late: list[tuple[float, int, Wish]] = []
        self.faults = options.faults
        self.log = RequestLog(options.log_file)
        self.fleet = Fleet(
            supersim.reference_of,
            clock,
            open_registry=options.open_registry,
            activation_seconds=options.activation_seconds,
            jitter_seconds=options.jitter_seconds,
            seed=options.seed,
            journal=options.state_file,
        )
        if options.fleet_file:
            self.fleet.add_cards(options.fleet_file)
        self.dialect = supersim.SuperSimDialect(self.fleet, options.keys.account_sid)

    def answer(self, request: Request) -> Answer:
        """Let one request in or not, carry it out as its fault allows, and write it down."""
        with self.lock:
            now = self._clock()
            self._arrived += 1
            self._carry_out_late(now)
            refused = self._refusal(request, now)
            wish = self._wish(request)
            answer = refused or self._met(wish, now)
            self._write_down(request, now, wish, answer)
            return answer

    def settle(self) -> None:
        """Carry out what is due by now without waiting for a request."""
        with self.lock:
            self._carry_out_late(self._clock())

    def close(self) -> None:
        """Close the files."""
        with self.lock:
            self.log.close()
            self.fleet.close()

    def _refusal(self, request: Request, now: float) -> Answer | None:
        wait = self._limit.refusal_seconds(now)
        if wait is not None:
            headers = {"Retry-After": str(math.ceil(wait))} if self._options.retry_after else {}
            return replace(supersim.TOO_MANY, headers=headers)
        if request.path != TOKEN_PATH and not self._access.allows(request.authorization):
            return supersim.UNAUTHORIZED
        return None

    def _wish(self, request: Request) -> Wish:
        if request.path != TOKEN_PATH:
            return self.dialect.wish(request)
        return Wish(RequestKind.TOKEN, "", lambda _fate: self._token(request))

    def _token(self, request: Request) -> Answer:
        token = self._access.token(request.form)
        return Answer(200, token) if token else Answer(401, {"error": "unauthorized_client"}, reason="credentials")

    def _met(self, wish: Wish, now: float) -> Answer:
        """The wish meets its fault: instead of the effect, around it, or on the way back."""
        self._seen[wish.kind, wish.iccid] += 1
        fault = self.faults.decide(wish.kind, wish.iccid, self._seen[wish.kind, wish.iccid])
        if fault is None:
            return wish.carry_out(Fate.NORMAL)
        if fault is Fault.TOKEN_EXPIRES:
            self._access.expire_all()
        if fault is Fault.LATE_EFFECT:
            heapq.heappush(self._late, (now + self.faults.late_seconds, self._arrived, wish))
        if fault in INSTEAD:
            return replace(INSTEAD[fault](self.faults), reason=fault)
        answer = wish.carry_out(FATES.get(fault, Fate.NORMAL))
        spoil = SPOILT.get(fault)
        return replace(spoil(answer, self.faults) if spoil else answer, reason=fault)

    def _write_down(self, request: Request, now: float, wish: Wish, answer: Answer) -> None:
        entry = Entry(
            number=self._arrived,
            at=now,
            method=request.method,
            path=request.path,
            kind=wish.kind,
            iccid=wish.iccid,
            status="lost" if answer.lost else answer.status,
            effect=answer.effect,
            redundant=answer.redundant,
            reason=answer.reason,
        )
        self.log.add(entry)

    def _carry_out_late(self, now: float) -> None:
        while self._late and self._late[0][0] <= now:
            at, number, wish = heapq.heappop(self._late)
            done = wish.carry_out(Fate.NORMAL)
            entry = Entry(number, at, "", "", wish.kind, wish.iccid, "late", done.effect, done.redundant, done.reason)
            self.log.add(entry)
