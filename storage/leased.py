"""Operations as they are leased: each with what its next request or read needs of its SIM."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Column, Row, select

from domain.lifecycle import Action, SimState, Stage, Step
from storage.among import among
from storage.database import Transaction
from storage.schema import operations, plans, sims


class Operation(NamedTuple):
    """One leased operation with what its next request or read needs. A tuple: a lease holds thousands."""

    id: int
    iccid: str
    action: Action
    generation: int
    stage: Stage
    step: Step
    attempt: int
    looks: int
    manifest_id: str
    sim_state: SimState
    home_country: str
    plan_reference: str | None
    carrier_reference: str | None
    sealed_code: bytes | None
    intent_at: datetime | None
    accepted_at: datetime | None
    deadline_at: datetime | None
    carrier_request: str | None


_OWN = tuple(operations.c[name] for name in Operation._fields[:9])
"""An operation's own columns, in the order of `Operation`'s fields, up to those of its SIM."""
_OF_SIM = (
    sims.c.state,
    sims.c.home_country,
    plans.c.carrier_reference,
    sims.c.carrier_reference,
    sims.c.registration_code,
)
"""What it needs of its SIM, in the same order."""
_TIMES = tuple(operations.c[name] for name in Operation._fields[14:])
"""When it was asked for, and what the carrier made of it. Only a judge needs them."""

_OPERATION_AND_SIM = operations.outerjoin(sims, sims.c.iccid == operations.c.iccid).outerjoin(
    plans, plans.c.id == sims.c.plan_id
)
_JOINED = select(*_OWN, *_OF_SIM).select_from(_OPERATION_AND_SIM).order_by(operations.c.id)
_JOINED_TO_JUDGE = _JOINED.add_columns(*_TIMES)
_SIMS = select(sims.c.iccid, *_OF_SIM).outerjoin(plans, plans.c.id == sims.c.plan_id)

_WORDS: dict[int, dict[str, Any]] = {
    Operation._fields.index(name): {word.value: word for word in kind}
    for name, kind in {"action": Action, "stage": Stage, "step": Step, "sim_state": SimState}.items()
}
"""The fields that are words of ours, by their place."""


def told(tx: Transaction, *, to_judge: bool = False) -> tuple[Column[Any], ...]:
    """What the statement that leases must return for `leased`; SQLite is quicker to be asked again by the ids."""
    if not tx.is_postgresql:
        return _OWN[:1]
    return (*_OWN, *_TIMES) if to_judge else _OWN


def leased(tx: Transaction, rows: Sequence[Row[Any]], *, to_judge: bool = False) -> list[Operation]:
    """The operations of these rows of what was `told`, with what is known of their SIMs, in the order of their ids."""
    if not rows:
        return []
    found = _with_sims(tx, rows) if tx.is_postgresql else _joined(tx, [row[0] for row in rows], to_judge)
    columns: list[Iterable[Any]] = list(zip(*found, strict=True))
    for place, words in _WORDS.items():
        columns[place] = map(words.__getitem__, columns[place])
    if not to_judge:
        columns += [repeat(None)] * len(_TIMES)
    return list(map(Operation._make, zip(*columns, strict=False)))  # made one by one they take twice as long


def _joined(tx: Transaction, ids: Sequence[int], to_judge: bool) -> Sequence[Row[Any]]:
    """On SQLite: the operations with their SIMs in one statement."""
    wanted = _JOINED_TO_JUDGE if to_judge else _JOINED
    found: Sequence[Row[Any]] = tx.execute(wanted.where(among(tx, operations.c.id, ids))).all()
    return found


def _with_sims(tx: Transaction, rows: Sequence[Row[Any]]) -> list[tuple[Any, ...]]:
    """On PostgreSQL: the SIMs are asked for by their numbers.

    Not joined: before its statistics are fresh PostgreSQL would read them all.
    """
    found = _SIMS.where(among(tx, sims.c.iccid, [row[1] for row in rows]))
    of_sim = {iccid: rest for iccid, *rest in tx.execute(found).all()}  # all at once: one by one takes twice as long
    own = len(_OWN)
    return [(*row[:own], *of_sim[row[1]], *row[own:]) for row in sorted(rows, key=itemgetter(0))]
