"""Receipts: of which manifests the newest one is missing or no longer true, and what it shows of them."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, text, update

from domain.lifecycle import Step
from domain.manifests import Halt, ManifestState
from storage.among import among
from storage.database import Transaction
from storage.manifests import counts_of
from storage.schema import UNDER_WAY, manifests
from storage.schema import halts as table_of_halts

LARGE = 50_000
"""With more SIMs a manifest is large: its receipt is not made anew at every sweep in which something moved."""
SIMS_A_SECOND = 2_000
"""So large a receipt stays for a second for each so many SIMs: writing it takes a twentieth of that."""
_HALT = "halt"


def keep(
    tx: Transaction,
    manifest_id: str,
    receipt: str,
    as_of: datetime,
    *,
    steps: Mapping[Step, int],
    halt: Halt | None = None,
    halts: int = 0,
) -> None:
    """Keep the newest receipt, and the operations by step, the halt and the number of words that it shows."""
    new = {"receipt": receipt, "receipt_at": as_of, "receipt_steps": _as_text(steps, halt, halts)}
    tx.execute(update(manifests).where(manifests.c.id == manifest_id).values(new))


def due(tx: Transaction) -> dict[str, str]:
    """Manifests whose receipt is missing or no longer true, oldest first, each with its source.

    Loaded ones are compared by what was said over them and by their counts, which reads their operations once. A large
    one's may stay a while, unless the manifest was halted or let go on since; its last one comes when it has finished.
    """
    c = manifests.c
    none_yet = and_(c.receipt_at.is_(None), c.state != ManifestState.RECEIVED.value)
    finished_since = and_(c.state == ManifestState.FINISHED.value, c.receipt_at < c.finished_at)
    loaded = c.state == ManifestState.LOADED.value
    rows = select(c.id, c.source, c.state, c.halt, c.accepted, c.receipt_at, c.receipt_steps)
    rows = rows.where(text(UNDER_WAY), or_(none_yet, finished_since, loaded)).order_by(c.received_at, c.id)
    found = tx.execute(rows).all()
    shown = {row.id for row in found if row.state == ManifestState.LOADED.value and row.receipt_at is not None}
    unsure = [row for row in found if row.id in shown and not _may_stay(row, tx.now())]
    ids = [row.id for row in unsure]
    counts, said = counts_of(tx, ids), _halts_of(tx, ids)
    now = {row.id: _as_text(counts.get(row.id, {}), row.halt, said.get(row.id, 0)) for row in unsure}
    moved = {row.id for row in unsure if row.receipt_steps != now[row.id]}
    return {row.id: row.source for row in found if row.id not in shown or row.id in moved}


def _may_stay(row: Any, now: datetime) -> bool:
    """Whether a loaded manifest is large and its receipt new enough, whatever has moved since."""
    pause = timedelta(seconds=row.accepted / SIMS_A_SECOND)
    is_new = row.accepted > LARGE and now < row.receipt_at + pause
    return is_new and bool(json.loads(row.receipt_steps).get(_HALT) == row.halt)


def _halts_of(tx: Transaction, manifest_ids: Sequence[str]) -> dict[str, int]:
    c = table_of_halts.c
    rows = select(c.manifest_id, func.max(c.nth)).where(among(tx, c.manifest_id, manifest_ids)).group_by(c.manifest_id)
    return dict(tx.execute(rows).tuples().all()) if manifest_ids else {}


def _as_text(steps: Mapping[Step, int], halt: str | None, halts: int) -> str:
    counts = {step.value: steps[step] for step in sorted(steps) if steps[step]}
    words = {_HALT: str(halt) if halt else None, "halts": halts or None}
    return json.dumps(counts | {name: word for name, word in words.items() if word})
