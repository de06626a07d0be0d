"""Usage of one SIM at a time: SIMs that were active, those first that were asked longest ago, one request each."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from carriers.contract import Usage, UsageQuery
from carriers.errors import CarrierError, ReadFailed, RequestRefused
from domain.day_zones import kept_since, over_at
from domain.lifecycle import SimState
from domain.usage import DAY, Days, Known, day_of, month_of
from engine.account_round import ROUND_SECONDS, TurnLost
from engine.usage_round import Round
from storage import limits, usage_asks
from storage.usage_asks import SimToAsk

MOST_AT_ONCE = 20_000
COMMIT_AT_MOST = 500
COMMIT_EVERY_SECONDS = 2.0
ENOUGH_FAILURES = 3
"""So many SIMs that cannot be read one after the other are the carrier's own fault and end a round."""
GONE = frozenset({SimState.ABSENT, SimState.RELEASED})
"""Of a SIM that is not in the account any more, no answer is no word."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One SIM with its answer, or why there is none; neither when it was not asked."""

    sim: SimToAsk
    days: Days
    told: Sequence[Usage] | None = None
    error: CarrierError | None = None

    @property
    def is_unreadable(self) -> bool:
        """Whether it is this SIM that could not be read; a limit, a pause or wrong credentials are everybody's."""
        return isinstance(self.error, ReadFailed | RequestRefused)


@dataclass(slots=True)
class _Trouble:
    """What ends a round: an error that every SIM would meet, or several SIMs in a row that could not be read."""

    in_a_row: int = 0
    stop: CarrierError | None = None

    def note(self, answer: _Asked) -> None:
        """One more answer, or none."""
        self.in_a_row = self.in_a_row + 1 if answer.error else 0
        if answer.error and (not answer.is_unreadable or self.in_a_row >= ENOUGH_FAILURES):
            self.stop = self.stop or answer.error


def collect_sims(one: Round) -> None:
    """Ask for what is due until nothing is or the round's time is over."""
    room = min(MOST_AT_ONCE, max(1, int(one.work.pace.per_second * ROUND_SECONDS)))
    with one.context.database.read() as tx:
        sims = usage_asks.due(tx, one.account, one.wanted, room)
    if not sims:
        one.counts.is_over = True
        return
    size = max(one.work.threads, min(COMMIT_AT_MOST, int(one.work.pace.per_second * COMMIT_EVERY_SECONDS)))
    waiting, trouble = iter(sims), _Trouble()
    with ThreadPoolExecutor(one.work.threads, thread_name_prefix=f"usage-{one.account}") as pool:
        while one.in_time and (some := list(islice(waiting, size))):
            as_of = one.now()
            _write(one, list(pool.map(lambda sim: _ask(one, sim, trouble), some)), as_of)
            one.tell(one.counts.requests, len(sims))
            if trouble.stop is not None:
                raise trouble.stop


def _ask(one: Round, sim: SimToAsk, trouble: "_Trouble") -> _Asked:
    """The SIM's answer; after an error that every SIM would meet it is not asked."""
    days = _days_of(one, sim)
    if trouble.stop is not None:
        return _Asked(sim, days)
    try:
        answer = _Asked(sim, days, told=_read(one, sim, days))
    except CarrierError as error:
        answer = _Asked(sim, days, error=error)
    trouble.note(answer)
    return answer


def _days_of(one: Round, sim: SimToAsk) -> Days:
    """The wanted days and those missed before them, as far as the SIM was active and the carrier keeps them."""
    first = one.wanted.days.first
    if one.wanted.reaches_back and sim.known_last is not None:
        first = min(first, sim.known_last + DAY)
    days = Days(max(first, day_of(sim.first_activated_at)), one.wanted.days.last)
    kept = one.work.carrier.capabilities.usage_kept_days
    return days.since(kept_since(one.wanted.begun_at, kept, one.zone)) if kept else days


def _read(one: Round, sim: SimToAsk, days: Days) -> Sequence[Usage]:
    told: list[Usage] = []
    cursor = None
    while True:
        page = one.ask(UsageQuery(days.first, days.last, sim.iccid, sim.carrier_reference), cursor)
        told += page.usages
        if page.next_cursor is None or page.next_cursor == cursor:
            return one.in_utc(told, days)
        cursor = page.next_cursor


def _write(one: Round, asked: Sequence[_Asked], as_of: datetime) -> None:
    """The answers, what is known now, and which SIMs brought nothing."""
    answered = [each for each in asked if each.told is not None]
    unreadable = [each for each in asked if each.is_unreadable]
    told = [usage for each in answered for usage in each.told or ()]
    problems: dict[str, str | None] = {each.sim.iccid: None for each in answered}
    problems |= {each.sim.iccid: str(each.error) for each in unreadable}
    with one.context.commit("usage") as tx:
        if not usage_asks.hold(tx, one.account, one.lease):
            raise TurnLost
        one.write(tx, told, as_of)
        usage_asks.keep_known(tx, one.account, {each.sim.iccid: _known(one, each, as_of) for each in answered})
        usage_asks.record_asks(tx, one.account, one.wanted.days, as_of, problems)
        if answered:
            limits.record_success(tx, one.account)
    one.counts.requests += len(answered) + len(unreadable)
    one.counts.unreadable += len(unreadable)


def _known(one: Round, answer: _Asked, as_of: datetime) -> Known:
    """The days that are over, so far as the answer is about them.

    Of a carrier that keeps its present billing period alone, the period is taken to be the calendar month, and longer
    where it tells of an earlier day.
    """
    over = answer.days.until(over_at(as_of, one.zone))
    told = [usage.first for usage in answer.told or ()]
    if not told and answer.sim.state in GONE:
        return Known(Days(over.first, over.first - DAY), as_of)
    if one.work.carrier.capabilities.usage_kept_days == 0:
        over = over.since(min([month_of(day_of(as_of)), *told]))
    return Known(over, as_of)
