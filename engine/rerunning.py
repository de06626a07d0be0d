"""A person's word that work should go on: what ended badly is read or asked again, never what is done.

Every move has the person and the reason in the history. Safe to start twice: the second finds nothing to move. What
may have reached the carrier is *read* before anything is sent again; only what the carrier refused is planned anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.acting import SENTENCES, Fate
from domain.lifecycle import Step
from domain.manifests import Halt
from engine.acting import NOBODY_AGREED, NotAgreed
from engine.context import Context
from engine.sandbox import hold_what_exceeds, let_go_on
from engine.tally import Tally
from storage import acting, catalogue, halting, ledger, manifests
from storage.database import Transaction
from storage.ledger import Move
from storage.manifests import ManifestRow
from storage.turns import take_turn


class Only(StrEnum):
    """Which part of a manifest goes on."""

    FAILED = "failed"  # refused, timed out or withdrawn
    TIMED_OUT = "timed-out"
    WITHDRAWN = "withdrawn"  # takes a cancelling back
    UNKNOWN = "unknown"  # read now instead of when the next look is due
    NEEDS_REVIEW = "needs-review"
    HELD = "held"  # after an upgrade of the product's tier
    REJECTED = "rejected"  # rejected lines, no SIM: `retrying_lines` judges them again
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
    Only.REJECTED: (),
}
"""What each choice moves where. `UNKNOWN` is read before anything is sent."""


@dataclass(frozen=True, slots=True)
class _Word:
    """Why, on whose word, and how long what goes on may take."""

    reason: str
    actor: str
    deadline_seconds: float


def rerun(context: Context, manifest_id: str, only: Only, *, reason: str, actor: str, release: bool = False) -> Tally:
    """Let the chosen part of a manifest go on; the tally counts what moved. Sends nothing itself.

    A SIM of which somebody asked something else since is left alone, and so is a release whose product is protected.
    Where withdrawn SIMs are among it, a cancelling is taken back. A paused manifest stays paused. Raises `NotAgreed`
    for releases on which nobody has agreed (`release`); then nothing is changed.
    """
    chosen = [part for part in TARGETS if only in (part, Only.EVERYTHING)]
    word, tally = _Word(reason, actor, context.timing.deadline_seconds), Tally(manifests={manifest_id})
    with context.commit("rerun") as tx:
        take_turn(tx)
        row = manifests.find(tx, manifest_id)
        _move(tx, row, dict.fromkeys(pair for part in chosen for pair in TARGETS[part]), word, tally)
        if Only.HELD in chosen:
            tally.steps[Step.PLANNED.value] += let_go_on(tx, manifest_id, reason=reason, actor=actor)
        if row.releases and tally.steps.total() and not release:
            raise NotAgreed(NOBODY_AGREED)
        if Only.UNKNOWN in chosen:
            tally.steps["looked_at_now"] += ledger.look_now(tx, manifest_id)
        tally.taken = tally.steps.total()
        if tally.taken:
            manifests.reopen(tx, [manifest_id])
    return tally


def _move(tx: Transaction, row: ManifestRow, pairs: Iterable[tuple[Step, Step]], word: _Word, tally: Tally) -> None:
    """Every operation at the first step of a pair to its second one."""
    if (Step.WITHDRAWN, Step.PLANNED) in pairs and _may_come_back(tx, row):
        # first: whoever withdraws now is waited for, and then stops
        halting.lift(tx, row.id, Halt.CANCELLED, reason=word.reason, by=word.actor)
    for source, target in pairs:
        ids = ledger.at_step(tx, row.id, source)
        if row.releases and target is Step.PLANNED:
            protected = acting.protected_releases(tx, ids)
            tally.problem = tally.problem or _left_alone(len(protected))
            ids = tuple(id_ for id_ in ids if id_ not in protected)
        change = Move(source, target, "rerun", ids, word.reason, deadline_in_seconds=word.deadline_seconds)
        moved = len(ledger.move(tx, change, actor=word.actor, fence=None))
        tally.steps[target.value] += moved
        if source is Step.WITHDRAWN and moved:  # some may have been held before
            _hold_what_exceeds(tx, row.id, word.actor)


def _may_come_back(tx: Transaction, row: ManifestRow) -> bool:
    """Whether something of it may be taken out of a cancelling; of protected releases nothing is."""
    withdrawn = ledger.at_step(tx, row.id, Step.WITHDRAWN) if row.releases else ()
    return not withdrawn or len(acting.protected_releases(tx, withdrawn)) < len(withdrawn)


def _left_alone(count: int) -> str:
    return f"{count:,} left alone: {SENTENCES[Fate.PROTECTED]}" if count else ""


def _hold_what_exceeds(tx: Transaction, manifest_id: str, actor: str) -> None:
    products = [product.id for product in catalogue.products(tx)]
    hold_what_exceeds(tx, manifest_id, products, actor)
