"""Operations that a person's word is about: each SIM's newest, or a manifest's at the steps that people settle."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, select

from domain.acting import CAME_TO_NOTHING
from domain.lifecycle import Action, Stage, Step
from storage.among import among
from storage.database import Transaction
from storage.schema import operations
from storage.spans import of_manifest


class Standing(NamedTuple):
    """An operation as it stands, with the moments after which its last request can have left."""

    id: int
    iccid: str
    action: Action
    stage: Stage
    step: Step
    attempt: int
    manifest_id: str
    carrier_account: str
    intent_at: datetime | None
    accepted_at: datetime | None


_COLUMNS = [operations.c[name] for name in Standing._fields]


def newest(tx: Transaction, iccids: Sequence[str]) -> dict[str, Standing]:
    """ICCID -> the operation that stands: the newest that has not come to nothing; SIMs that are not ours are left out.

    Where all have come to nothing it is the newest of them.
    """
    if not iccids:
        return {}
    found = _standings(tx, select(*_COLUMNS).where(among(tx, operations.c.iccid, iccids)))
    any_step = {one.iccid: one for one in found}
    return any_step | {one.iccid: one for one in found if one.step not in CAME_TO_NOTHING}


def at_steps(tx: Transaction, manifest_id: str, steps: Collection[Step]) -> list[Standing]:
    """The manifest's operations at these steps, in the order of its lines."""
    named = operations.c.step.in_([step.value for step in steps])
    return _standings(tx, select(*_COLUMNS).where(of_manifest(manifest_id), named))


def _standings(tx: Transaction, rows: Select[tuple[object, ...]]) -> list[Standing]:
    return [
        Standing(
            row.id,
            row.iccid,
            Action(row.action),
            Stage(row.stage),
            Step(row.step),
            row.attempt,
            row.manifest_id,
            row.carrier_account,
            row.intent_at,
            row.accepted_at,
        )
        for row in tx.execute(rows.order_by(operations.c.id))
    ]
