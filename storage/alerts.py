"""Alerts as they are written down: each occurrence once, until it is over."""

import json
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.alerts import Alert, AlertKind, Raised, Severity, Subject
from storage.alert_schema import NOT_OVER, alert_deliveries, alerts
from storage.database import Transaction

COLUMNS = tuple(
    alerts.c[name]
    for name in (
        *("id", "raised_at", "kind", "severity", "product_id", "iccid", "carrier_account"),
        *("period", "level", "sentence", "facts"),
    )
)
"""What `raised_of` reads, in its order."""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert as people look it up: until when it lasted, and how its deliveries stand by their state."""

    raised: Raised
    recovered_at: Any
    deliveries: dict[str, int]


def write_down(tx: Transaction, found: Iterable[Alert], channels: Collection[str]) -> list[Raised]:
    """Write down what is new, with a delivery for each channel; what came in the meantime stays as it is.

    New is an alert whose occurrence is not known, is over, or has come to a higher level.
    """
    return [raised for alert in found if (raised := _written(tx, alert, channels)) is not None]


def _written(tx: Transaction, alert: Alert, channels: Collection[str]) -> Raised | None:
    c = alerts.c
    known = select(c.id).where(text(NOT_OVER), c.key == alert.key, c.level >= alert.level)
    if tx.execute(select(known.exists())).scalar_one():
        return None
    raised = Raised(f"a-{secrets.token_hex(8)}", tx.now(), alert)
    added = _insert_or_nothing(tx).values(_values(raised)).returning(c.id)
    if tx.execute(added).one_or_none() is None:  # another worker has raised it just now
        return None
    waiting = [{"alert_id": raised.id, "channel": channel, "due_at": tx.now()} for channel in channels]
    if waiting:
        tx.execute(insert(alert_deliveries), waiting)
    return raised


def _insert_or_nothing(tx: Transaction) -> Any:
    of_dialect = postgresql.insert if tx.is_postgresql else sqlite.insert
    inserting: Any = of_dialect(alerts)
    return inserting.on_conflict_do_nothing(index_elements=["key", "level"], index_where=text(NOT_OVER))


def _values(raised: Raised) -> dict[str, Any]:
    alert, subject = raised.alert, raised.alert.subject
    return {
        "id": raised.id,
        "key": alert.key,
        "level": alert.level,
        "kind": alert.kind.value,
        "severity": alert.severity.value,
        "product_id": subject.product_id,
        "iccid": subject.iccid,
        "carrier_account": subject.carrier_account,
        "period": alert.period,
        "sentence": alert.sentence,
        "facts": json.dumps(dict(alert.facts), sort_keys=True),
        "raised_at": raised.raised_at,
    }


def raised_of(row: Row[Any] | tuple[Any, ...]) -> Raised:
    """A row of `COLUMNS` as the alert that it was."""
    id_, raised_at, kind, severity, product_id, iccid, account, period, level, sentence, facts = row
    subject = Subject(product_id, iccid, account)
    alert = Alert(AlertKind(kind), Severity(severity), subject, sentence, period, level, json.loads(facts))
    return Raised(id_, raised_at, alert)


def not_over(tx: Transaction, kind: AlertKind) -> list[Raised]:
    """The alerts of this kind that are not over, oldest first."""
    c = alerts.c
    rows = tx.execute(select(*COLUMNS).where(text(NOT_OVER), c.kind == kind.value).order_by(c.raised_at, c.id))
    return [raised_of(row) for row in rows.all()]


def end_all_but(tx: Transaction, kind: AlertKind, still: Collection[Subject]) -> int:
    """The alerts of this kind about any other subject are over; how many ended. What comes back is raised anew."""
    ended = [raised.id for raised in not_over(tx, kind) if raised.alert.subject not in still]
    for id_ in ended:
        tx.execute(update(alerts).where(alerts.c.id == id_).values(recovered_at=tx.now()))
    return len(ended)


def newest(tx: Transaction, limit: int) -> list[AlertRow]:
    """The newest alerts, newest first, each with its deliveries counted by state."""
    c, d = alerts.c, alert_deliveries.c
    rows = tx.execute(select(*COLUMNS, c.recovered_at).order_by(c.raised_at.desc(), c.id).limit(limit)).all()
    if not rows:
        return []
    which = or_(*(d.alert_id == row[0] for row in rows))
    counts: dict[str, dict[str, int]] = {}
    for id_, state, count in tx.execute(
        select(d.alert_id, d.state, func.count()).where(which).group_by(d.alert_id, d.state)
    ):
        counts.setdefault(id_, {})[state] = count
    return [AlertRow(raised_of(row[:-1]), row[-1], counts.get(row[0], {})) for row in rows]
