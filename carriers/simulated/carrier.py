"""The simulated carrier without its sockets: limit, credentials, faults, effects and the log, one request at a time."""

import heapq
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from carriers.simulated.access import Tokens
from carriers.simulated.callbacks import Calls
from carriers.simulated.dialect import Setting, Simulation
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.fleet import Fate, Fleet
from carriers.simulated.limit import Limit
from carriers.simulated.log import Entry, RequestLog
from carriers.simulated.spoil import INSTEAD, SPOILT
from carriers.simulated.wire import Answer, Request, Wish
from domain.pacing import Window

FATES = {Fault.STUCK: Fate.STUCK, Fault.FALLS_BACK: Fate.FALLS_BACK}


@dataclass(frozen=True, slots=True)
class Options:
    """How a simulated carrier behaves. Without limits it takes everything; `open_registry` takes any SIM and code.

    `credentials` stand instead of the usual ones of the same name. `webhook_url` is whom a carrier calls whose requests
    name nobody.
    """

    limits: Sequence[Window] = ()
    retry_after: bool = True
    open_registry: bool = False
    activation_seconds: float = 1.0
    jitter_seconds: float = 0.0
    seed: int = 0
    token_seconds: float = 3600.0
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    webhook_url: str = field(default="", repr=False)
    faults: Faults = field(default_factory=Faults)
    fleet_file: Path | None = None
    state_file: Path | None = None
    log_file: Path | None = None


class SimulatedCarrier:
    """Answers requests one after the other. Thread-safe; what is slow about an answer is left to the server."""

    def __init__(self, simulation: Simulation, options: Options, clock: Callable[[], float] = time.time) -> None:
        self._options = options
        self.clock = clock
        self.lock = threading.Lock()
        self._limit = Limit(options.limits)
        self._seen: Counter[tuple[RequestKind, str]] = Counter()
        self._arrived = 0
        self._late: list[tuple[float, int, Wish]] = []
        self.faults = options.faults
        self.log = RequestLog(options.log_file)
        self.fleet = Fleet(
            simulation.reference_of,
            clock,
            open_registry=options.open_registry,
            bars=simulation.bars,
            activation_seconds=options.activation_seconds,
            jitter_seconds=options.jitter_seconds,
            seed=options.seed,
            journal=options.state_file,
        )
        if options.fleet_file:
            self.fleet.add_cards(options.fleet_file)
        self._tokens = Tokens(options.token_seconds, clock)
        credentials = {**simulation.credentials, **options.credentials}
        self.calls = Calls(clock, lambda: self.faults)
        setting = Setting(self.fleet, self._tokens, credentials, clock, self.calls, options.webhook_url)
        self.dialect = simulation.open(setting)

    def answer(self, request: Request) -> Answer:
        """Let one request in or not, carry it out as its fault allows, and write it down."""
        with self.lock:
            now = self.clock() if request.arrived_at is None else request.arrived_at
            self._arrived += 1
            self._carry_out_late(now)
            refused = self._refusal(request, now)
            wish = self.dialect.wish(request)
            answer, fates = (refused, {}) if refused else self._met(wish, now)
            self._write_down(request, now, wish, answer, fates)
            return answer

    def settle(self) -> None:
        """Carry out what is due by now without waiting for a request."""
        with self.lock:
            self._carry_out_late(self.clock())

    def expire_tokens(self) -> None:
        """Take no token any more that was given so far."""
        with self.lock:
            self._tokens.expire_all()

    def close(self) -> None:
        """Call nobody any more, and close the files."""
        self.calls.close()
        with self.lock:
            self.log.close()
            self.fleet.close()

    def _refusal(self, request: Request, now: float) -> Answer | None:
        wait = self._limit.refusal_seconds(now)
        if wait is not None:
            return replace(self.dialect.too_many(wait if self._options.retry_after else None), reason="limit")
        if not self.dialect.admits(request):
            return replace(self.dialect.unauthorized(), reason="credentials")
        return None

    def _met(self, wish: Wish, now: float) -> tuple[Answer, Mapping[str, Fate]]:
        """The wish meets its fault: instead of the effect, around it, or on the way back; and the fates of its SIMs."""
        met = {iccid: fault for iccid in wish.iccids or ("",) if (fault := self._decide(wish.kind, iccid))}
        fates = {iccid: FATES[fault] for iccid, fault in met.items() if fault in FATES}
        fault = next((fault for fault in met.values() if fault not in FATES), None)
        if fault is Fault.TOKEN_EXPIRES:
            self._tokens.expire_all()
        if fault is Fault.LATE_EFFECT:
            heapq.heappush(self._late, (now + self.faults.late_seconds, self._arrived, wish))
        if fault in INSTEAD:
            return replace(INSTEAD[fault](self.dialect, self.faults), reason=fault), {}
        answer = wish.carry_out(lambda iccid: fates.get(iccid, Fate.NORMAL))
        if fault in SPOILT:
            answer = SPOILT[fault](self.dialect, answer, self.faults)
        return (replace(answer, reason=fault or next(iter(met.values()))) if met else answer), fates

    def _decide(self, kind: RequestKind, iccid: str) -> Fault | None:
        self._seen[kind, iccid] += 1
        return self.faults.decide(kind, iccid, self._seen[kind, iccid])

    def _write_down(self, request: Request, now: float, wish: Wish, answer: Answer, fates: Mapping[str, Fate]) -> None:
        entry = Entry(
            number=self._arrived,
            at=now,
            method=request.method,
            path=request.path,
            kind=wish.kind,
            iccids=wish.iccids,
            status="lost" if answer.lost else answer.status,
            effects=answer.effects,
            redundant=answer.redundant,
            taken_back=tuple(iccid for iccid in answer.effects if fates.get(iccid) is Fate.FALLS_BACK),
            reason=answer.reason,
        )
        self.log.add(entry)

    def _carry_out_late(self, now: float) -> None:
        while self._late and self._late[0][0] <= now:
            at, number, wish = heapq.heappop(self._late)
            done = wish.carry_out(lambda _iccid: Fate.NORMAL)
            late = Entry(number, at, "", "", wish.kind, wish.iccids, "late", done.effects, done.redundant)
            self.log.add(replace(late, reason=done.reason))
