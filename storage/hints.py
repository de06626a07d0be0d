"""Hints: an operation that waits for its carrier is looked at sooner. No step changes.

What nobody holds has its next look brought forward. What a worker holds keeps its lease; the hint stands beside it, and
counts when that worker lets go: its request or its read may be older than what the carrier tells of. The quiet period
of an unknown outcome is a rule of safety, and no hint shortens it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Update, and_, select, text, update

from domain.lifecycle import Step
from storage.database import Transaction
from storage.schema import NAMED, operations, sims

WAITING = (Step.SENT.value, Step.ACCEPTED.value)
"""Steps at which only the carrier's word is missing, and a look at any time does no harm."""
IN_HAND = (Step.INTENT.value, *WAITING)
"""Steps at which a worker may hold an operation that will wait for the carrier's word when it lets go."""


@dataclass(frozen=True, slots=True)
class LaterLook:
    """An operation that waits, when it would be looked at, and when it may be at the soonest; `fence` if it is held."""

    operation_id: int
    due_at: datetime
    soonest_at: datetime
    fence: str | None = None


def later_looks(
    tx: Transaction, account: str, *, iccid: str | None, carrier_reference: str | None, floor_seconds: float
) -> list[LaterLook]:
    """The SIM's operations that would be looked at later than they may be: now, or the floor after their last look.

    Of what is held nobody knows how soon; it is among these until a hint was written beside it. The SIM is named by its
    ICCID or, without one, by the carrier's own id. Only reads; which of its few operations wait is seen here, for the
    index of all that wait is no way to one SIM.
    """
    c = operations.c
    if iccid is None and carrier_reference is None:
        return []
    named = select(sims.c.iccid).where(text(NAMED), sims.c.carrier_reference == carrier_reference)
    which = c.iccid == iccid if iccid is not None else c.iccid.in_(named)
    columns = (c.id, c.step, c.fence, c.due_at, c.looked_at, c.hinted_at)
    rows = select(*columns).where(which, c.carrier_account == account)
    floor, now = timedelta(seconds=floor_seconds), tx.now()
    found = []
    for id_, step, fence, due_at, looked_at, hinted_at in tx.execute(rows):
        soonest_at = now if looked_at is None else max(now, looked_at + floor)
        is_late = fence is None and step in WAITING and due_at > soonest_at
        is_held = fence is not None and step in IN_HAND and hinted_at is None
        if is_late or is_held:
            found.append(LaterLook(id_, due_at, soonest_at, fence))
    return found


def bring_forward(tx: Transaction, looks: list[LaterLook]) -> int:
    """Let these be looked at as soon as they may be; how many will. One that has changed meanwhile stays as it is."""
    return sum(int(tx.execute(_brought_forward(one)).rowcount) for one in looks)


def _brought_forward(one: LaterLook) -> Update:
    c = operations.c
    if one.fence is None:
        as_it_was, sooner = and_(c.step.in_(WAITING), c.fence.is_(None), c.due_at == one.due_at), c.due_at
    else:
        as_it_was, sooner = and_(c.step.in_(IN_HAND), c.fence == one.fence, c.hinted_at.is_(None)), c.hinted_at
    return update(operations).where(c.id == one.operation_id, as_it_was).values({sooner: one.soonest_at})
