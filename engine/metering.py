"""Collect usage: one lease's worth of one carrier account, within its limit, with the fewest requests that it allows.

Where a carrier tells of all its SIMs in pages, pages are read, and a listing that broke off goes on at its page; where
it tells of one SIM at a time, only SIMs that were active are asked, those first that were asked longest ago. What was
read is committed before more is asked, so whoever is stopped anywhere loses one answer at most.
"""

from datetime import date, timedelta
from math import ceil

from carriers.contract import Capabilities, Metering, UsageScope
from carriers.errors import CarrierError
from domain.day_zones import kept_since, over_at
from domain.usage import DAY, Days, UsageRules, Wanted, day_of, month_of
from engine.account_round import TurnLost, blames_carrier, ends_by
from engine.context import Context
from engine.gate import count_failure, gate_of_lease, new_lease
from engine.usage_pages import collect_pages
from engine.usage_round import Round, zone_of
from engine.usage_sims import collect_sims
from engine.usage_told import Collected
from storage import limits, usage_asks
from storage.usage_asks import WHOLE_ACCOUNT


class CannotTell(Exception):
    """This carrier account tells no usage of these days. The sentence says which it tells."""


def wanted_of(context: Context, account: str, days: Days | None = None, product: str | None = None) -> Wanted:
    """What a run that begins now asks this account for; without `days` as the rules say. Raises `CannotTell`.

    A carrier that keeps its present billing period alone is asked for today too: tomorrow it may have forgotten. One
    that tells all SIMs in pages is read as a whole, whatever the `product`.
    """
    can = context.carriers[account].carrier.capabilities
    if can.usage is UsageScope.NONE:
        raise CannotTell(f"{account} tells no usage over its API.")
    with context.database.read() as tx:
        if product is not None and not usage_asks.has_sims(tx, account, product):
            raise CannotTell(f"{account} has no SIM of {product}.")
        now = tx.now().replace(microsecond=0)
        known = usage_asks.known_of(tx, account, WHOLE_ACCOUNT).get(WHOLE_ACCOUNT, [])
    fresh_since = now - timedelta(hours=context.usage_rules.again_after_hours)
    today, zone = day_of(now), zone_of(can)
    last = today if can.usage_kept_days == 0 else over_at(now, zone)
    if not can.usage_by_day:
        asked = _whole_period(account, days, today)
    elif days is not None:
        asked = days.until(last)
    else:
        known_last = max((one.days.last for one in known), default=None)
        asked = _usual(can, context.usage_rules, today, known_last).until(last)
    if can.usage_kept_days:
        asked = asked.since(kept_since(now, can.usage_kept_days, zone))
    if not asked.count:
        kept = f"It keeps {can.usage_kept_days} days." if can.usage_kept_days else ""
        raise CannotTell(f"{account} cannot tell the usage of {days}: it tells days that are over. {kept}".rstrip())
    return Wanted(asked, now, fresh_since, reaches_back=days is None, product=product)


def _whole_period(account: str, days: Days | None, today: date) -> Days:
    period = Days(month_of(today), today)
    if days is not None and not (days.last >= period.first and days.first <= today):
        raise CannotTell(f"{account} cannot tell the usage of {days}: it tells its present billing period alone.")
    return period


def _usual(can: Capabilities, rules: UsageRules, today: date, known_last: date | None) -> Days:
    """The days that are asked again each time, and those before them that a listing has missed."""
    again = max(rules.again_days, 1 + ceil(can.usage_lag_hours / 24))
    first = today - again * DAY
    return Days(first if known_last is None else min(first, known_last + DAY), today)


def collect_some(context: Context, account: str, wanted: Wanted) -> Collected:
    """One lease's worth. Any number of workers may run this at once: one of them has the account's turn.

    Never raises for the carrier: what it answered before an error is kept, and the round says what went wrong. Raises
    `DatabaseUnavailable`.
    """
    counts = Collected()
    started = context.stopwatch.monotonic()
    lease = new_lease(context)
    with context.commit("usage-turn") as tx:
        paused = limits.circuit(tx, account)
        turn = usage_asks.take_turn(tx, account, lease) if paused.paused_for_seconds <= 0 else None
    if turn is None:
        counts.is_over, counts.is_elsewhere = True, paused.paused_for_seconds <= 0
        counts.wait_seconds, counts.problem = paused.paused_for_seconds, _why(account, paused)
        return counts
    work = context.carriers[account]
    gate = gate_of_lease(context, account, started, threads=work.threads)
    one = Round(context, account, lease, gate, context.stopwatch.monotonic(), turn.taken_at, wanted, turn, counts)
    try:
        _collect(one)
    finally:
        with context.commit("usage-turn") as tx:
            usage_asks.give_back(tx, account, lease, counts.problem)
    return counts


def _why(account: str, circuit: limits.Circuit) -> str:
    if circuit.paused_for_seconds <= 0:
        return ""
    return f"{account} is not asked for {circuit.paused_for_seconds:.0f} s: {circuit.last_failure}"


def _collect(one: Round) -> None:
    """Ask until the round's time is over; an error of the carrier becomes the round's problem."""
    assert isinstance(one.work.carrier, Metering)  # noqa: S101 - its capabilities say so, and the contract holds them to it
    listing = one.work.carrier.capabilities.usage is UsageScope.ACCOUNT
    try:
        (collect_pages if listing else collect_sims)(one)
    except TurnLost:
        one.counts.is_over = one.counts.is_elsewhere = True
    except CarrierError as error:
        _note(one, error, listing=listing)


def _note(one: Round, error: CarrierError, *, listing: bool) -> None:
    """Write down what ended this run for the account, if it did."""
    if not ends_by(error, one.counts):
        return
    with one.context.commit("usage-failure") as tx:
        if listing:
            usage_asks.hold(tx, one.account, one.lease, failures=one.turn.failures + 1)
        if blames_carrier(error):
            count_failure(one.context, tx, one.account, str(error))
