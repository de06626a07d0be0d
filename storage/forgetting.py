"""Reconciliations that have had their days: runs with what they found, and listings of accounts that nobody lists."""

from datetime import datetime

from sqlalchemy import and_, delete, func, or_, select

from storage.database import Transaction
from storage.findings import RUN_COLUMNS, Run
from storage.reconciling_schema import findings, listed_sims, listings, reconciled_accounts, reconciliations


def old_runs(tx: Transaction, before: datetime) -> list[Run]:
    """The runs of before then, oldest first, but for the newest of each scope: the next one is compared with it."""
    c, later = reconciliations.c, reconciliations.alias("later")
    is_later = or_(later.c.as_of > c.as_of, and_(later.c.as_of == c.as_of, later.c.id > c.id))
    is_followed = select(later.c.id).where(later.c.scope == c.scope, is_later).exists()
    rows = select(*RUN_COLUMNS).where(c.as_of < before, is_followed).order_by(c.as_of, c.id)
    return [Run(*row) for row in tx.execute(rows)]


def forget_run(tx: Transaction, run_id: int) -> None:
    """Drop a run with everything that it found. Safe to repeat and to do side by side."""
    c = reconciliations.c
    tx.execute(select(c.id).where(c.id == run_id).with_for_update())  # two that forget it wait here, not crosswise
    tx.execute(delete(findings).where(findings.c.reconciliation_id == run_id))
    tx.execute(delete(reconciled_accounts).where(reconciled_accounts.c.reconciliation_id == run_id))
    tx.execute(delete(reconciliations).where(c.id == run_id))


def forget_listings(tx: Transaction, before: datetime) -> None:
    """Drop what was listed of accounts whose newest listing is of before then and that nobody lists now."""
    c = listings.c
    is_free = or_(c.fence.is_(None), c.lease_until <= tx.now())
    is_old = func.coalesce(c.ended_at, c.begun_at) < before
    gone = tx.execute(delete(listings).where(is_free, is_old).returning(c.carrier_account)).scalars().all()
    tx.execute(delete(listed_sims).where(listed_sims.c.carrier_account.in_(gone)))
