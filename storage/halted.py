"""Which operations a person halted: a stretch of ids for each manifest that was paused or cancelled.

A halt is one word in the manifest's row, so a manifest of a million SIMs is paused as quickly as one of ten. Whoever
takes work passes its stretch over; the partial index of what is to be sent is read as before.
"""

from sqlalchemy import ColumnElement, and_, not_, select, text

from domain.manifests import ManifestState
from storage.database import Transaction
from storage.schema import HALTED, manifests, operations

_OF_HALTED = select(manifests.c.id, manifests.c.first_operation_id, manifests.c.last_operation_id).where(
    text(HALTED), manifests.c.state == ManifestState.LOADED.value
)


def not_halted(tx: Transaction) -> list[ColumnElement[bool]]:
    """What must be true of an operation that may be sent now; nothing where no manifest is halted."""
    o = operations.c
    rows = tx.execute(_OF_HALTED).tuples()
    return [not_(and_(o.id.between(first, last), o.manifest_id == id_)) for id_, first, last in rows if first]
