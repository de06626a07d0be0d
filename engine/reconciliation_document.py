"""The document of a run, read back from what the run wrote down."""

from dataclasses import asdict

import pandas as pd

from engine.context import Context
from reports.document import Report
from reports.reconciliation import ReconciliationFacts, reconciliation_report
from storage import findings
from storage.findings import Finding, Run


def document_of(context: Context, run: Run) -> Report:
    """The run's report: the same run, the same document, whatever has changed since."""
    return reconciliation_report(facts_of(context, run))


def facts_of(context: Context, run: Run) -> ReconciliationFacts:
    """Everything that the run wrote down."""
    names = Finding.__slots__
    with context.database.read() as tx:
        accounts = [asdict(one) for one in findings.accounts(tx, run.id)]
        rows = [tuple(getattr(one, name) for name in names) for one in findings.of_run(tx, run.id)]
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    kinds = {"amount_cents": "Int64", "used_bytes": "Int64", "counts": "bool"}
    table = pd.DataFrame(
        {name: pd.Series(list(columns[place]), dtype=kinds.get(name, "object")) for place, name in enumerate(names)}
    )
    return ReconciliationFacts(run.as_of, run.carrier_account, run.product_id, accounts, table)
