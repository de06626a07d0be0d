"""SIMs whose carrier takes too long for what it accepted, counted by product and carrier account."""

from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, text

from domain.alert_rules import StuckFact
from domain.lifecycle import Step
from storage.database import Transaction
from storage.schema import TIMED_OUT, TO_SETTLE, operations, sims

WAITING = (Step.SENT.value, Step.ACCEPTED.value)


def stuck(tx: Transaction, *, after_seconds: float) -> list[StuckFact]:
    """Accepted for longer than this and not true yet, or timed out; by product and carrier account."""
    c, age = operations.c, timedelta(seconds=after_seconds)
    waits = and_(text(TO_SETTLE), c.step.in_(WAITING), c.accepted_at <= tx.now() - age)
    found: dict[tuple[str, str], StuckFact] = {}
    for which in (waits, text(TIMED_OUT)):
        since = func.max(func.coalesce(c.finished_at, c.accepted_at), type_=c.finished_at.type)
        rows = select(sims.c.product_id, c.carrier_account, func.count(), since, func.min(c.iccid))
        rows = rows.select_from(operations.join(sims, sims.c.iccid == c.iccid)).where(which)
        for product_id, account, count, newest_at, iccid in tx.execute(
            rows.group_by(sims.c.product_id, c.carrier_account)
        ):
            is_waiting = which is waits
            fact = _fact(
                product_id, account, count, newest_at + (age if is_waiting else timedelta()), iccid, is_waiting
            )
            found[product_id, account] = _both(found.get((product_id, account)), fact)
    return [found[where] for where in sorted(found)]


def _fact(product_id: str, account: str, count: int, newest_at: datetime, iccid: str, is_waiting: bool) -> StuckFact:
    return StuckFact(product_id, account, count if is_waiting else 0, 0 if is_waiting else count, newest_at, iccid)


def _both(one: StuckFact | None, other: StuckFact) -> StuckFact:
    if one is None:
        return other
    return StuckFact(
        one.product_id,
        one.carrier_account,
        one.waiting_count + other.waiting_count,
        one.timed_out_count + other.timed_out_count,
        max(one.newest_at, other.newest_at),
        other.example_iccid,
    )
