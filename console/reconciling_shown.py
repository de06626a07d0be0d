"""What a reconciliation found, on the screen and for programs; the same numbers as in its report."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from console.screen import Column, Screen
from reports.verdict import Tone

if TYPE_CHECKING:
    from engine.context import Context
    from storage.findings import Run


def show_run(screen: Screen, context: "Context", run: "Run", *, publishes: bool) -> bool:
    """Warnings first, then the counts, then where the report is; whether nothing asks for a person."""
    from engine.reconciliation_document import facts_of
    from engine.report_alerts import alert_of_reconciliation
    from engine.reporting import publish
    from reports.reconciliation import reconciliation_report, warnings_of
    from reports.values import fact_in_words

    told = facts_of(context, run)
    report = reconciliation_report(told)
    missing = warnings_of(told)
    for warning in missing:
        screen.say(warning, Tone.ATTENTION)
    screen.say(f"{report.title}, as of {run.as_of:%Y-%m-%d %H:%M:%S} UTC.", Tone.QUIET)
    rows = [(fact.label, fact_in_words(fact)) for fact in report.facts]
    screen.table([Column(""), Column("", number=True)], rows, indent=2)
    if publishes:
        with screen.busy("The report is made."):
            page = publish(context, report).page if context.shelf is not None else None
        if page:
            screen.say(f"The report: {page}", Tone.QUIET)
        if alert_of_reconciliation(context, run, page):
            screen.say("An alert was raised: see `simline alerts`.", Tone.ATTENTION)
    found = told.findings["change"].isin(["new", "still"]).any()
    if not found and not missing:
        screen.say("Everything agrees.", Tone.GOOD)
    return not found and not missing


def run_facts(context: "Context", run: "Run") -> dict[str, object]:
    """One run for programs, every finding named."""
    from storage import findings

    with context.database.read() as tx:
        accounts = [asdict(one) for one in findings.accounts(tx, run.id)]
        found = [asdict(one) for one in findings.of_run(tx, run.id)]
    return {"as_of": run.as_of, "is_complete": all(one["is_complete"] for one in accounts)} | {
        "carrier_accounts": accounts,
        "findings": found,
    }
