"""How a carrier account's usage stands for some days: what is there, what is derived, and what is not known."""

from dataclasses import dataclass
from itertools import islice

from domain.usage import DAY, Days, day_of
from engine.usage_told import Collected
from reports.verdict import counted
from storage import usage, usage_asks
from storage.database import Database
from storage.usage import AccountSum
from storage.usage_asks import Missing

SHOWN = 5
"""So many SIMs that are not known in full are named in a sentence."""
LISTED = 1_000
"""And so many are handed on to programs."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One account on these days, all of which are over. `missing` are the first of the `missing_count` SIMs."""

    account: str
    days: Days
    told: AccountSum
    missing_count: int
    missing_day_count: int
    missing: tuple[Missing, ...]


def standing(database: Database, account: str, days: Days, product: str | None = None) -> Standing:
    """What is kept and what is missing of those of these days that are over, of all SIMs or of one product's."""
    with database.read() as tx:
        days = days.until(day_of(tx.now()) - DAY)
        told = usage.of_account(tx, account, days, product)
        absent = usage_asks.missing(tx, account, days, product) if days.count else iter(())
        first = tuple(islice(absent, LISTED))
        count, missing_days = len(first), sum(gap.count for one in first for gap in one.days)
        for one in absent:
            count += 1
            missing_days += sum(gap.count for gap in one.days)
    return Standing(account, days, told, count, missing_days, first)


def sentences(how: Standing, counts: Collected | None = None) -> list[str]:
    """What a person should know of it, most important first."""
    if not how.days.count:
        return [f"{how.account}: none of the days asked for is over yet."]
    told = how.told
    used = (
        f"{counted(told.sim_count, 'SIM')} used {told.total_bytes:,} bytes on {counted(told.day_count, 'day')} in all"
    )
    said = [f"{how.account}, {how.days}: {used}{_complete(how)}"]
    if told.derived_count:
        said.append(f"{how.account}: {counted(told.derived_count, 'day')} derived from sums over a longer time.")
    if how.missing:
        said.append(f"{how.account}: not known: {_named(how)}")
    if counts is not None and counts.strangers:
        said.append(f"{how.account}: {counted(counts.strangers, 'record')} of SIMs that are not ours, not kept.")
    return said


def _complete(how: Standing) -> str:
    if not how.missing_count:
        return "; nothing is missing."
    days, sims = counted(how.missing_day_count, "day"), counted(how.missing_count, "SIM")
    return f"; {days} of {sims} {'is' if how.missing_day_count == 1 else 'are'} not known."


def _named(how: Standing) -> str:
    named = [
        f"{one.iccid} {' and '.join(map(str, one.days))}{f' ({one.problem})' if one.problem else ''}"
        for one in how.missing[:SHOWN]
    ]
    left = how.missing_count - len(named)
    return "; ".join(named) + (f"; and {counted(left, 'more SIM')}." if left else ".")
