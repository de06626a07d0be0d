"""The dry run: what an import would do, in SIMs, money and time. It is the run itself, rolled back."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from domain.lifecycle import Stage, Step
from domain.lines import LineCounts
from domain.manifests import ItemIdentity
from engine.context import Context
from engine.intake import Delivery, Intake, brake_sentence, load_lines, look_through, reading_rules
from engine.placing import Defaults
from storage import manifests, outcomes
from storage.database import Transaction
from storage.outcomes import PlanTotal, ReasonTotal


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of a file. `seconds` is how long the carriers' limits make it take, the slowest one's."""

    counts: LineCounts
    plans: Sequence[PlanTotal]
    reasons: Sequence[ReasonTotal]
    held_count: int
    seconds: float
    asks: str | None  # the brake's sentence: the run will want `--yes-really`


class _RolledBack(Exception):
    """Carries the preview out of the transaction that must not be kept."""

    def __init__(self, preview: Preview) -> None:
        super().__init__()
        self.preview = preview


def preview(
    context: Context, path: Path, name: str, defaults: Defaults, sidecar: tuple[str, bytes] | None = None
) -> Preview:
    """Read the file as `import` would and keep nothing. Raises `ManifestRefused` as reading does, and `VaultLocked`.

    On SQLite other writers wait until it is over (some seconds per million lines).
    """
    fence = secrets.token_hex(8)
    identity = ItemIdentity("preview", fence, "")
    delivery = Delivery(identity.manifest_id, fence, path, name, defaults, "preview", sidecar=sidecar)
    rules = reading_rules(context)
    surveyed = look_through(context, delivery, rules)
    try:
        with context.database.begin() as tx:
            manifests.claim(tx, identity, fence=fence, lease_seconds=context.timing.file_lease_seconds, actor="preview")
            intake = load_lines(context, tx, delivery, rules, surveyed)
            raise _RolledBack(_preview(context, tx, intake))
    except _RolledBack as rolled_back:
        return rolled_back.preview


def _preview(context: Context, tx: Transaction, intake: Intake) -> Preview:
    plans = outcomes.plan_totals(tx, intake.manifest_id)
    return Preview(
        counts=intake.counts,
        plans=plans,
        reasons=outcomes.reason_totals(tx, intake.manifest_id),
        held_count=manifests.operation_counts(tx, intake.manifest_id).get(Step.HELD, 0),
        seconds=_seconds(context, plans),
        asks=brake_sentence(context, tx, intake),
    )


def _seconds(context: Context, plans: Sequence[PlanTotal]) -> float:
    """Requests at each carrier's pace: one per stage and SIM, shared by as many SIMs as one request takes."""
    by_account: dict[str, float] = {}
    for plan in plans:
        work = context.carriers[plan.carrier_account]
        can = work.carrier.capabilities
        stages = (Stage.CLAIM, Stage.CHANGE) if can.claims else (Stage.CHANGE,)
        requests = sum(ceil(plan.sim_count / can.at_most(stage)) for stage in stages)
        by_account[plan.carrier_account] = by_account.get(plan.carrier_account, 0.0) + requests / work.pace.per_second
    return max(by_account.values(), default=0.0)
