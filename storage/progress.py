"""How far manifests have come, by stage and step: what a progress bar is drawn from."""

from collections.abc import Sequence

from sqlalchemy import func, select

from domain.lifecycle import Stage, Step
from storage.among import among
from storage.database import Transaction
from storage.schema import operations


def stage_counts(tx: Transaction, manifest_ids: Sequence[str]) -> dict[tuple[Stage, Step], int]:
    """How many operations of these manifests stand at which stage and step. Reads each of their rows."""
    c = operations.c
    rows = select(c.stage, c.step, func.count()).where(among(tx, c.manifest_id, list(manifest_ids)))
    return {(Stage(stage), Step(step)): count for stage, step, count in tx.execute(rows.group_by(c.stage, c.step))}
