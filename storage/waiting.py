"""What waits at a carrier account, counted without taking any of it."""

from sqlalchemy import func, or_, select, text

from storage.database import Transaction
from storage.schema import TO_SEND, TO_SETTLE, operations


def is_due(tx: Transaction, account: str) -> bool:
    """Whether something of this carrier account can be sent or settled now."""
    c = operations.c
    due = [
        select(c.id).where(text(which), c.carrier_account == account, c.due_at <= tx.now()).exists()
        for which in (TO_SEND, TO_SETTLE)
    ]
    return bool(tx.execute(select(or_(*due))).scalar_one())


def planned_count(tx: Transaction, account: str) -> int:
    """How many operations of this carrier account wait to be sent, due or not."""
    c = operations.c
    return int(tx.execute(select(func.count(c.id)).where(text(TO_SEND), c.carrier_account == account)).scalar_one())


def accounts_of(tx: Transaction, manifest_id: str) -> list[str]:
    """The carrier accounts of a manifest's operations, by name."""
    c = operations.c
    accounts = select(c.carrier_account).where(c.manifest_id == manifest_id).distinct()
    return sorted(tx.execute(accounts).scalars())
