"""One round of collecting: who holds the turn, and how a carrier is asked for usage in it."""

from dataclasses import dataclass

from carriers.contract import Metering, UsagePage, UsageQuery
from domain.usage import Wanted
from engine.account_round import AccountRound
from engine.context import Progress
from engine.usage_told import Collected
from storage.usage_asks import Turn


@dataclass(frozen=True, slots=True)
class Round(AccountRound):
    """A round in which usage is asked for."""

    wanted: Wanted
    turn: Turn
    counts: Collected

    def ask(self, query: UsageQuery, cursor: str | None) -> UsagePage:
        """One page. Raises `CarrierError`."""
        carrier = self.work.carrier
        assert isinstance(carrier, Metering)  # noqa: S101 - see engine.metering
        return self.answer_to(lambda: carrier.usage(query, cursor, self.gate))

    def tell(self, done: int, total: int) -> None:
        """News for whoever watches."""
        self.context.watch(Progress("usage", done, total, carrier_account=self.account))
