"""The gate of a carrier account: slots reserved in the database, handed to threads one by one, inside one lease.

A slot is a moment of the database's clock, not a permission for later: a thread that wakes too late lets its slot go
and takes another, and a slow answer of the database shifts none, so that jitter never bunches requests past the limit.
"""

import secrets
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager

from carriers.errors import CarrierPaused, NotSent
from domain.clocks import OtherClock
from domain.pacing import Pace
from engine.context import Context, Stopwatch, nobody_stops
from storage import limits
from storage.database import Transaction
from storage.ledger import Lease

Commit = Callable[[str], AbstractContextManager[Transaction]]
"""`Context.commit`: a transaction whose commit has a name."""

STOPPING = "The work was stopped before this request had left."
LOOK_SECONDS = 0.5
"""So often somebody who waits for a long time looks whether the work is stopped."""
AHEAD_SECONDS = 0.2
"""So far ahead are slots reserved in one statement; a killed worker wastes at most these."""


class Slots:
    """Departures of one carrier account for this process. Safe to share between threads."""

    def __init__(self, commit: Commit, account: str, pace: Pace, stopwatch: Stopwatch) -> None:
        self._commit = commit
        self._account = account
        self._pace = pace
        self._stopwatch = stopwatch
        self._departures: deque[float] = deque()
        self._database_clock = OtherClock()
        self._lock = threading.Lock()

    def next_departure(self, latest: float, users: int) -> float:
        """The next slot of this process, as a moment of the stopwatch. Raises `CarrierPaused`.

        `users` threads go on asking: where none is left, so many are reserved at once.

        Raises `NotSent` when it comes after `latest`; then it stays for whoever can still use it: slots that were
        thrown away would push the limit ahead faster than time goes by.
        """
        with self._lock:
            if not self._departures:
                self._reserve(max(1, min(users, int(AHEAD_SECONDS * self._pace.per_second))), users)
            now = self._stopwatch.monotonic()
            leaves = max(now, self._departures[0])
            if leaves > latest:
                raise NotSent("The lease ends before the carrier's limit has room for this request.", leaves - now)
            return self._departures.popleft()

    def _reserve(self, count: int, users: int) -> None:
        with self._commit("slot") as tx:
            asked_at = self._stopwatch.monotonic()
            circuit = limits.circuit(tx, self._account)
            if circuit.paused_for_seconds > 0:
                raise CarrierPaused(
                    f"{self._account} is not asked for {circuit.paused_for_seconds:.0f} s: {circuit.last_failure}",
                    retry_after_seconds=circuit.paused_for_seconds,
                )
            reserved = limits.reserve(tx, self._account, self._pace, count, at_once=users)
            self._database_clock.learn(asked_at, reserved.told_at, self._stopwatch.monotonic())
        told_at = self._database_clock.here(reserved.told_at)
        self._departures.extend(told_at + departure for departure in reserved.departures())

    def told_to_wait(self, seconds: float) -> None:
        """The carrier's word reaches every worker; slots that this process holds are void."""
        with self._lock:
            self._departures.clear()
            with self._commit("pause") as tx:
                limits.told_to_wait(tx, self._account, seconds)


class LeaseGate:
    """Lets requests of one lease through, from so many threads. Keeps the contract of `carriers.contract.Gate`."""

    def __init__(
        self,
        slots: Slots,
        stopwatch: Stopwatch,
        last_departure: float,
        *,
        lateness_seconds: float,
        threads: int,
        is_stopping: Callable[[], bool] = nobody_stops,
    ) -> None:
        self._is_stopping = is_stopping
        self._slots = slots
        self._stopwatch = stopwatch
        self._last_departure = last_departure
        self._lateness = lateness_seconds
        self._threads = threads

    def wait_for_slot(self) -> None:
        """Return when one request may leave now; raise `NotSent` when that is after the lease or a stop."""
        while True:
            self._refuse_after_a_stop()
            departure = self._slots.next_departure(self._last_departure, self._threads)
            while (early_by := departure - self._stopwatch.monotonic()) > LOOK_SECONDS:
                self._stopwatch.sleep(LOOK_SECONDS)
                self._refuse_after_a_stop()
            if early_by > 0:
                self._stopwatch.sleep(early_by)
            if self._stopwatch.monotonic() - departure <= self._lateness:
                self._refuse_after_a_stop()
                return

    def _refuse_after_a_stop(self) -> None:
        if self._is_stopping():
            raise NotSent(STOPPING)

    def told_to_wait(self, seconds: float) -> None:
        """The carrier said when to come back."""
        self._slots.told_to_wait(seconds)


def new_lease(context: Context) -> Lease:
    """A fence that nobody had before."""
    return Lease(fence=secrets.token_hex(8), worker=context.worker, seconds=context.timing.lease_seconds)


def sendable_seconds(context: Context, account: str) -> float:
    """How long after the start of a lease a request may still leave, so that its answer comes within the lease."""
    timing = context.timing
    return timing.lease_seconds - context.carriers[account].timeout_seconds - timing.lease_margin_seconds


def gate_of_lease(context: Context, account: str, started: float, *, threads: int = 1) -> LeaseGate:
    """A gate for so many threads that closes early enough for the last answer to come within the lease.

    `started` is the stopwatch *before* the lease was taken, so that our idea of its end is never later than the
    database's.
    """
    work = context.carriers[account]
    slots = context.slots.get(account)
    if slots is None:
        made = Slots(context.commit, account, work.pace, context.stopwatch)
        slots = context.slots.setdefault(account, made)
    last = started + sendable_seconds(context, account)
    lateness, stops = work.pace.lateness_seconds, context.is_stopping
    return LeaseGate(slots, context.stopwatch, last, lateness_seconds=lateness, threads=threads, is_stopping=stops)


def count_failure(context: Context, tx: Transaction, account: str, sentence: str) -> None:
    """One more failure in a row of this carrier; enough of them pause it for every worker."""
    timing = context.timing
    limits.record_failure(
        tx, account, sentence, threshold=timing.circuit_failures, pause_seconds=timing.circuit_seconds
    )
