"""One round of collecting: who holds the turn, for how long, and how a carrier is asked in it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from carriers.contract import Gate, Metering, UsagePage, UsageQuery
from carriers.errors import LimitReached
from domain.usage import Wanted
from engine.context import CarrierAtWork, Context, Progress
from engine.usage_told import Collected
from storage.ledger import Lease
from storage.usage_asks import Turn

ROUND_SECONDS = 20.0
"""After so long a round asks nothing new: a worker that dies leaves little undone, and others see the turn free."""
REFUSALS = 3
"""So often is a request made that the carrier's limit turned away; the gate holds it back until the time it named."""


class TurnLost(Exception):
    """Another worker has taken the turn after our lease: what was read last is not written down."""


@dataclass(frozen=True, slots=True)
class Round:
    """One worker's turn at one carrier account. `started` is the stopwatch when the turn was taken."""

    context: Context
    account: str
    lease: Lease
    wanted: Wanted
    turn: Turn
    gate: Gate
    started: float
    counts: Collected

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
        return (self.turn.taken_at + passed).replace(microsecond=0)

    def ask(self, query: UsageQuery, cursor: str | None) -> UsagePage:
        """One page. A 429 is not an attempt: it is asked again when the gate lets it. Raises `CarrierError`."""
        carrier = self.work.carrier
        assert isinstance(carrier, Metering)  # noqa: S101 - see engine.metering
        for refusals_left in reversed(range(REFUSALS)):
            try:
                return carrier.usage(query, cursor, self.gate)
            except LimitReached:
                if not refusals_left:
                    raise
        raise AssertionError("unreachable")

    def tell(self, done: int, total: int) -> None:
        """News for whoever watches."""
        self.context.watch(Progress("usage", done, total, carrier_account=self.account))
