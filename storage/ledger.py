"""The ledger: one row per (ICCID, action, generation), moved by one function, guarded by leases.

A lease is a fence (a random word) with an end (`due_at`). Whoever takes work writes its fence into the rows; only that
fence may write the answer. When the lease ends without an answer the row is due again, and whoever comes next treats
the request as *maybe sent*. History gets one row per transition in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Insert,
    Row,
    Select,
    and_,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)

from domain.deciding import FOR_PEOPLE
from domain.lifecycle import Stage, Step, check_move
from storage.among import among
from storage.database import Transaction
from storage.halted import not_halted
from storage.leased import Operation, leased, told
from storage.queueing import is_its_turn, is_newest, of_its_sim
from storage.schema import TO_SEND, TO_SETTLE, history, operations, sims
from storage.spans import of_manifest

ENDED = frozenset({Step.DONE, Step.REJECTED, Step.TIMED_OUT, Step.NEEDS_REVIEW, Step.WITHDRAWN})
"""Steps at which nothing looks again by itself."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may write, and for how long others keep their hands off."""

    fence: str
    worker: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Move:
    """The same transition for several operations.

    `due_in_seconds` says when somebody looks next; `stage` starts that stage with a fresh count of attempts;
    `counts` is False when the request surely did not leave (429, no slot): then the attempt is taken back;
    `deadline_in_seconds` gives a re-run by a person a new deadline and fresh attempts; `carrier_request` is the
    carrier's own id of what it made of the request.
    """

    source: Step
    target: Step
    reason: str
    ids: tuple[int, ...]
    detail: str = ""
    due_in_seconds: float = 0.0
    stage: Stage | None = None
    counts: bool = True
    deadline_in_seconds: float | None = None
    carrier_request: str | None = None


def move(tx: Transaction, change: Move, *, actor: str, fence: str | None) -> list[int]:
    """The one function that changes a step; returns the ids that really moved.

    Rows that are no longer at `source`, or that another fence holds, stay as they are: somebody else has them.
    `fence=None` moves only what nobody holds now. Raises `IllegalMove` when the table of transitions has no such move.
    """
    check_move(change.source, change.target)
    if not change.ids:
        return []
    c = operations.c
    held = c.fence == fence if fence is not None else or_(c.fence.is_(None), c.due_at <= tx.now())
    where = and_(among(tx, c.id, change.ids), c.step == change.source.value, held)
    return [row[0] for row in _change(tx, where, _new(tx, change), change, actor, c.id)]


def _new(tx: Transaction, change: Move) -> dict[Any, Any]:
    c = operations.c
    now = tx.now()
    due_at = now + timedelta(seconds=change.due_in_seconds)
    new: dict[Any, Any] = {
        c.step: change.target.value,
        c.reason: change.reason,
        c.detail: change.detail,
        c.due_at: due_at,
        c.hinted_at: None,
        c.fence: None,
        c.finished_at: now if change.target in ENDED else None,
    }
    if change.stage is not None:
        new |= {c.stage: change.stage.value, c.attempt: 0}
    elif not change.counts:
        new[c.attempt] = c.attempt - 1
    if change.target in (Step.ACCEPTED, Step.SENT):
        new |= {c.accepted_at: now, c.looks: 0, c.due_at: _or_as_hinted(due_at)}
    if change.carrier_request is not None:
        new[c.carrier_request] = change.carrier_request
    if change.deadline_in_seconds is not None:  # a person's re-run starts the clock anew
        new |= {c.deadline_at: now + timedelta(seconds=change.deadline_in_seconds), c.attempt: 0}
    return new


def _or_as_hinted(due_at: datetime) -> ColumnElement[datetime]:
    """Then, or earlier where a hint came while the row was held."""
    c = operations.c
    return case((c.hinted_at < due_at, c.hinted_at), else_=literal(due_at, c.due_at.type))


def _change(
    tx: Transaction,
    which: ColumnElement[bool],
    new: dict[Any, Any],
    change: Move,
    actor: str,
    *columns: Column[Any],
) -> Sequence[Row[Any]]:
    """Change these operations and write a row of history for each; these columns of them, the first of which is the id.

    On PostgreSQL this is one statement.
    """
    c = operations.c
    changing = update(operations).where(which).values(new | {c.transitions: c.transitions + 1})
    if tx.is_postgresql:
        changed = changing.returning(*{*columns, c.transitions, c.stage}).cte("changed")
        noted = _note(tx, select(changed.c.id, changed.c.transitions, changed.c.stage), change, actor)
        wanted = select(*(changed.c[column.name] for column in columns))
        return tx.execute(wanted.add_cte(noted.cte("noted"))).all()  # type: ignore[no-any-return]
    rows: Sequence[Row[Any]] = tx.execute(changing.returning(*columns)).all()
    if rows:
        ids = among(tx, c.id, [row[0] for row in rows])
        tx.execute(_note(tx, select(c.id, c.transitions, c.stage).where(ids), change, actor))
    return rows


def _note(tx: Transaction, changed: Select[Any], change: Move, actor: str) -> Insert:
    """One row of history for each row of `changed`: its id, how many transitions it has made, its stage."""
    told: dict[str, Any] = {
        "at": _when(tx),
        "from_step": literal(change.source.value),
        "to_step": literal(change.target.value),
        "reason": literal(change.reason),
        "detail": literal(change.detail),
        "actor": literal(actor),
    }
    names = ["operation_id", "nth", "stage", *told]
    return insert(history).from_select(names, changed.add_columns(*told.values()))


def _when(tx: Transaction) -> ColumnElement[datetime]:
    """The time of a change: on PostgreSQL read while it is made, so it is after every change that it was made upon.

    The transaction's own time may be older: another worker's change can commit between it and the statement.
    """
    if tx.is_postgresql and not tx.has_own_clock:
        return func.clock_timestamp(type_=history.c.at.type)
    return literal(tx.now(), history.c.at.type)


def take_to_send(
    tx: Transaction, account: str, lease: Lease, *, limit: int, deadline_seconds: float, stage: Stage | None = None
) -> list[Operation]:
    """Lease up to `limit` planned operations (of this stage) that are due; write down the intention to send them.

    One whose SIM has an earlier operation that has not ended waits behind it, and those of manifests that a person
    halted stay where they are.
    """
    c, now = operations.c, tx.now()
    of_stage = [] if stage is None else [c.stage == stage.value]
    due = _due(tx, TO_SEND, account, limit, is_its_turn(), *of_stage, *not_halted(tx))
    taken = {
        c.step: Step.INTENT.value,
        c.attempt: c.attempt + 1,
        c.fence: lease.fence,
        c.worker: lease.worker,
        c.intent_at: now,
        c.carrier_request: None,
        c.due_at: now + timedelta(seconds=lease.seconds),
        c.deadline_at: now + timedelta(seconds=deadline_seconds),
        c.reason: "taken",
        c.detail: "",
    }
    intended = Move(Step.PLANNED, Step.INTENT, "taken", ())
    return leased(tx, _change(tx, c.id.in_(due), taken, intended, lease.worker, *told(tx)))


def take_to_settle(
    tx: Transaction, account: str, lease: Lease, *, limit: int, ahead_seconds: float = 0.0
) -> list[Operation]:
    """Lease up to `limit` sent, accepted or unknown operations whose next look has come. No step changes.

    Once one has come, those that come within `ahead_seconds` are taken with it: one listing serves them all. Never what
    another worker holds, and never an unknown outcome before its quiet period is over.
    """
    c, now = operations.c, tx.now()
    by = now + timedelta(seconds=ahead_seconds)
    soon = and_(c.fence.is_(None), c.step.in_([Step.SENT.value, Step.ACCEPTED.value]), c.due_at <= by)
    open_ = c.step != Step.INTENT.value
    if ahead_seconds > 0 and not tx.execute(_due(tx, TO_SETTLE, account, 1, open_)).all():
        return []
    due = _due(tx, TO_SETTLE, account, limit, open_, or_(c.due_at <= now, soon), by=by)
    ends_at = now + timedelta(seconds=lease.seconds)
    taken = {c.fence: lease.fence, c.worker: lease.worker, c.due_at: ends_at, c.looked_at: now, c.hinted_at: None}
    taking = update(operations).where(c.id.in_(due)).values(taken).returning(*told(tx, to_judge=True))
    return leased(tx, tx.execute(taking).all(), to_judge=True)


def expire_intents(tx: Transaction, account: str, *, quiet_seconds: float, limit: int, actor: str) -> int:
    """Intents whose lease ended without an answer become unknown: their worker died, the request may have left."""
    due = _due(tx, TO_SETTLE, account, limit, operations.c.step == Step.INTENT.value)
    ids = tuple(row.id for row in tx.execute(due))
    lost = Move(
        Step.INTENT,
        Step.UNKNOWN,
        "worker_died",
        ids,
        detail="The worker's lease ended without an answer.",
        due_in_seconds=quiet_seconds,
    )
    return len(move(tx, lost, actor=actor, fence=None))


def _due(
    tx: Transaction,
    which: str,
    account: str,
    limit: int,
    *more: ColumnElement[bool],
    by: datetime | None = None,
) -> Select[Any]:
    """Ids that are due now, or `by` then, oldest first; on PostgreSQL what another worker is taking is passed over.

    There they are picked in a table of their own, once: a plan that asked for them anew would lock other rows.

    `which` is a literal of schema.py, so that the partial index of the same words is used.
    """
    c = operations.c
    due = (
        select(c.id)
        .where(text(which), c.carrier_account == account, c.due_at <= (by or tx.now()), *more)
        .order_by(c.due_at)
        .limit(limit)
    )
    if not tx.is_postgresql:
        return due
    picked = due.with_for_update(skip_locked=True).cte("due").prefix_with("MATERIALIZED")
    return select(picked.c.id)


def at_step(tx: Transaction, manifest_id: str, step: Step, *, product_id: str | None = None) -> tuple[int, ...]:
    """The manifest's operations at this step, in the order of its lines; none whose SIM has a later one that stands."""
    c = operations.c
    newest = is_newest(of_those_sent=step in FOR_PEOPLE)
    rows = select(c.id).where(of_manifest(manifest_id), c.step == step.value, newest)
    if product_id is not None:
        rows = rows.where(of_its_sim(sims.c.product_id) == product_id)
    return tuple(row.id for row in tx.execute(rows.order_by(c.id)))


def look_now(tx: Transaction, manifest_id: str) -> int:
    """Make the manifest's open operations due now; leased ones are left to whoever holds them."""
    c = operations.c
    waiting = and_(of_manifest(manifest_id), text(TO_SETTLE), c.fence.is_(None), c.due_at > tx.now())
    return int(tx.execute(update(operations).where(waiting).values({c.due_at: tx.now()})).rowcount)


def look_again(tx: Transaction, ids: Sequence[int], *, fence: str, in_seconds: float, looked: bool = True) -> list[int]:
    """Give leased rows back at the step where they are, to be looked at again; returns those that the fence still held.

    A row of which a hint came meanwhile is due as the hint says, if that is sooner. `looked` counts this look.
    """
    if not ids:
        return []
    c = operations.c
    later = {
        c.fence: None,
        c.due_at: _or_as_hinted(tx.now() + timedelta(seconds=in_seconds)),
        c.hinted_at: None,
        c.looks: c.looks + (1 if looked else 0),
    }
    mine = update(operations).where(among(tx, c.id, ids), c.fence == fence).values(later)
    return list(tx.execute(mine.returning(c.id)).scalars().all())
