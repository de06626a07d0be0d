"""A person's word that work should go on: what ended badly is read or asked again, never what is done.

Every move has the person and the reason in the history. Safe to start twice: the second finds nothing to move. What
may have reached the carrier is *read* before anything is sent again; only what the carrier refused is planned anew.
"""

from enum import StrEnum

from domain.lifecycle import Step
from engine.context import Context
from engine.sandbox import let_go_on
from engine.tally import Tally
from storage import ledger, manifests
from storage.ledger import Move
from storage.turns import take_turn


class Only(StrEnum):
    """Which part of a manifest goes on."""

    FAILED = "failed"  # refused, timed out or withdrawn
    UNKNOWN = "unknown"  # read now instead of when the next look is due
    NEEDS_REVIEW = "needs-review"
    HELD = "held"  # after an upgrade of the product's tier
    EVERYTHING = "everything"  # all of these


TARGETS: dict[Only, tuple[tuple[Step, Step], ...]] = {
    Only.FAILED: (
        (Step.REJECTED, Step.PLANNED),
        (Step.WITHDRAWN, Step.PLANNED),
        (Step.TIMED_OUT, Step.UNKNOWN),
    ),
    Only.NEEDS_REVIEW: ((Step.NEEDS_REVIEW, Step.UNKNOWN),),
    Only.UNKNOWN: (),
    Only.HELD: (),
}
"""What each choice moves where. `UNKNOWN` is read before anything is sent."""


def rerun(context: Context, manifest_id: str, only: Only, *, reason: str, actor: str) -> Tally:
    """Let the chosen part of a manifest go on; the tally counts what moved. Sends nothing itself.

    A SIM of which somebody asked something else since is left alone.
    """
    chosen = [part for part in TARGETS if only in (part, Only.EVERYTHING)]
    tally = Tally(manifests={manifest_id})
    with context.commit("rerun") as tx:
        take_turn(tx)
        for source, target in (pair for part in chosen for pair in TARGETS[part]):
            ids = ledger.at_step(tx, manifest_id, source)
            deadline = context.timing.deadline_seconds
            change = Move(source, target, "rerun", ids, reason, deadline_in_seconds=deadline)
            tally.steps[target.value] += len(ledger.move(tx, change, actor=actor, fence=None))
        if Only.HELD in chosen:
            tally.steps[Step.PLANNED.value] += let_go_on(tx, manifest_id, reason=reason, actor=actor)
        if Only.UNKNOWN in chosen:
            tally.steps["looked_at_now"] += ledger.look_now(tx, manifest_id)
        tally.taken = tally.steps.total()
        if tally.taken:
            manifests.reopen(tx, [manifest_id])
    return tally
