"""One worker's round of reading at a carrier account: how long it lasts, what time it is in it, how it asks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from carriers.contract import Gate
from carriers.errors import CarrierDown, CarrierError, CarrierPaused, LimitReached, NotSent
from engine.context import CarrierAtWork, Context
from storage.ledger import Lease

ROUND_SECONDS = 20.0
"""After so long a round asks nothing new: a worker that dies leaves little undone, and others see the turn free."""
REFUSALS = 3
"""So often is a request made that the carrier's limit turned away; the gate holds it back until the time it named."""

_Told = TypeVar("_Told")


class TurnLost(Exception):
    """Another worker has taken the turn after our lease: what was read last is not written down."""


class Counts(Protocol):
    """What one round brought, as far as its end is concerned."""

    requests: int
    wait_seconds: float
    problem: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class AccountRound:
    """One worker's turn at one carrier account, taken at `taken_at`; `started` is the stopwatch of then."""

    context: Context
    account: str
    lease: Lease
    gate: Gate
    started: float
    taken_at: datetime

    @property
    def work(self) -> CarrierAtWork:
        """The account's carrier."""
        return self.context.carriers[self.account]

    @property
    def in_time(self) -> bool:
        """Whether something new may be asked."""
        return self.context.stopwatch.monotonic() < self.started + ROUND_SECONDS

    def now(self) -> datetime:
        """The database's time, without asking it, in whole seconds."""
        passed = timedelta(seconds=self.context.stopwatch.monotonic() - self.started)
        return (self.taken_at + passed).replace(microsecond=0)

    def answer_to(self, request: Callable[[], _Told]) -> _Told:
        """One answer. A 429 is not an attempt: it is asked again when the gate lets it. Raises `CarrierError`."""
        for refusals_left in reversed(range(REFUSALS)):
            try:
                return request()
            except LimitReached:
                if not refusals_left:
                    raise
        raise AssertionError("unreachable")


def ends_by(error: CarrierError, counts: Counts) -> bool:
    """Whether this run ends for the account with the error, which its counts then tell.

    A lease that ends is nobody's fault, and the next round goes on.
    """
    if isinstance(error, NotSent):
        counts.wait_seconds = error.retry_after_seconds
        if not isinstance(error, CarrierDown | CarrierPaused | LimitReached) and counts.requests:
            return False
    counts.is_over, counts.problem = True, str(error)
    return True


def blames_carrier(error: CarrierError) -> bool:
    """Whether the error counts toward the circuit breaker: nothing that we held back ourselves does."""
    return isinstance(error, CarrierDown) or not isinstance(error, NotSent)
