"""A ledger that came back from a backup: what it holds as planned or open may have gone further since."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, and_, case, func, or_, select, text, update

from domain.lifecycle import Step
from storage import ledger
from storage.among import among
from storage.database import Transaction
from storage.ledger import Move
from storage.queueing import is_its_turn
from storage.schema import TO_SEND, TO_SETTLE, operations


@dataclass(frozen=True, slots=True)
class AtStake:
    """Operations of a carrier account of which a backup may be wrong; `leased` ones are in a worker's hands now."""

    account: str
    planned: int
    in_progress: int
    leased: int


@dataclass(frozen=True, slots=True)
class Clocks:
    """For how long nothing is read, so that no request of the time before takes effect any more; and the deadline."""

    wait_seconds: float
    deadline_seconds: float


def at_stake(tx: Transaction) -> list[AtStake]:
    """By carrier account, those without any such operation left out."""
    c = operations.c
    planned = _counts(tx, select(c.carrier_account, func.count()).where(text(TO_SEND)))
    started = select(c.carrier_account, func.count()).where(text(TO_SETTLE))
    in_progress = _counts(tx, started)
    leased = _counts(tx, started.where(c.fence.is_not(None), c.due_at > tx.now()))
    return [
        AtStake(account, planned.get(account, 0), in_progress.get(account, 0), leased.get(account, 0))
        for account in sorted(planned.keys() | in_progress.keys())
    ]


def _counts(tx: Transaction, rows: Select[tuple[str, int]]) -> dict[str, int]:
    return dict(tx.execute(rows.group_by(operations.c.carrier_account)).tuples().all())


def doubt_planned(tx: Transaction, account: str, clocks: Clocks, *, limit: int, reason: str, actor: str) -> int:
    """Make up to `limit` planned operations unknown; how many were.

    A request of each may have left until now, and what the carrier called an earlier one says nothing of it. One that
    waits behind an earlier operation of its SIM stays planned: its SIM is read for that one.
    """
    c = operations.c
    planned = select(c.id).where(text(TO_SEND), c.carrier_account == account, is_its_turn())
    ids = tuple(tx.execute(planned.limit(limit)).scalars())
    doubt = Move(
        Step.PLANNED,
        Step.UNKNOWN,
        "restored",
        ids,
        reason,
        due_in_seconds=clocks.wait_seconds,
        deadline_in_seconds=clocks.deadline_seconds,
    )
    moved = ledger.move(tx, doubt, actor=actor, fence=None)
    if moved:
        tx.execute(update(operations).where(among(tx, c.id, moved)).values(intent_at=tx.now(), carrier_request=None))
    return len(moved)


def restart_open(tx: Transaction, account: str, clocks: Clocks) -> int:
    """The clocks of what was open start anew: later requests than the backup knows may be on their way. How many."""
    c, now = operations.c, tx.now()
    free = or_(c.fence.is_(None), c.due_at <= now)
    later = now + timedelta(seconds=clocks.wait_seconds)
    new = {
        c.intent_at: now,
        c.carrier_request: None,
        c.accepted_at: case((c.accepted_at.is_not(None), now), else_=None),
        c.deadline_at: now + timedelta(seconds=clocks.deadline_seconds),
        c.due_at: case((c.step == Step.INTENT.value, c.due_at), else_=later),  # its lease is over: it becomes unknown
    }
    waiting = and_(text(TO_SETTLE), c.carrier_account == account, free)
    return int(tx.execute(update(operations).where(waiting).values(new)).rowcount)
