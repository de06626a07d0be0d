"""Reconciliation as steps: every carrier account listed side by side, then one comparison, kept and shown."""

from collections.abc import Mapping
from datetime import timedelta

from prefect.futures import wait

from engine.context import Context
from engine.invoices import of_folders
from engine.listing import Progressed, Wanted
from engine.reconciliation_document import document_of, facts_of
from engine.reconciling import Invoices, Scope, accounts_of, compare, forget_runs, list_account, wanted
from engine.report_alerts import alert_of_reconciliation
from reports.reconciliation import warnings_of
from storage import findings
from storage.findings import Run
from storage.forgetting import old_runs
from tasks.context import engine
from tasks.decorator import task
from tasks.logs import run_log
from tasks.outcomes import RunFailed
from tasks.parameters import ReconcileParameters
from tasks.reports import publish_report
from tasks.rounds import outcome


@task(name="list account", run_name="list {account}")
def list_one(account: str, asked: Wanted, until: float) -> Progressed:
    """One carrier account's listing, as far as it comes until then. Safe to repeat: it goes on at its page."""
    with run_log(account=account) as log:
        counts = list_account(engine(), account, asked, until=until)
        log.info(f"{counts.requests} requests told {counts.sim_count} SIMs")
        if counts.problem:
            log.warning(counts.problem)
    return counts


def list_all(context: Context, parameters: ReconcileParameters) -> tuple[Wanted, dict[str, Progressed]]:
    """Every account that is asked for, side by side. Raises `CannotReconcile` for names that are none of ours."""
    asked = wanted(context)
    until = context.stopwatch.monotonic() + parameters.work_seconds
    accounts = accounts_of(context, _scope(parameters))
    pending = [list_one.submit(name, asked, until) for name in accounts]
    wait(pending)
    works = {}
    for name, future in zip(accounts, pending, strict=True):
        told = outcome(future)
        works[name] = told if isinstance(told, Progressed) else Progressed(problem=str(told))
    return asked, works


@task(name="compare", run_name="compare")
def compare_and_show(parameters: ReconcileParameters, asked: Wanted) -> tuple[Run, int]:
    """The run as it was written down, with its report on the shelf where there is one; how many findings."""
    context = engine()
    scope = _scope(parameters)
    read, refused = of_folders(context, set(accounts_of(context, scope)))
    run = compare(context, scope, asked, Invoices(read, refused), actor="schedule")
    page = publish_report(document_of(context, run)).page if context.shelf is not None else None
    alert_of_reconciliation(context, run, page)
    with context.database.read() as tx:
        kinds = findings.counts_by_kind(tx, run.id)
    with run_log() as log:
        log.info(", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in kinds.items()) or "nothing found")
    return run, sum(kinds.values())


def end_with_what_is_missing(context: Context, run: Run, works: Mapping[str, Progressed]) -> None:
    """Raise `RunFailed` where the run is incomplete: it says first of all what is unknown."""
    told = facts_of(context, run)
    if not all(one["is_complete"] for one in told.accounts):
        problems = [f"{name}: {one.problem}" for name, one in works.items() if one.problem]
        raise RunFailed(*warnings_of(told), *problems)


@task(name="forget reconciliations", run_name="forget reconciliations")
def remove_old_runs(*, dry_run: bool = False) -> list[Run]:
    """Remove the reconciliations whose days are over, with what they found; which ones. Safe to repeat."""
    context = engine()
    with context.database.read() as tx:
        before = tx.now() - timedelta(days=context.reconciliation.keep_days)
        old = old_runs(tx, before)
    if not dry_run:
        old = forget_runs(context.database, before)
    with run_log() as log:
        for run in old:
            log.info(f"{'would remove' if dry_run else 'removed'} the reconciliation of {run.as_of:%Y-%m-%d %H:%M:%S}")
    return old


def _scope(parameters: ReconcileParameters) -> Scope:
    return Scope(parameters.carrier_account, parameters.product)
