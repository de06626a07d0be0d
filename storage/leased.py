"""Operations as they are leased: each with what its next request or read needs of its SIM."""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Row, select

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


COLUMNS = tuple(operations.c[name] for name in Operation._fields[1:9])
"""An operation's own columns after its id, in the order of `Operation`'s fields, up to those of its SIM."""
TIMES = tuple(operations.c[name] for name in Operation._fields[14:])
"""Those behind its SIM's: when it was asked for, and what the carrier made of it. Only a judge needs them."""

_WORDS: dict[str, dict[str, Any]] = {
    kind.__name__: {word.value: word for word in kind} for kind in (Action, Stage, Step, SimState)
}


_UNASKED = (None, None, None, None)
"""The times of an operation, and its job, where nobody judges by them."""


def with_sims(tx: Transaction, rows: Sequence[Row[Any]]) -> list[Operation]:
    """These rows of ids and `COLUMNS` (and the times) with what is known of their SIMs, in the order of their ids.

    The SIMs are asked for by their numbers, not joined: before its statistics are fresh PostgreSQL would read them all.
    """
    if not rows:
        return []
    of_sim = _of_sims(tx, [row[1] for row in rows])
    action, stage, step = (_WORDS[kind] for kind in ("Action", "Stage", "Step"))
    return [
        Operation(
            id_,
            iccid,
            action[action_word],
            generation,
            stage[stage_word],
            step[step_word],
            attempt,
            looks,
            manifest_id,
            *of_sim[iccid],
            *(times or _UNASKED),
        )
        for id_, iccid, action_word, generation, stage_word, step_word, attempt, looks, manifest_id, *times in sorted(
            rows, key=itemgetter(0)
        )
    ]


def _of_sims(tx: Transaction, iccids: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """What an operation needs of its SIM, from `sim_state` to `sealed_code`."""
    s = sims.c
    columns = [s.iccid, s.state, s.home_country, plans.c.carrier_reference, s.carrier_reference, s.registration_code]
    found = select(*columns).outerjoin(plans, plans.c.id == s.plan_id).where(among(tx, s.iccid, iccids))
    state = _WORDS["SimState"]
    return {row[0]: (state[row[1]], *row[2:]) for row in tx.execute(found).all()}
