"""List a carrier account: page after page, then one by one the SIMs of ours that no page had. It resumes.

Every page is committed with the place of the next one, so whoever is stopped anywhere asks for one page twice at most,
and a carrier that was down at page 7 is asked for page 7 next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from carriers.contract import CarrierSim, SimQuery
from carriers.errors import CarrierError, ReadFailed
from domain.reconciling import ReconciliationRules
from engine.account_round import AccountRound, TurnLost, blames_carrier, ends_by
from engine.context import Context, Progress
from engine.gate import count_failure, gate_of_lease, new_lease
from storage import limits, listings
from storage.listings import Listed, Listing

ENOUGH_FAILURES = 3
"""After so many failures at one page the listing begins anew: the carrier may not know its place any more."""
SINGLY_AT_ONCE = 20
"""So many SIMs are read one by one between two commits."""

_Told = TypeVar("_Told")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which listings a run that began at `begun_at` takes as they are, and which it goes on with."""

    begun_at: datetime
    fresh_since: datetime
    resume_since: datetime


@dataclass(slots=True)
class Progressed:
    """What one round brought. `is_over`: another round would find nothing to do, or meet the same again."""

    requests: int = 0
    sim_count: int = 0
    problem: str = ""
    is_over: bool = False
    is_elsewhere: bool = False  # another worker lists this account
    wait_seconds: float = 0.0

    def add(self, other: "Progressed") -> None:
        """Add a later round; how it stands is as the later one says."""
        self.requests += other.requests
        self.sim_count += other.sim_count
        self.problem, self.is_over, self.is_elsewhere = other.problem, other.is_over, other.is_elsewhere
        self.wait_seconds = other.wait_seconds


def wanted_now(context: Context, rules: ReconciliationRules) -> Wanted:
    """For a run that begins now."""
    with context.database.read() as tx:
        now = tx.now().replace(microsecond=0)
    return Wanted(now, now - timedelta(minutes=rules.again_minutes), now - timedelta(hours=rules.resume_hours))


def list_some(context: Context, account: str, wanted: Wanted) -> Progressed:
    """One lease's worth. Any number of workers may run this at once: one of them has the account's turn.

    Never raises for the carrier: what it told before an error is kept, and the round says what went wrong. Raises
    `DatabaseUnavailable`.
    """
    counts = Progressed()
    started = context.stopwatch.monotonic()
    lease = new_lease(context)
    with context.commit("listing-turn") as tx:
        circuit = limits.circuit(tx, account)
        paused = circuit.paused_for_seconds
        turn = listings.take_turn(tx, account, lease) if paused <= 0 else None
    if turn is None:
        counts.is_elsewhere, counts.is_over, counts.wait_seconds = paused <= 0, paused > 0, paused
        counts.problem = f"{account} is not asked for {paused:.0f} s: {circuit.last_failure}" if paused > 0 else ""
        return counts
    gate = gate_of_lease(context, account, started)
    one = _Round(context, account, lease, gate, context.stopwatch.monotonic(), turn.taken_at, turn, counts)
    try:
        _list(one, wanted)
    except TurnLost:
        counts.is_elsewhere = True
    except CarrierError as error:
        _note(one, error)
    finally:
        with context.commit("listing-turn") as tx:
            listings.give_back(tx, account, lease, counts.problem)
    return counts


@dataclass(frozen=True, slots=True)
class _Round(AccountRound):
    """A round of listing. `at` is how far it had come when the turn was taken."""

    at: Listing
    counts: Progressed

    def ask(self, request: Callable[[], _Told]) -> _Told:
        """One answer, counted. Raises `CarrierError`."""
        answer = self.answer_to(request)
        self.counts.requests += 1
        return answer

    def keep(self, number: int, listed_at: datetime, sims: list[CarrierSim], **changes: Any) -> None:
        """What was read, and how far it has come with it. Raises `TurnLost`."""
        with self.context.commit("listing") as tx:
            if not listings.hold(tx, self.account, self.lease, failures=0, **changes):
                raise TurnLost
            told = [Listed(sim.iccid, sim.state, sim.word, sim.plan_reference) for sim in sims]
            listings.keep(tx, self.account, number, listed_at, told)
            limits.record_success(tx, self.account)
        self.counts.sim_count += len(sims)
        self.context.watch(Progress("listing", self.counts.sim_count, carrier_account=self.account))


def _list(one: _Round, wanted: Wanted) -> None:
    at = one.at
    if at.ended_at is not None and at.ended_at >= wanted.fresh_since:
        one.counts.is_over = True
        return
    goes_on = at.ended_at is None and at.begun_at is not None and at.begun_at >= wanted.resume_since
    number, pages_ended = at.number, at.pages_ended
    if not goes_on or at.failures >= ENOUGH_FAILURES:
        number, pages_ended = _begin(one), False
    cursor, page_count = (None, 0) if number != at.number else (at.cursor, at.page_count)
    if one.work.carrier.capabilities.page_size and not pages_ended and not _pages(one, number, cursor, page_count):
        return
    if one.work.carrier.capabilities.can_read and not _singly(one, number):
        return
    with one.context.commit("listing-end") as tx:
        if not listings.hold(tx, one.account, one.lease, ended_at=one.now(), failures=0):
            raise TurnLost
        listings.forget_older(tx, one.account, number)
    one.counts.is_over = True


def _begin(one: _Round) -> int:
    number = one.at.number + 1
    fresh = {"number": number, "begun_at": one.now(), "ended_at": None, "pages_ended": False, "cursor": None}
    with one.context.commit("listing-begin") as tx:
        if not listings.hold(tx, one.account, one.lease, page_count=0, failures=0, **fresh):
            raise TurnLost
    return number


def _pages(one: _Round, number: int, cursor: str | None, page_count: int) -> bool:
    """Read on from this page; whether the last one was read."""
    while one.in_time:
        listed_at = one.now()
        page = one.ask(lambda: one.work.carrier.page(SimQuery(), cursor, one.gate))  # noqa: B023 - called at once
        if page.next_cursor is not None and page.next_cursor == cursor:
            raise ReadFailed(f"{one.account}'s listing turns in a circle: its next page is this page.")
        page_count, cursor = page_count + 1, page.next_cursor
        is_last = cursor is None
        one.keep(number, listed_at, list(page.sims), cursor=cursor, page_count=page_count, pages_ended=is_last)
        if is_last:
            return True
    return False


def _singly(one: _Round, number: int) -> bool:
    """Read the SIMs of ours that no page had, one by one; whether none is left."""
    while one.in_time:
        with one.context.database.read() as tx:
            iccids = listings.not_listed(tx, one.account, number, SINGLY_AT_ONCE)
        if not iccids:
            return True
        listed_at, seen = one.now(), []
        try:
            for iccid in iccids:
                seen.append(one.ask(lambda: one.work.carrier.read(iccid, one.gate)))  # noqa: B023 - called at once
        finally:
            if seen:
                one.keep(number, listed_at, seen, pages_ended=True)
    return False


def _note(one: _Round, error: CarrierError) -> None:
    """Write down what ended this run for the account, if it did."""
    if not ends_by(error, one.counts):
        return
    with one.context.commit("listing-failure") as tx:
        now = listings.newest(tx, one.account)
        listings.hold(tx, one.account, one.lease, failures=1 + (now.failures if now else 0))
        if blames_carrier(error):
            count_failure(one.context, tx, one.account, str(error))
