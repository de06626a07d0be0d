"""Runs of reconciliation and what they found: kept as they were, so that a run can be read again word for word."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select

from domain.reconciling import Change, Kind, Standing
from domain.texts import storable
from storage.bulk import insert_rows
from storage.comparing import Asked, Compared
from storage.database import Transaction
from storage.reconciling_schema import findings, reconciled_accounts, reconciliations


@dataclass(frozen=True, slots=True)
class Run:
    """One reconciliation: what was compared, and the run that it is compared with."""

    id: int
    as_of: datetime
    carrier_account: str | None
    product_id: str | None
    previous_id: int | None
    actor: str
    zombie_days: int


@dataclass(frozen=True, slots=True)
class AccountRun:
    """One carrier account in a run."""

    carrier_account: str
    is_complete: bool
    listed_at: datetime | None
    page_count: int
    problem: str
    sim_count: int
    ok_count: int
    under_way_count: int
    unknown_count: int
    invoice: str
    invoice_month: str
    invoice_lines: int
    invoice_unreadable: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of one SIM; `kind` is "unknown" for a SIM of which the carrier has not told."""

    kind: str
    carrier_account: str
    iccid: str
    change: str
    counts: bool
    product_id: str
    wanted: str
    carrier_state: str
    carrier_word: str
    plan: str
    carrier_plan: str
    amount_cents: int | None
    currency: str
    used_bytes: int | None
    first_found: datetime


RUN_COLUMNS = [reconciliations.c[name] for name in Run.__slots__]
_FINDING = [findings.c[name] for name in Finding.__slots__]


def scope_of(carrier_account: str | None, product: str | None) -> str:
    """What runs have in common that follow each other."""
    return f"{carrier_account or '*'} {product or '*'}"


def newest(tx: Transaction, scope: str, until: datetime | None = None) -> Run | None:
    """The newest run of a scope, or the newest that was not later than `until`."""
    c = reconciliations.c
    rows = select(*RUN_COLUMNS).where(c.scope == scope)
    if until is not None:
        rows = rows.where(c.as_of <= until)
    row = tx.execute(rows.order_by(c.as_of.desc(), c.id.desc()).limit(1)).one_or_none()
    return None if row is None else Run(*row)


def last(tx: Transaction, scope: str, after: int = 0) -> Run | None:
    """The run of a scope that was written down last, if it came after the one of this id: no clock decides that."""
    c = reconciliations.c
    rows = select(*RUN_COLUMNS).where(c.scope == scope, c.id > after)
    row = tx.execute(rows.order_by(c.id.desc()).limit(1)).one_or_none()
    return None if row is None else Run(*row)


def one(tx: Transaction, run_id: int) -> Run:
    """The run of this id."""
    return Run(*tx.execute(select(*RUN_COLUMNS).where(reconciliations.c.id == run_id)).one())


def keep(
    tx: Transaction, asked: Asked, compared: Compared, *, account: str | None, actor: str, zombie_days: int
) -> Run:
    """Write a run down, with everything that it found."""
    values = {
        "as_of": compared.as_of,
        "scope": scope_of(account, asked.product),
        "carrier_account": account,
        "product_id": asked.product,
        "previous_id": asked.previous_id,
        "actor": storable(actor),
        "zombie_days": zombie_days,
    }
    c = reconciliations.c
    run_id = int(tx.execute(insert(reconciliations).values(values).returning(c.id)).scalar_one())
    tx.execute(insert(reconciled_accounts), [_account_row(run_id, name, asked, compared) for name in compared.accounts])
    for batch in compared.rows:
        columns: dict[str, Any] = {"reconciliation_id": run_id} | batch.to_pydict()
        if batch.num_rows:
            insert_rows(tx, columns, {findings: tuple(columns)})
    return one(tx, run_id)


def _account_row(run_id: int, name: str, asked: Asked, compared: Compared) -> dict[str, Any]:
    seen, counts, invoice = compared.accounts[name], compared.counts.get(name, {}), asked.invoices.get(name)
    return {
        "reconciliation_id": run_id,
        "carrier_account": name,
        "is_complete": seen.is_complete,
        "listed_at": seen.listed_at,
        "page_count": seen.page_count,
        "problem": storable("" if seen.is_complete else seen.problem),
        "sim_count": sum(counts.values()),
        "ok_count": counts.get(Standing.OK.value, 0),
        "under_way_count": counts.get(Standing.UNDER_WAY.value, 0),
        "unknown_count": counts.get(Standing.UNKNOWN.value, 0),
        "invoice": storable(invoice.name if invoice else asked.refused.get(name, "")),
        "invoice_month": str(invoice.month) if invoice else "",
        "invoice_lines": invoice.line_count if invoice else 0,
        "invoice_unreadable": invoice.unreadable_count if invoice else 0,
    }


def accounts(tx: Transaction, run_id: int) -> list[AccountRun]:
    """How each account stood in a run, by name."""
    c = reconciled_accounts.c
    columns = [c[name] for name in AccountRun.__slots__]
    rows = select(*columns).where(c.reconciliation_id == run_id).order_by(c.carrier_account)
    return [AccountRun(*row) for row in tx.execute(rows)]


def of_run(tx: Transaction, run_id: int, kind: Kind | str | None = None) -> Iterator[Finding]:
    """What a run found, or one kind of it, by kind, account and ICCID."""
    c = findings.c
    rows = select(*_FINDING).where(c.reconciliation_id == run_id)
    if kind is not None:
        rows = rows.where(c.kind == str(kind))
    for row in tx.execute(rows.order_by(c.kind, c.carrier_account, c.iccid)):
        yield Finding(*row)


def mismatches(tx: Transaction, run_id: int) -> list[Finding]:
    """The SIMs of a run whose state at the carrier is not what was asked for, by ICCID."""
    return [each for each in of_run(tx, run_id, Kind.STATE_MISMATCH) if each.change in (Change.NEW, Change.STILL)]


def count(tx: Transaction, run_id: int) -> int:
    """How many findings there are now: not those that are gone, nor SIMs of which nothing is known."""
    c = findings.c
    now = c.change.in_((Change.NEW.value, Change.STILL.value))
    rows = select(func.count()).select_from(findings).where(c.reconciliation_id == run_id, now)
    return int(tx.execute(rows).scalar_one())


def counts_by_kind(tx: Transaction, run_id: int) -> dict[str, int]:
    """Kind -> how many findings there are of it now."""
    c = findings.c
    now = c.change.in_((Change.NEW.value, Change.STILL.value))
    rows = select(c.kind, func.count()).where(c.reconciliation_id == run_id, now).group_by(c.kind).order_by(c.kind)
    return dict(tx.execute(rows).tuples().all())
