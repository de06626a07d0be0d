"""A person halts a manifest in mid-run, or lets it go on.

What was sent is settled in any case. What a worker had taken before the word leaves within its lease; nothing is taken
after it. A cancelled manifest's unsent SIMs are withdrawn by whoever cancels, or, should that one die, by whoever makes
receipts next; so is whatever comes back unsent later.
"""

from collections.abc import Callable
from dataclasses import dataclass

from domain.lifecycle import Step
from domain.manifests import Halt, ManifestState
from storage import halting, ledger, manifests
from storage.database import Database
from storage.halting import NOBODY, Cancelled, InHand
from storage.manifests import ManifestRow

BATCH = 5_000
"""Operations that are withdrawn in one transaction."""
WITHDRAWN_FROM = (Step.PLANNED, Step.HELD)


class CannotHalt(Exception):
    """The word does not fit how the manifest stands; nothing was changed. The sentence says why."""


@dataclass(frozen=True, slots=True)
class Halted:
    """How a manifest stands after a person's word. `changed` is False when the same was said before."""

    manifest_id: str
    halt: Halt | None
    changed: bool
    in_hand: InHand = NOBODY
    withdrawn: int = 0


def pause(database: Database, asked: str, *, reason: str, actor: str) -> Halted:
    """From now on no worker takes anything of this manifest. Safe to repeat; the first reason stays.

    Raises `NoSuchManifest`, `CannotHalt`, `DatabaseUnavailable`.
    """
    with database.begin() as tx:
        row = manifests.find(tx, asked)
        changed = halting.halt(tx, row.id, Halt.PAUSED, reason=reason, by=actor)
        now = manifests.find(tx, row.id)
        if now.halt is not Halt.PAUSED:
            raise CannotHalt(_why_not(now))
        return Halted(row.id, Halt.PAUSED, changed, halting.in_hand(tx, row.id))


def resume(database: Database, asked: str, *, reason: str, actor: str) -> Halted:
    """Let a paused manifest go on. Safe to repeat. Raises `NoSuchManifest`, `CannotHalt`, `DatabaseUnavailable`."""
    with database.begin() as tx:
        row = manifests.find(tx, asked)
        changed = halting.lift(tx, row.id, Halt.PAUSED, reason=reason, by=actor)
        if manifests.find(tx, row.id).halt is Halt.CANCELLED:
            raise CannotHalt(_why_not(row))
        return Halted(row.id, None, changed)


def cancel(
    database: Database, asked: str, *, reason: str, actor: str, watch: Callable[[int], None] = lambda _count: None
) -> Halted:
    """Nothing more of this manifest is sent, and what was not sent is withdrawn. Safe to stop and to repeat.

    `watch` hears how many were withdrawn so far. Raises `NoSuchManifest`, `CannotHalt`, `DatabaseUnavailable`.
    """
    with database.begin() as tx:
        row = manifests.find(tx, asked)
        if row.state is ManifestState.FINISHED and ledger.at_step(tx, row.id, Step.HELD):
            manifests.reopen(tx, [row.id])
        changed = halting.halt(tx, row.id, Halt.CANCELLED, reason=reason, by=actor)
        now = manifests.find(tx, row.id)
        if now.halt is not Halt.CANCELLED:
            raise CannotHalt(_why_not(now))
        held = halting.in_hand(tx, row.id)
    word = Cancelled(row.id, now.halted_by or actor, now.halt_reason or reason)
    return Halted(row.id, Halt.CANCELLED, changed, held, _withdraw(database, word, watch))


def withdraw_cancelled(database: Database) -> int:
    """Withdraw what is unsent of every cancelled manifest; how many operations that were."""
    with database.read() as tx:
        words = halting.cancelled(tx)
    return sum(_withdraw(database, word) for word in words)


def _withdraw(database: Database, word: Cancelled, watch: Callable[[int], None] = lambda _count: None) -> int:
    total = 0
    for source in WITHDRAWN_FROM:
        after: int | None = 0
        while after is not None:
            with database.begin() as tx:
                count, after = halting.withdraw(tx, word, source, after=after, limit=BATCH)
            total += count
            watch(total)
    return total


def _why_not(row: ManifestRow) -> str:
    if row.halt is Halt.CANCELLED:
        again = f"`simline rerun {row.id} --only withdrawn --reason WHY` takes that back."
        return f"{row.id} was cancelled by {row.halted_by}: {row.halt_reason} {again}"
    return f"{row.id} is {row.state.value.replace('_', ' ')}: {_WHY_NOT.get(row.state, 'say it again.')}"


_WHY_NOT = {
    ManifestState.FINISHED: "nothing of it waits to be sent.",
    ManifestState.REFUSED: "nothing of it was used, and nothing was sent.",
    ManifestState.QUARANTINED: "nothing of it was used, and nothing was sent.",
    ManifestState.NEEDS_APPROVAL: "nothing of it is sent before somebody approves it.",
}
