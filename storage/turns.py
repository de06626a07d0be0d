"""Who plans operations takes turns: loading a manifest, acting on SIMs, a re-run. SQLite has one writer anyway.

So two deliveries cannot both count a SIM as new, and no operation is planned, or let go on, beside one that the other
has not seen yet.
"""

from sqlalchemy import func, select

from storage.database import Transaction

_TURN = 0x51_4D_11_4E
"""The key of PostgreSQL's advisory lock; any number that nobody else uses."""


def take_turn(tx: Transaction) -> None:
    """Wait until nobody else plans; held until the transaction ends. What the next statement reads is everybody's."""
    if tx.is_postgresql:
        tx.execute(select(func.pg_advisory_xact_lock(_TURN)))
