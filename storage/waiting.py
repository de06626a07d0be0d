"""What waits at a carrier account, counted without taking any of it."""

from dataclasses import dataclass

from sqlalchemy import func, or_, select, text

from storage.database import Transaction
from storage.halted import not_halted
from storage.queueing import is_its_turn
from storage.schema import TO_SEND, TO_SETTLE, operations
from storage.spans import of_manifest


@dataclass(frozen=True, slots=True)
class Waiting:
    """Operations of one carrier account, due or not: those to be sent, and those whose end is not known yet.

    What a person halted does not wait to be sent.
    """

    to_send: int
    to_settle: int


def is_due(tx: Transaction, account: str) -> bool:
    """Whether something of this carrier account can be sent or settled now."""
    c = operations.c
    due = [
        select(c.id).where(text(which), c.carrier_account == account, c.due_at <= tx.now(), *more).exists()
        for which, more in ((TO_SEND, [is_its_turn(), *not_halted(tx)]), (TO_SETTLE, []))
    ]
    return bool(tx.execute(select(or_(*due))).scalar_one())


def waiting(tx: Transaction, account: str) -> Waiting:
    """How much waits there. Counted from the partial indexes alone."""
    of_account = operations.c.carrier_account == account
    counts = [
        tx.execute(select(func.count()).select_from(operations).where(text(which), of_account, *more))
        for which, more in ((TO_SEND, not_halted(tx)), (TO_SETTLE, []))
    ]
    return Waiting(*(int(count.scalar_one()) for count in counts))


def accounts_with_work(tx: Transaction) -> list[str]:
    """The carrier accounts at which something waits, by name. One look into an index for each: they are few."""
    c, found = operations.c, set[str]()
    for which in (TO_SEND, TO_SETTLE):
        name: str | None = ""
        while name is not None:
            after = select(func.min(c.carrier_account)).where(text(which), c.carrier_account > name)
            name = tx.execute(after).scalar_one()
            found.update([name] if name else [])
    return sorted(found)


def accounts_of(tx: Transaction, manifest_id: str) -> list[str]:
    """The carrier accounts of a manifest's operations, by name."""
    c = operations.c
    accounts = select(c.carrier_account).where(of_manifest(manifest_id)).distinct()
    return sorted(tx.execute(accounts).scalars())
