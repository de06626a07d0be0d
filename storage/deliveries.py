"""Deliveries of alerts: one row per alert and channel, taken under a lease, tried again with growing pauses.

A delivery whose worker died, or whose answer never came, is due again when its lease ends, with the same alert's id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import String, and_, literal, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.alerts import TRIES, Raised, one_line, pause_after
from storage.alert_schema import TO_DELIVER, alert_deliveries, alerts
from storage.alerts import COLUMNS, raised_of
from storage.among import among
from storage.database import Transaction


class DeliveryState(StrEnum):
    """How far a delivery has come."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"  # tried `domain.alerts.TRIES` times


@dataclass(frozen=True, slots=True)
class Due:
    """One delivery under our lease."""

    raised: Raised
    attempts: int  # this one included


def expect(tx: Transaction, channel: str, *, within_seconds: float) -> None:
    """Make a delivery for each alert of that time that has none at this channel yet. Safe side by side."""
    c, d = alerts.c, alert_deliveries.c
    there = select(d.alert_id).where(d.alert_id == c.id, d.channel == channel)
    since = tx.now() - timedelta(seconds=within_seconds)
    name, now = literal(channel, String()), literal(tx.now(), alert_deliveries.c.due_at.type)
    missing = select(c.id, name, now).where(c.raised_at >= since, ~there.exists())
    of_dialect: Any = postgresql.insert if tx.is_postgresql else sqlite.insert
    adding = of_dialect(alert_deliveries).from_select(["alert_id", "channel", "due_at"], missing)
    tx.execute(adding.on_conflict_do_nothing())


def take(tx: Transaction, channel: str, *, fence: str, lease_seconds: float, limit: int) -> list[Due]:
    """Lease up to `limit` deliveries of this channel that are due, the oldest alert first; nobody else has them."""
    d = alert_deliveries.c
    due = select(d.alert_id).where(text(TO_DELIVER), d.channel == channel, d.due_at <= tx.now(), d.attempts < TRIES)
    due = due.order_by(d.due_at, d.alert_id).limit(limit)
    if tx.is_postgresql:
        picked = due.with_for_update(skip_locked=True).cte("due").prefix_with("MATERIALIZED")
        due = select(picked.c.alert_id)
    leased: dict[Any, Any] = {d.fence: fence, d.due_at: tx.now() + timedelta(seconds=lease_seconds)}
    taking = update(alert_deliveries).where(d.channel == channel, text(TO_DELIVER), d.alert_id.in_(due))
    taken = tx.execute(taking.values(leased | {d.attempts: d.attempts + 1}).returning(d.alert_id, d.attempts)).all()
    attempts: dict[str, int] = dict(map(tuple, taken))
    if not attempts:
        return []
    rows = tx.execute(select(*COLUMNS).where(among(tx, alerts.c.id, list(attempts))))
    found = [raised_of(row) for row in rows.all()]
    return [Due(raised, attempts[raised.id]) for raised in sorted(found, key=lambda one: (one.raised_at, one.id))]


def delivered(tx: Transaction, channel: str, due: Sequence[Due], *, fence: str, answer: str) -> int:
    """The receiver took these; how many of them were still ours."""
    new = {"state": DeliveryState.DELIVERED.value, "answer": one_line(answer)}
    return sum(_answered(tx, channel, one, fence, new) for one in due)


def failed(tx: Transaction, channel: str, due: Sequence[Due], *, fence: str, answer: str) -> int:
    """The receiver did not take these: each is due again after its pause, or given up; how many were given up."""
    given_up = 0
    for one in due:
        pause = pause_after(one.attempts)
        new: dict[str, Any] = {"state": DeliveryState.GIVEN_UP.value}
        if pause is not None:
            new = {"due_at": tx.now() + timedelta(seconds=pause)}
        ours = _answered(tx, channel, one, fence, new | {"answer": one_line(answer)})
        given_up += ours if pause is None else 0
    return given_up


def _answered(tx: Transaction, channel: str, due: Due, fence: str, new: dict[str, Any]) -> int:
    d = alert_deliveries.c
    ours = and_(d.alert_id == due.raised.id, d.channel == channel, d.fence == fence)
    told = {"fence": None, "answered_at": tx.now()}
    return int(tx.execute(update(alert_deliveries).where(ours).values(**told, **new)).rowcount)


def end_overtried(tx: Transaction, channel: str) -> int:
    """Give up what was taken so often that no try is left, and whose lease ended without an answer; how many."""
    d = alert_deliveries.c
    over = and_(text(TO_DELIVER), d.channel == channel, d.due_at <= tx.now(), d.attempts >= TRIES)
    new = {"state": DeliveryState.GIVEN_UP.value, "fence": None}
    return int(tx.execute(update(alert_deliveries).where(over).values(new)).rowcount)
