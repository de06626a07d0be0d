"""A person's word that work should go on: what ended badly is read or asked again, never what is done.

Every move has the person and the reason in the history. Safe to start twice: the second finds nothing to move. What
may have reached the carrier is *read* before anything is sent again; only what the carrier refused is planned anew.
"""

from enum import StrEnum

from domain.lifecycle import Step
from domain.manifests import Halt
from engine.context import Context
from engine.sandbox import hold_what_exceeds, let_go_on
from engine.tally import Tally
from storage import catalogue, halting, ledger, manifests
from storage.database import Transaction
from storage.ledger import Move
from storage.turns import take_turn


class Only(StrEnum):
    """Which part of a manifest goes on."""

    FAILED = "failed"  # refused, timed out or withdrawn
    TIMED_OUT = "timed-out"
    WITHDRAWN = "withdrawn"  # takes a cancelling back
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
    Only.TIMED_OUT: ((Step.TIMED_OUT, Step.UNKNOWN),),
    Only.WITHDRAWN: ((Step.WITHDRAWN, Step.PLANNED),),
    Only.NEEDS_REVIEW: ((Step.NEEDS_REVIEW, Step.UNKNOWN),),
    Only.UNKNOWN: (),
    Only.HELD: (),
}
"""What each choice moves where. `UNKNOWN` is read before anything is sent."""


def rerun(context: Context, manifest_id: str, only: Only, *, reason: str, actor: str) -> Tally:
    """Let the chosen part of a manifest go on; the tally counts what moved. Sends nothing itself.

    A SIM of which somebody asked something else since is left alone. Where withdrawn SIMs are among it, a cancelling is
    taken back. A paused manifest stays paused.
    """
    chosen = [part for part in TARGETS if only in (part, Only.EVERYTHING)]
    pairs = dict.fromkeys(pair for part in chosen for pair in TARGETS[part])
    tally = Tally(manifests={manifest_id})
    with context.commit("rerun") as tx:
        take_turn(tx)
        if (Step.WITHDRAWN, Step.PLANNED) in pairs:
            halting.lift(tx, manifest_id, Halt.CANCELLED)  # first: whoever withdraws now is waited for, and then stops
        for source, target in pairs:
            ids = ledger.at_step(tx, manifest_id, source)
            deadline = context.timing.deadline_seconds
            change = Move(source, target, "rerun", ids, reason, deadline_in_seconds=deadline)
            moved = len(ledger.move(tx, change, actor=actor, fence=None))
            tally.steps[target.value] += moved
            if source is Step.WITHDRAWN and moved:  # some may have been held before
                _hold_what_exceeds(tx, manifest_id, actor)
        if Only.HELD in chosen:
            tally.steps[Step.PLANNED.value] += let_go_on(tx, manifest_id, reason=reason, actor=actor)
        if Only.UNKNOWN in chosen:
            tally.steps["looked_at_now"] += ledger.look_now(tx, manifest_id)
        tally.taken = tally.steps.total()
        if tally.taken:
            manifests.reopen(tx, [manifest_id])
    return tally


def _hold_what_exceeds(tx: Transaction, manifest_id: str, actor: str) -> None:
    products = [product.id for product in catalogue.products(tx)]
    hold_what_exceeds(tx, manifest_id, products, actor)
