"""A person's word over a whole manifest, in its row: paused, cancelled, or free to go on; and every such word, kept."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, literal, select, text, update

from domain.lifecycle import Step
from domain.manifests import Halt, HaltNote, HaltWord, ManifestState
from domain.texts import storable
from storage import ledger
from storage.database import Transaction
from storage.ledger import Move
from storage.schema import HALTED, halts, manifests, operations
from storage.spans import of_manifest

HALTABLE = (ManifestState.RECEIVED.value, ManifestState.LOADED.value)
"""States in which something may be sent, now or as soon as the file is read."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A manifest whose unsent SIMs are being withdrawn, on whose word and why."""

    manifest_id: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class InHand:
    """Operations that workers had taken before the halt: their requests leave until `ends_at` at the latest."""

    count: int
    ends_at: datetime | None


NOBODY = InHand(0, None)
"""No worker holds anything."""


def halt(tx: Transaction, manifest_id: str, word: Halt, *, reason: str, by: str) -> bool:
    """Put the word into the manifest's row; False where it stands there, or a stronger one, or where all has ended."""
    c = manifests.c
    may = c.halt.is_(None) if word is Halt.PAUSED else c.halt.is_distinct_from(Halt.CANCELLED.value)
    new = {"halt": word.value, "halted_by": by, "halt_reason": reason, "halted_at": tx.now()}
    mine = update(manifests).where(c.id == manifest_id, c.state.in_(HALTABLE), may)
    changed = bool(tx.execute(mine.values(new)).rowcount)
    if changed:
        _note(tx, manifest_id, _WORDS[word], reason=reason, by=by)
    return changed


def lift(tx: Transaction, manifest_id: str, word: Halt, *, reason: str, by: str) -> bool:
    """Take this word back; False where it does not stand there."""
    c = manifests.c
    none = dict.fromkeys(("halt", "halted_by", "halt_reason", "halted_at"))
    mine = update(manifests).where(c.id == manifest_id, c.halt == word.value)
    changed = bool(tx.execute(mine.values(none)).rowcount)
    if changed:
        _note(tx, manifest_id, HaltWord.RESUME, reason=reason, by=by)
    return changed


_WORDS = {Halt.PAUSED: HaltWord.PAUSE, Halt.CANCELLED: HaltWord.CANCEL}


def _note(tx: Transaction, manifest_id: str, word: HaltWord, *, reason: str, by: str) -> None:
    """Keep the word behind those that were said before; whoever says one holds the manifest's row."""
    c = halts.c
    said = {"at": literal(tx.now(), c.at.type), "word": literal(word.value)}
    said |= {"by": literal(storable(by)), "reason": literal(storable(reason))}
    next_one = select(func.coalesce(func.max(c.nth), 0) + 1).where(c.manifest_id == manifest_id).scalar_subquery()
    row = select(literal(manifest_id), next_one, *said.values())
    tx.execute(insert(halts).from_select(["manifest_id", "nth", *said], row))


def notes(tx: Transaction, manifest_id: str) -> list[HaltNote]:
    """What people said over this manifest in mid-run, oldest first."""
    c = halts.c
    rows = select(c.at, c.word, c.by, c.reason).where(c.manifest_id == manifest_id).order_by(c.nth)
    return [HaltNote(at, HaltWord(word), by, reason) for at, word, by, reason in tx.execute(rows)]


def in_hand(tx: Transaction, manifest_id: str) -> InHand:
    """What workers hold of this manifest with the intention to send it."""
    c = operations.c
    held = select(func.count(), func.max(c.due_at)).where(of_manifest(manifest_id), c.step == Step.INTENT.value)
    count, ends_at = tx.execute(held.where(c.fence.is_not(None), c.due_at > tx.now())).one()
    return InHand(count, ends_at)


def cancelled(tx: Transaction) -> list[Cancelled]:
    """Those that have not ended yet."""
    c = manifests.c
    rows = select(c.id, c.halted_by, c.halt_reason).where(text(HALTED), c.halt == Halt.CANCELLED.value)
    loaded = rows.where(c.state == ManifestState.LOADED.value).order_by(c.id)
    return [Cancelled(row.id, row.halted_by, row.halt_reason) for row in tx.execute(loaded)]


def withdraw(tx: Transaction, one: Cancelled, source: Step, *, after: int, limit: int) -> tuple[int, int | None]:
    """Withdraw up to `limit` operations at `source` behind this id; how many, and behind which id to go on, if at all.

    Where the cancelling was taken back meanwhile nothing is withdrawn. What somebody else is moving now is left for the
    next time.
    """
    m, o = manifests.c, operations.c
    still = select(m.id).where(m.id == one.manifest_id, m.halt == Halt.CANCELLED.value)
    if tx.execute(still.with_for_update(key_share=True)).one_or_none() is None:
        return 0, None
    rows = select(o.id).where(of_manifest(one.manifest_id), o.step == source.value, o.id > after).order_by(o.id)
    ids = tuple(tx.execute(rows.limit(limit).with_for_update(skip_locked=True)).scalars())
    move = Move(source, Step.WITHDRAWN, "cancelled", ids, one.reason)
    moved = ledger.move(tx, move, actor=one.by, fence=None)
    return len(moved), ids[-1] if len(ids) == limit else None
