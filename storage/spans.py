"""A manifest's operations without an index of their own: they were numbered in one go, in the order of its lines.

One manifest loads at a time, so its operations are a stretch of ids, which its row keeps. An index by manifest would
be written anew with every step of every operation, which is what the ledger does all day.
"""

from sqlalchemy import BigInteger, ColumnElement, and_, func, literal, select, update

from storage.database import Transaction
from storage.schema import manifests, operations

OPEN_END = 2**63 - 1


def open_span(tx: Transaction, manifest_id: str) -> None:
    """From here on new operations may be this manifest's. Does nothing the second time."""
    m = manifests.c
    newest = select(func.coalesce(func.max(operations.c.id), 0) + 1).scalar_subquery()
    fresh = update(manifests).where(m.id == manifest_id, m.first_operation_id.is_(None))
    tx.execute(fresh.values(first_operation_id=newest, last_operation_id=literal(OPEN_END, BigInteger)))


def close_span(tx: Transaction, manifest_id: str) -> None:
    """No further operation will be this manifest's."""
    newest = select(func.coalesce(func.max(operations.c.id), 0)).scalar_subquery()
    tx.execute(update(manifests).where(manifests.c.id == manifest_id).values(last_operation_id=newest))


def of_manifest(manifest_id: str) -> ColumnElement[bool]:
    """True for the operations of this manifest; looks at no other's rows but a few that lie between."""
    m, o = manifests.c, operations.c
    first = select(m.first_operation_id).where(m.id == manifest_id).scalar_subquery()
    last = select(m.last_operation_id).where(m.id == manifest_id).scalar_subquery()
    return and_(o.id >= first, o.id <= last, o.manifest_id == manifest_id)


def of_its_manifest() -> ColumnElement[bool]:
    """The same for a join of operations with their manifests."""
    m, o = manifests.c, operations.c
    return and_(o.id >= m.first_operation_id, o.id <= m.last_operation_id, o.manifest_id == m.id)
