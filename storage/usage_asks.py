"""Who was asked for usage, for which days, and who is asking now: what tells no usage from usage that is not known.

One worker at a time collects a carrier account's usage, under a lease like any other: a fence that is written into the
account's turn, and an end. Whoever holds the fence may write; when the lease has ended somebody else goes on.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, delete, func, literal_column, or_, select, text, update

from domain.lifecycle import Action, SimState, Step
from domain.texts import storable
from domain.usage import DAY, Days, Known, Wanted, day_of, joined, not_known, start_of
from storage.among import among
from storage.bulk import insert_rows, staged
from storage.database import Transaction
from storage.ledger import Lease
from storage.schema import EPOCH, former_placements, operations, sims
from storage.usage_schema import usage_asks, usage_known, usage_turns

WHOLE_ACCOUNT = ""
"""Stands for every SIM of an account where an ICCID could stand."""
STOPPED = tuple(state.value for state in (SimState.ABSENT, SimState.INACTIVE, SimState.DEACTIVATED, SimState.RELEASED))
"""States in which a SIM uses nothing: what is ready connects."""


class Turn(NamedTuple):
    """A carrier account's turn: how far its listing had come when it was taken."""

    taken_at: datetime
    first: Any  # the listing's days; None before the first listing, as all that follows
    last: Any
    begun_at: datetime | None
    ended_at: datetime | None
    cursor: str | None
    failures: int

    def has_asked(self, wanted: Wanted) -> bool:
        """Whether the listing is, or was, about all the wanted days, and not too long ago."""
        if self.begun_at is None or self.begun_at < wanted.fresh_since:
            return False
        return Days(self.first, self.last).covers(wanted.days)


class SimToAsk(NamedTuple):
    """A SIM whose usage is asked for by itself. `known_last` is the last day that is known of it."""

    iccid: str
    carrier_reference: str | None
    product_id: str
    state: SimState
    first_activated_at: datetime
    known_last: Any


class Missing(NamedTuple):
    """Days of a SIM that are not known, and why if somebody tried."""

    iccid: str
    days: tuple[Days, ...]
    problem: str | None


def take_turn(tx: Transaction, account: str, lease: Lease) -> Turn | None:
    """Take the account's turn; None while another worker's lease lasts."""
    c, now = usage_turns.c, tx.now()
    tx.execute(
        text("INSERT INTO usage_turns (carrier_account) VALUES (:account) ON CONFLICT DO NOTHING"), {"account": account}
    )
    is_free = or_(c.fence.is_(None), c.lease_until <= now)
    held = {c.fence: lease.fence, c.worker: lease.worker, c.lease_until: now + timedelta(seconds=lease.seconds)}
    taken = update(usage_turns).where(c.carrier_account == account, is_free).values(held)
    row = tx.execute(
        taken.returning(c.first_day, c.last_day, c.begun_at, c.ended_at, c.cursor, c.failures)
    ).one_or_none()
    return None if row is None else Turn(now, *row)


def hold(tx: Transaction, account: str, lease: Lease, **changes: Any) -> bool:
    """Keep the turn for another lease and change what it says; False when it is somebody else's by now."""
    c = usage_turns.c
    new = {c[name]: value for name, value in changes.items()} | {
        c.lease_until: tx.now() + timedelta(seconds=lease.seconds)
    }
    mine = and_(c.carrier_account == account, c.fence == lease.fence)
    return bool(tx.execute(update(usage_turns).where(mine).values(new)).rowcount)


def give_back(tx: Transaction, account: str, lease: Lease, problem: str) -> None:
    """Let the next worker take the turn; nothing happens when somebody else has it already."""
    c = usage_turns.c
    free = {c.fence: None, c.lease_until: None, c.problem: storable(problem) or None}
    tx.execute(update(usage_turns).where(c.carrier_account == account, c.fence == lease.fence).values(free))


def due(tx: Transaction, account: str, wanted: Wanted, limit: int) -> list[SimToAsk]:
    """SIMs that were active in the wanted days and not asked for them yet; the one that was asked longest ago first."""
    s, a, k = sims.c, usage_asks.c, usage_known.c
    known_last = select(func.max(k.last_day)).where(k.carrier_account == account, k.iccid == s.iccid).scalar_subquery()
    columns = (s.iccid, s.carrier_reference, s.product_id, s.state, s.first_activated_at, known_last)
    rows = select(*columns).outerjoin(usage_asks, and_(a.carrier_account == account, a.iccid == s.iccid))
    rows = rows.where(*_was_active(account, wanted.days, wanted.product), _is_due(wanted))
    longest_ago = func.coalesce(a.asked_at, literal_column("0"))
    ordered = rows.order_by(longest_ago, s.iccid).limit(limit)
    found = tx.execute(ordered).all()
    return [
        SimToAsk(iccid, name, product, SimState(state), at, last) for iccid, name, product, state, at, last in found
    ]


def due_count(tx: Transaction, account: str, wanted: Wanted) -> int:
    """How many SIMs are left to ask. Reads each SIM of the account."""
    a = usage_asks.c
    asked = sims.outerjoin(usage_asks, and_(a.carrier_account == account, a.iccid == sims.c.iccid))
    rows = (
        select(func.count())
        .select_from(asked)
        .where(*_was_active(account, wanted.days, wanted.product), _is_due(wanted))
    )
    return int(tx.execute(rows).scalar_one())


def _is_due(wanted: Wanted) -> ColumnElement[bool]:
    a = usage_asks.c
    other_days = or_(a.first_day > wanted.days.first, a.last_day < wanted.days.last)
    again = and_(a.problem.is_(None), or_(a.asked_at < wanted.fresh_since, other_days))
    failed = and_(a.problem.is_not(None), a.asked_at < wanted.begun_at)
    return or_(a.iccid.is_(None), again, failed)


def has_sims(tx: Transaction, account: str, product: str) -> bool:
    """Whether this product has SIMs in this account, or had some that are still in it."""
    found = select(sims.c.iccid).where(sims.c.carrier_account == account, _belongs(account, product))
    return tx.execute(found.limit(1)).first() is not None


def _belongs(account: str, product: str) -> ColumnElement[bool]:
    """SIMs of this product, and those that another one took from it: their earlier days are its own."""
    f = former_placements.c
    former = select(f.iccid).where(f.carrier_account == account, f.product_id == product)
    return or_(sims.c.product_id == product, sims.c.iccid.in_(former))


def _was_active(account: str, days: Days, product: str | None = None) -> tuple[ColumnElement[bool], ...]:
    """SIMs that can have used something: one that we stopped before the first of these days cannot.

    One that stands still without our doing is asked: nobody knows since when.
    """
    s, o = sims.c, operations.c
    stops = and_(o.action.in_((Action.DEACTIVATE.value, Action.RELEASE.value)), o.step == Step.DONE.value)
    stopped_at = select(func.max(o.finished_at)).where(o.iccid == s.iccid, stops).scalar_subquery()
    begins, ends = start_of(days.first), start_of(days.last + DAY)
    still_there = or_(s.state.not_in(STOPPED), stopped_at.is_(None), stopped_at >= begins)
    of_product = [] if product is None else [_belongs(account, product)]
    return s.carrier_account == account, s.first_activated_at < ends, still_there, *of_product


_ASKED = (
    "INSERT INTO usage_asks (carrier_account, iccid, first_day, last_day, asked_at, problem) "
    "SELECT :account, iccid, :first, :last, :at, problem FROM staged WHERE true "
    "ON CONFLICT (carrier_account, iccid) DO UPDATE SET first_day = excluded.first_day, "
    "last_day = excluded.last_day, asked_at = excluded.asked_at, problem = excluded.problem"
)


def record_asks(tx: Transaction, account: str, days: Days, at: datetime, problems: Mapping[str, str | None]) -> None:
    """These SIMs were asked for these days just now; each with the problem that it met, or None."""
    if not problems:
        return
    columns: dict[str, list[Any]] = {
        "iccid": list(problems),
        "problem": [one and storable(one) for one in problems.values()],
    }
    when = {"first": (days.first - EPOCH).days, "last": (days.last - EPOCH).days, "at": int(at.timestamp())}
    with staged(tx, columns):
        tx.execute(text(_ASKED), {"account": account, **when})


def known_of(tx: Transaction, account: str, *iccids: str) -> dict[str, list[Known]]:
    """The days that are known of these SIMs, or of the whole account; oldest first."""
    k = usage_known.c
    rows = select(k.iccid, k.first_day, k.last_day, k.known_at).where(
        k.carrier_account == account, among(tx, k.iccid, iccids)
    )
    found: dict[str, list[Known]] = {}
    for iccid, first, last, at in tx.execute(rows.order_by(k.iccid, k.first_day)):
        found.setdefault(iccid, []).append(Known(Days(first, last), at))
    return found


def keep_known(tx: Transaction, account: str, told: Mapping[str, Known]) -> None:
    """These days are known now. What touches becomes one row, so that a SIM has one row and not one for each night."""
    told = {iccid: known for iccid, known in told.items() if known.days.count}
    before = known_of(tx, account, *told)
    rows = [(iccid, one) for iccid, known in told.items() for one in joined(before.get(iccid, ()), known)]
    if not rows:
        return
    k = usage_known.c
    tx.execute(delete(usage_known).where(k.carrier_account == account, among(tx, k.iccid, list(told))))
    columns = {
        "carrier_account": account,
        "iccid": [iccid for iccid, _ in rows],
        "first_day": [(one.days.first - EPOCH).days for _, one in rows],
        "last_day": [(one.days.last - EPOCH).days for _, one in rows],
        "known_at": [int(one.known_at.timestamp()) for _, one in rows],
    }
    insert_rows(tx, columns, {usage_known: tuple(columns)})


def missing(tx: Transaction, account: str, days: Days, product: str | None = None) -> Iterator[Missing]:
    """The SIMs of which some of these days are not known, in the order of their ICCIDs; at once none where all are.

    Days before a SIM was first active are nothing to know. Reads each SIM of the account otherwise.
    """
    of_all = [known.days for known in known_of(tx, account, WHOLE_ACCOUNT).get(WHOLE_ACCOUNT, ())]
    if not not_known(days, of_all):
        return
    s, a, k = sims.c, usage_asks.c, usage_known.c
    rows = (
        select(s.iccid, s.first_activated_at, a.problem, k.first_day, k.last_day)
        .outerjoin(usage_asks, and_(a.carrier_account == account, a.iccid == s.iccid))
        .outerjoin(usage_known, and_(k.carrier_account == account, k.iccid == s.iccid))
        .where(*_was_active(account, days, product))
        .order_by(s.iccid)
    )
    for iccid, of_sim in groupby(tx.execute(rows), itemgetter(0)):
        (_, activated_at, problem, *_), *_ = told = list(of_sim)
        own = [Days(first, last) for *_, first, last in told if first is not None]
        gaps = not_known(days.since(day_of(activated_at)), [*of_all, *own])
        if gaps:
            yield Missing(iccid, gaps, problem)
