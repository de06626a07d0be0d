"""Manifests: who reads which delivery, and how far it has come.

A delivery is claimed by a row with a lease (`fence`, `lease_until`); whatever is written of it while it is read asks
for that fence, so a worker that woke too late changes nothing.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.lifecycle import BUCKETS, Action, Bucket, Step
from domain.lines import LineCounts
from domain.manifests import ACTIONS, Halt, ItemIdentity, ManifestState
from storage.among import among
from storage.database import Transaction
from storage.schema import UNDER_WAY, manifests, operations
from storage.spans import close_span, of_its_manifest

TAKEN = (ManifestState.LOADED.value, ManifestState.FINISHED.value)
ENDED = (*TAKEN, ManifestState.REFUSED.value, ManifestState.QUARANTINED.value)
LIVE = tuple(step.value for step in Step if BUCKETS[step] is Bucket.IN_PROGRESS)
"""Steps at which something will happen by itself; a manifest without any has finished."""
_IDENTITY = ("source", "item_key", "version")


class LeaseLost(Exception):
    """Somebody else reads this manifest now: nothing was written. The sentence says what to do."""


class NoSuchManifest(Exception):
    """No manifest, or more than one, goes by what was asked for. The sentence names what there is."""


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """A manifest as the database has it. Times are UTC."""

    id: str
    source: str
    item_key: str
    version: str
    sha256: str | None
    state: ManifestState
    product_id: str | None
    home_country: str | None
    carrier_account: str | None
    actor: str
    size_bytes: int | None
    same_content_as: str | None
    counts: LineCounts
    reason: str | None
    approved_by: str | None
    received_at: datetime
    loaded_at: datetime | None
    finished_at: datetime | None
    receipt_at: datetime | None
    receipt: str | None
    halt: Halt | None = None
    halted_by: str | None = None
    halt_reason: str | None = None
    halted_at: datetime | None = None
    lease_until: datetime | None = None  # somebody reads it until then, or has died over it

    @property
    def is_action(self) -> bool:
        """Whether it is a person's action on SIMs and no file."""
        return self.source == ACTIONS

    @property
    def releases(self) -> bool:
        """Whether it is an action that gives SIMs back for good."""
        return self.is_action and self.item_key == Action.RELEASE.value

    @property
    def identity(self) -> ItemIdentity:
        """What the source knows it by."""
        return ItemIdentity(self.source, self.item_key, self.version)


def claim(
    tx: Transaction,
    identity: ItemIdentity,
    *,
    fence: str,
    lease_seconds: float,
    actor: str,
    product_id: str | None = None,
    home_country: str | None = None,
    carrier_account: str | None = None,
) -> ManifestRow | None:
    """A lease on this delivery; None when somebody else holds one, or when it needs no more reading.

    What was claimed before keeps its product, country and account: a lapsed or an approved delivery goes on as it was.
    """
    now = tx.now()
    lease = {"fence": fence, "lease_until": now + timedelta(seconds=lease_seconds)}
    given = {"product_id": product_id, "home_country": home_country, "carrier_account": carrier_account}
    names = {"id": identity.manifest_id, "source": identity.source, "item_key": identity.key}
    state = ManifestState.RECEIVED.value
    first = names | given | lease | {"version": identity.version, "actor": actor, "received_at": now, "state": state}
    insert = postgresql.insert if tx.is_postgresql else sqlite.insert
    fresh = insert(manifests).values(first).on_conflict_do_nothing()  # on any key: two claims meet at either of them
    free = and_(_can_be_claimed(now), *(manifests.c[name] == first[name] for name in ("id", *_IDENTITY)))
    taken_over = update(manifests).where(free).values(lease | {"state": state, "reason": None})
    for statement in (fresh, taken_over):
        row = tx.execute(statement.returning(manifests)).one_or_none()
        if row is not None:
            return _row(row)
    _no_collision(tx, identity)
    return None


def _can_be_claimed(now: datetime) -> ColumnElement[bool]:
    c = manifests.c
    approved = and_(c.state == ManifestState.NEEDS_APPROVAL.value, c.approved_by.is_not(None))
    lapsed = or_(c.lease_until.is_(None), c.lease_until <= now)
    return and_(or_(c.state == ManifestState.RECEIVED.value, approved), lapsed)


def _no_collision(tx: Transaction, identity: ItemIdentity) -> None:
    """Two deliveries whose ids agree by chance must not hide each other (48 bits: never seen, and never silent)."""
    row = tx.execute(select(manifests).where(manifests.c.id == identity.manifest_id)).one()
    if _row(row).identity != identity:
        raise NoSuchManifest(f"{identity.key} would get the id {row.id}, which {row.item_key} has. Rename the file.")


def mark(
    tx: Transaction,
    manifest_id: str,
    fence: str,
    *,
    state: ManifestState,
    counts: LineCounts,
    reason: str | None = None,
    **found: str | int | None,
) -> None:
    """Write how the reading ended and give the lease back. `found` names columns: sha256, size_bytes...

    Raises `LeaseLost` when another fence, or none, stands in the row.
    """
    c = manifests.c
    new: dict[str, Any] = {name: getattr(counts, name) for name in LineCounts.__slots__}
    new |= {"state": state.value, "reason": reason, "fence": None, "lease_until": None, **found}
    if state is ManifestState.LOADED:
        new["loaded_at"] = tx.now()
    written = tx.execute(update(manifests).where(c.id == manifest_id, c.fence == fence).values(new))
    _check_lease(written.rowcount, manifest_id)
    if state is ManifestState.LOADED:
        close_span(tx, manifest_id)


def renew(tx: Transaction, manifest_id: str, fence: str, lease_seconds: float) -> None:
    """Hold the lease for so long from now. Raises `LeaseLost`."""
    until = tx.now() + timedelta(seconds=lease_seconds)
    mine = update(manifests).where(manifests.c.id == manifest_id, manifests.c.fence == fence)
    _check_lease(tx.execute(mine.values(lease_until=until)).rowcount, manifest_id)


def _check_lease(written: int, manifest_id: str) -> None:
    if not written:
        raise LeaseLost(f"{manifest_id} is being read by another worker; leave it to that one, or run again later.")


def approve(tx: Transaction, manifest_id: str, by: str) -> bool:
    """A person's yes: the next pick-up reads it. False when the manifest does not wait for one."""
    c = manifests.c
    waits = and_(c.id == manifest_id, c.state == ManifestState.NEEDS_APPROVAL.value, c.approved_by.is_(None))
    return bool(tx.execute(update(manifests).where(waits).values(approved_by=by)).rowcount)


def find(tx: Transaction, asked: str) -> ManifestRow:
    """The one manifest of this id, beginning of an id, or file name. Raises `NoSuchManifest`.

    Of several deliveries under one name the newest counts.
    """
    c = manifests.c
    by_name = or_(c.item_key == asked, c.item_key.endswith("/" + asked, autoescape=True))
    for condition in (c.id == asked, c.id.startswith(asked, autoescape=True), by_name):
        rows = tx.execute(select(manifests).where(condition).order_by(c.received_at.desc(), c.id).limit(20)).all()
        if len({row.item_key for row in rows}) == 1 and (len(rows) == 1 or condition is by_name):
            return _row(rows[0])
        if rows:
            named = ", ".join(f"{row.id} ({row.item_key})" for row in rows)
            raise NoSuchManifest(f"{asked} fits more than one manifest: {named}. Give the whole id.")
    raise NoSuchManifest(f"There is no manifest {asked}. `simline status` lists what there is.")


def listing(tx: Transaction, limit: int, after: str | None = None) -> list[ManifestRow]:
    """Manifests, newest first; `after` is the id of the last row of the page before."""
    c = manifests.c
    rows = select(manifests).order_by(c.received_at.desc(), c.id.desc()).limit(limit)
    if after is not None:
        last = select(c.received_at).where(c.id == after).scalar_subquery()
        rows = rows.where(or_(c.received_at < last, and_(c.received_at == last, c.id < after)))
    return [_row(row) for row in tx.execute(rows)]


def known_items(tx: Transaction, source: str, items: Iterable[ItemIdentity]) -> set[ItemIdentity]:
    """Those of the listed items that need no more reading, in one query."""
    c = manifests.c
    ids = [item.manifest_id for item in items]
    rows = select(c.source, c.item_key, c.version).where(among(tx, c.id, ids), c.source == source, c.state.in_(ENDED))
    return {ItemIdentity(*row) for row in tx.execute(rows)}


def abandoned(tx: Transaction, source: str) -> list[ManifestRow]:
    """Deliveries of this source whose reader died: claimed, not ended, and the lease is over.

    The source is asked here: SQLite would go by it, and read everything that ever came from there.
    """
    c = manifests.c
    rows = select(manifests).where(text(UNDER_WAY), _can_be_claimed(tx.now())).order_by(c.received_at, c.id)
    return [_row(row) for row in tx.execute(rows) if row.source == source]


def same_content(tx: Transaction, sha256: str, manifest_id: str) -> str | None:
    """The first other manifest with these bytes that was taken, if there is one."""
    c = manifests.c
    others = select(c.id).where(c.sha256 == sha256, c.id != manifest_id, c.state.in_(TAKEN))
    found: str | None = tx.execute(others.order_by(c.received_at, c.id).limit(1)).scalar_one_or_none()
    return found


def operation_counts(tx: Transaction, manifest_id: str) -> dict[Step, int]:
    """How many of the manifest's operations stand at which step; they add up to its accepted lines."""
    return counts_of(tx, [manifest_id]).get(manifest_id, {})


def finish_ended(tx: Transaction) -> list[str]:
    """Loaded manifests of which no operation will move by itself become FINISHED; which those were.

    Asked twice: a re-run that commits in between is seen by the second statement alone, when the row is ours.
    """
    c, o = manifests.c, operations.c
    goes_on = select(o.id).where(of_its_manifest(), o.step.in_(LIVE)).correlate(manifests).exists()
    ended = and_(text(UNDER_WAY), c.state == ManifestState.LOADED.value, ~goes_on)
    looked_ended = _locked(tx, ended)
    if not looked_ended:
        return []
    new = {"state": ManifestState.FINISHED.value, "finished_at": tx.now()}
    still = update(manifests).where(among(tx, c.id, looked_ended), ended)
    return [row.id for row in tx.execute(still.values(new).returning(c.id))]


def reopen(tx: Transaction, manifest_ids: Collection[str]) -> list[str]:
    """Finished manifests go on, after their operations were let go on in this transaction; which those were.

    Whoever finishes one of them at this moment is waited for: the operations that it counted have moved since.
    """
    c = manifests.c
    mine = _locked(tx, among(tx, c.id, list(manifest_ids)))
    finished = and_(among(tx, c.id, mine), c.state == ManifestState.FINISHED.value)
    new = {"state": ManifestState.LOADED.value, "finished_at": None}
    return [row.id for row in tx.execute(update(manifests).where(finished).values(new).returning(c.id))]


def _locked(tx: Transaction, condition: ColumnElement[bool]) -> list[str]:
    """The manifests, locked until the transaction ends, always in one order. SQLite has one writer and no such locks.

    What is asked of them in the *next* statement is true until then; this one saw them as they were before the wait.
    """
    rows = select(manifests.c.id).where(condition).order_by(manifests.c.received_at, manifests.c.id)
    return list(tx.execute(rows.with_for_update(key_share=True)).scalars())


def counts_of(tx: Transaction, manifest_ids: Sequence[str]) -> dict[str, dict[Step, int]]:
    """How many operations of these manifests stand at which step; one without operations is left out."""
    o = operations.c
    rows = select(o.manifest_id, o.step, func.count()).join(manifests, of_its_manifest())
    rows = rows.where(among(tx, manifests.c.id, manifest_ids)).group_by(o.manifest_id, o.step)
    counts: dict[str, dict[Step, int]] = {}
    for manifest_id, step, count in tx.execute(rows) if manifest_ids else ():
        counts.setdefault(manifest_id, {})[Step(step)] = count
    return counts


_PLAIN = tuple(name for name in ManifestRow.__slots__ if name not in ("state", "counts", "halt"))


def _row(row: Any) -> ManifestRow:
    counts = LineCounts(*(getattr(row, name) for name in LineCounts.__slots__))
    plain = {name: getattr(row, name) for name in _PLAIN}
    halt = Halt(row.halt) if row.halt else None
    return ManifestRow(state=ManifestState(row.state), counts=counts, halt=halt, **plain)
