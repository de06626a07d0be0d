"""Usage as steps: rounds of one lease each, the carrier accounts side by side, one task run for a round."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from prefect.futures import PrefectFuture, as_completed

from domain.usage import Days, Wanted, day_of
from engine.context import Context
from engine.metering import CannotTell, collect_some, wanted_of
from engine.usage_standing import Standing, sentences, standing
from engine.usage_told import Collected
from storage import catalogue
from tasks.artifacts import show_table
from tasks.context import engine
from tasks.decorator import task
from tasks.logs import run_log
from tasks.outcomes import RunFailed
from tasks.parameters import UsageParameters
from tasks.rounds import outcome
from tasks.runner import ACCOUNTS_AT_ONCE


@dataclass
class AccountUsage:
    """One carrier account in this run: what is asked for, and what came."""

    account: str
    wanted: Wanted
    counts: Collected = field(default_factory=Collected)


@task(name="collect usage", run_name="collect usage of {work.account}")
def usage_round(work: AccountUsage) -> Collected:
    """One lease's worth of one carrier account's usage. Safe to repeat."""
    with run_log(account=work.account) as log:
        counts = collect_some(engine(), work.account, work.wanted)
        if counts.requests:
            log.info(f"{counts.requests} requests told {counts.day_count} days, {counts.restated} of them anew")
        if counts.is_elsewhere:
            log.info("another run collects for this account")
        if counts.problem:
            log.warning(counts.problem)
    return counts


def works_of(context: Context, parameters: UsageParameters) -> list[AccountUsage]:
    """The accounts that can tell what is asked for. Raises `LookupError` for an account that there is not.

    Raises `CannotTell` where one account was named and cannot tell it, `NoSuchProduct` for a product that there is not.
    """
    only = parameters.carrier_account
    if only is not None and only not in context.carriers:
        raise LookupError(f"There is no carrier account {only}. Configured: {', '.join(context.carriers)}.")
    if parameters.product is not None:
        with context.database.read() as tx:
            catalogue.must_have(tx, parameters.product)
    works = []
    for account in [only] if only else context.carriers:
        try:
            wanted = wanted_of(context, account, _days(context, parameters), parameters.product)
            works.append(AccountUsage(account, wanted))
        except CannotTell:
            if only:
                raise
    return works


def _days(context: Context, parameters: UsageParameters) -> Days | None:
    if parameters.first_day is None:
        return None
    with context.database.read() as tx:
        return Days(parameters.first_day, parameters.last_day or day_of(tx.now()))


def collect_all(context: Context, works: Sequence[AccountUsage], *, at_most_seconds: float) -> None:
    """Rounds for each account until its run is over; none is started after the time is over."""
    ends = context.stopwatch.monotonic() + at_most_seconds
    waiting = iter(works)
    pending = {usage_round.submit(work): work for work in islice(waiting, ACCOUNTS_AT_ONCE)}
    while pending:
        future: PrefectFuture[Collected] = next(as_completed(list(pending)))
        work = pending.pop(future)
        told = outcome(future)
        work.counts.add(told if isinstance(told, Collected) else Collected(problem=str(told), is_over=True))
        in_time = context.stopwatch.monotonic() < ends
        if in_time and not work.counts.is_over:
            pending[usage_round.submit(work)] = work
        elif in_time and (another := next(waiting, None)):
            pending[usage_round.submit(another)] = another


def end_with_standing(context: Context, works: Iterable[AccountUsage]) -> int:
    """Show how each account stands; how many days were told. Raises `RunFailed` where a carrier did not answer."""
    stands = [(work, standing(context.database, work.account, work.wanted.days, work.wanted.product)) for work in works]
    show_table("usage", (usage_row(work, how) for work, how in stands), "Usage that is kept, and what is not known.")
    with run_log() as log:
        for work, how in stands:
            log.info("\n".join(sentences(how, work.counts)))
    failed = [
        " ".join((f"{work.account}: {work.counts.problem}", *sentences(how)))
        for work, how in stands
        if work.counts.problem
    ]
    if failed:
        raise RunFailed(*failed)
    return sum(work.counts.day_count for work, _ in stands)


def usage_row(work: AccountUsage, how: Standing) -> dict[str, object]:
    """One carrier account as a row."""
    return {
        "carrier account": work.account,
        "days": str(how.days) if how.days.count else "",
        "SIMs": how.told.sim_count,
        "bytes": how.told.total_bytes,
        "days restated": work.counts.restated,
        "SIMs not known": how.missing_count,
        "problem": work.counts.problem,
    }
