"""Hints: an operation that waits for its carrier is looked at sooner. No step changes, and nothing is written down.

Only what the carrier has taken is brought forward. The quiet period of an unknown outcome is a rule of safety, and
whoever holds a lease is looking already.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, select, text, update

from domain.lifecycle import Step
from storage.database import Transaction
from storage.schema import NAMED, operations, sims

WAITING = (Step.SENT.value, Step.ACCEPTED.value)
"""Steps at which only the carrier's word is missing, and a look at any time does no harm."""


@dataclass(frozen=True, slots=True)
class LaterLook:
    """An operation that waits, when it would be looked at, and when it may be at the soonest."""

    operation_id: int
    due_at: datetime
    soonest_at: datetime


def later_looks(
    tx: Transaction, account: str, *, iccid: str | None, carrier_reference: str | None, floor_seconds: float
) -> list[LaterLook]:
    """The SIM's operations that would be looked at later than they may be: now, or the floor after their last look.

    The SIM is named by its ICCID or, without one, by the carrier's own id. Only reads; which of its few operations wait
    is seen here, for the index of all that wait is no way to one SIM.
    """
    c = operations.c
    if iccid is None and carrier_reference is None:
        return []
    named = select(sims.c.iccid).where(text(NAMED), sims.c.carrier_reference == carrier_reference)
    which = c.iccid == iccid if iccid is not None else c.iccid.in_(named)
    rows = select(c.id, c.step, c.fence, c.due_at, c.looked_at).where(which, c.carrier_account == account)
    floor, now = timedelta(seconds=floor_seconds), tx.now()
    found = [
        LaterLook(id_, due_at, now if looked_at is None else max(now, looked_at + floor))
        for id_, step, fence, due_at, looked_at in tx.execute(rows)
        if step in WAITING and fence is None
    ]
    return [one for one in found if one.due_at > one.soonest_at]


def bring_forward(tx: Transaction, looks: list[LaterLook]) -> int:
    """Let these be looked at as soon as they may be; how many were. One that has changed meanwhile stays as it is."""
    c = operations.c
    count = 0
    for one in looks:
        as_it_was = and_(c.id == one.operation_id, c.step.in_(WAITING), c.fence.is_(None), c.due_at == one.due_at)
        count += int(tx.execute(update(operations).where(as_it_was).values({c.due_at: one.soonest_at})).rowcount)
    return count
