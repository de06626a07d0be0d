"""SIMs that do not get on, counted by product and carrier account: too long at their carrier, or left to a person."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, TextClause, and_, func, select, text

from domain.alert_rules import ReviewFact, StuckFact
from domain.lifecycle import Step
from storage.database import Transaction
from storage.schema import NEEDS_REVIEW, TIMED_OUT, TO_SETTLE, operations, sims

WAITING = (Step.SENT.value, Step.ACCEPTED.value)


class _Part(NamedTuple):
    """Those of one product and account that are in one of these situations."""

    sim_count: int
    newest_at: datetime
    iccid: str


def stuck(tx: Transaction, *, after_seconds: float) -> list[StuckFact]:
    """Accepted for longer than this and not true yet, or timed out; by product and carrier account."""
    c, age = operations.c, timedelta(seconds=after_seconds)
    waits = and_(text(TO_SETTLE), c.step.in_(WAITING), c.accepted_at <= tx.now() - age)
    waiting = _by_place(tx, waits, c.accepted_at)
    timed_out = _by_place(tx, text(TIMED_OUT), c.finished_at)
    none = _Part(0, datetime.min.replace(tzinfo=UTC), "")
    found = []
    for place in sorted(waiting.keys() | timed_out.keys()):
        waits_here, ended_here = waiting.get(place, none), timed_out.get(place, none)
        since = max(ended_here.newest_at, waits_here.newest_at + age)
        example = ended_here.iccid or waits_here.iccid
        found.append(StuckFact(*place, waits_here.sim_count, ended_here.sim_count, since, example))
    return found


def for_review(tx: Transaction) -> list[ReviewFact]:
    """Those that only a person can settle, by product and carrier account."""
    found = _by_place(tx, text(NEEDS_REVIEW), operations.c.finished_at)
    return [ReviewFact(*place, part.sim_count, part.newest_at, part.iccid) for place, part in sorted(found.items())]


def _by_place(
    tx: Transaction, which: ColumnElement[bool] | TextClause, at: Column[Any]
) -> dict[tuple[str, str], _Part]:
    """(product, carrier account) -> how many, the newest of these times, and one of their ICCIDs."""
    c, newest_at = operations.c, func.max(at, type_=at.type)
    rows = select(sims.c.product_id, c.carrier_account, func.count(), newest_at, func.min(c.iccid))
    rows = rows.select_from(operations.join(sims, sims.c.iccid == c.iccid)).where(which)
    return {
        (product_id, account): _Part(*part)
        for product_id, account, *part in tx.execute(rows.group_by(sims.c.product_id, c.carrier_account))
    }
