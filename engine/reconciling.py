"""Reconcile: what carriers listed, billed and measured against our inventory and ledger; written down as one run.

Nothing is changed at a carrier. What was found is kept with its moment, so the same moment gives the same report.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.usage import last_settled
from engine.context import Context, Progress
from engine.listing import Progressed, Wanted, list_some, wanted_now
from storage import catalogue, findings, forgetting
from storage.comparing import Asked, Invoice, compared
from storage.database import Database
from storage.findings import Run

LOOK_AGAIN_SECONDS = 1.0
"""While another run lists an account this one waits, and looks so often."""


class CannotReconcile(Exception):
    """There is no such account, product or run. The sentence says so."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is reconciled: everything, or what is named."""

    carrier_account: str | None = None
    product: str | None = None

    @property
    def name(self) -> str:
        """What runs have in common that follow each other."""
        return findings.scope_of(self.carrier_account, self.product)


@dataclass(frozen=True, slots=True)
class Invoices:
    """The invoices to compare with, and files that cannot be used."""

    read: Mapping[str, Invoice] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


def accounts_of(context: Context, scope: Scope) -> list[str]:
    """The carrier accounts that are listed. Raises `CannotReconcile` for names that are none of ours."""
    if scope.product is not None:
        with context.database.read() as tx:
            known = {product.id for product in catalogue.products(tx)}
        if scope.product not in known:
            raise CannotReconcile(f"There is no product {scope.product}. `simline products` lists what there is.")
    if scope.carrier_account is None:
        return list(context.carriers)
    if scope.carrier_account not in context.carriers:
        listed = ", ".join(context.carriers)
        raise CannotReconcile(f"There is no carrier account {scope.carrier_account}. Configured: {listed}.")
    return [scope.carrier_account]


def wanted(context: Context) -> Wanted:
    """Which listings a run that begins now takes as they are."""
    return wanted_now(context, context.reconciliation)


def list_account(context: Context, account: str, asked: Wanted, *, until: float) -> Progressed:
    """Rounds until the account is listed, the carrier fails, or the stopwatch shows `until`.

    While another worker lists it, its listing is waited for.
    """
    counts = Progressed()
    while not counts.is_over and context.stopwatch.monotonic() < until:
        counts.add(list_some(context, account, asked))
        if counts.is_elsewhere:
            context.stopwatch.sleep(LOOK_AGAIN_SECONDS)
    return counts


def compare(context: Context, scope: Scope, asked: Wanted, invoices: Invoices, *, actor: str) -> Run:
    """Compare what is there now and write the run down. Sends nothing. Raises `DatabaseUnavailable`."""
    with context.database.read() as tx:
        as_of = tx.now().replace(microsecond=0)
        before = findings.newest(tx, scope.name)
    rules = context.reconciliation
    chosen = frozenset(accounts_of(context, scope))
    question = Asked(
        accounts=tuple(context.carriers),
        scope=chosen,
        product=scope.product,
        window=last_settled(rules.zombie_days, as_of, settled_days=rules.settled_days),
        fresh_since=asked.fresh_since,
        resume_since=asked.resume_since,
        previous_id=before.id if before else None,
        invoices=invoices.read,
        refused=invoices.refused,
    )
    with (
        compared(context.database, context.scratch, question, as_of) as outcome,
        context.commit("reconciliation") as tx,
    ):
        run = findings.keep(
            tx, question, outcome, account=scope.carrier_account, actor=actor, zombie_days=rules.zombie_days
        )
    context.watch(Progress("reconcile", 1, 1))
    return run


def last_run(context: Context, scope: Scope, after: Run | None = None) -> Run | None:
    """The run of this scope that was written down last; None unless it came after that one."""
    with context.database.read() as tx:
        return findings.last(tx, scope.name, after.id if after else 0)


def is_whole(context: Context, run: Run) -> bool:
    """Whether every account of the run was listed to its end."""
    with context.database.read() as tx:
        return all(account.is_complete for account in findings.accounts(tx, run.id))


def forget_runs(database: Database, before: datetime) -> list[Run]:
    """Drop the runs of before then with what they found, but for the newest of each scope; which ones.

    What was listed of accounts that nobody has listed since goes too. Safe to repeat and to do side by side.
    """
    with database.read() as tx:
        old = forgetting.old_runs(tx, before)
    for run in old:  # each for itself: a run may have found a million SIMs, and others write too
        with database.begin() as tx:
            forgetting.forget_run(tx, run.id)
    with database.begin() as tx:
        forgetting.forget_listings(tx, before)
    return old


def run_as_of(context: Context, scope: Scope, moment: datetime) -> Run:
    """The newest run of this scope that was not later. Raises `CannotReconcile` where there is none."""
    with context.database.read() as tx:
        run = findings.newest(tx, scope.name, moment)
    if run is None:
        raise CannotReconcile(
            f"Nothing was reconciled until {moment:%Y-%m-%d %H:%M:%S} UTC in this scope. Name a later time."
        )
    return run
