"""One round of collecting: who holds the turn, and how a carrier is asked for usage in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from carriers.contract import Capabilities, Metering, Usage, UsagePage, UsageQuery
from domain.day_zones import in_utc, there
from domain.usage import Days, Wanted
from engine.account_round import AccountRound
from engine.context import Progress
from engine.usage_told import Collected, write_told
from storage.database import Transaction
from storage.usage_asks import Turn


def zone_of(can: Capabilities) -> tzinfo:
    """Whose days this carrier tells; of one that tells sums alone the period is taken to begin at midnight UTC."""
    return UTC if can.usage_day_zone == "UTC" or not can.usage_by_day else ZoneInfo(can.usage_day_zone)


@dataclass(frozen=True, slots=True)
class Round(AccountRound):
    """A round in which usage is asked for."""

    wanted: Wanted
    turn: Turn
    counts: Collected

    @property
    def zone(self) -> tzinfo:
        """Whose days the carrier tells."""
        return zone_of(self.work.carrier.capabilities)

    def ask(self, query: UsageQuery, cursor: str | None) -> UsagePage:
        """One page about these UTC days, in days of the carrier's own. Raises `CarrierError`."""
        carrier, days = self.work.carrier, there(Days(query.first, query.last), self.zone)
        assert isinstance(carrier, Metering)  # noqa: S101 - see engine.metering
        asked = replace(query, first=days.first, last=days.last)
        return self.answer_to(lambda: carrier.usage(asked, cursor, self.gate))

    def in_utc(self, told: Sequence[Usage], wanted: Days) -> Sequence[Usage]:
        """All that was told of these UTC days, as UTC days. Of a day that was told twice the larger word counts."""
        if self.zone is UTC:
            return told
        words: dict[tuple[str | None, str | None], dict[Days, int]] = {}
        for one in told:
            of_sim = words.setdefault((one.iccid, one.carrier_reference), {})
            days = Days(one.first, one.last)
            of_sim[days] = max(one.total_bytes, of_sim.get(days, 0))
        return [
            Usage(day, day, total, *sim)
            for sim, of_sim in words.items()
            for day, total in in_utc(of_sim.items(), wanted, self.zone).items()
        ]

    def write(self, tx: Transaction, told: Sequence[Usage], as_of: datetime) -> None:
        """Keep what was told, and count it."""
        by_day = self.work.carrier.capabilities.usage_by_day
        is_derived = self.zone is not UTC
        write_told(tx, self.account, told, as_of, by_day=by_day, is_derived=is_derived, counts=self.counts)

    def tell(self, done: int, total: int) -> None:
        """News for whoever watches."""
        self.context.watch(Progress("usage", done, total, carrier_account=self.account))
