"""What a receipt says, gathered from the ledger."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

from domain.lifecycle import Step
from domain.lines import LineOutcome, Verdict
from domain.manifests import Halt, ManifestState
from reports.outcomes_csv import SimOutcome
from reports.receipt import PlanShare, ReasonCount, Receipt
from reports.receipt_page import SHOWN_ROWS
from storage import halting, manifests, outcomes
from storage.database import Transaction
from storage.manifests import ManifestRow

TROUBLED = frozenset({Step.REJECTED, Step.TIMED_OUT, Step.NEEDS_REVIEW, Step.HELD})


def receipt_of(tx: Transaction, row: ManifestRow, *, in_full: bool = True) -> Receipt:
    """The receipt as of now, without its files. Raises `ReceiptDoesNotAddUp`: then our own bookkeeping is at fault.

    Not `in_full` it has no plans, no reasons and no words of people, and reads no SIM: for lists.
    """
    return Receipt(
        manifest_id=row.id,
        name=PurePosixPath(row.item_key).name,
        source=row.source,
        state=row.state,
        actor=row.actor,
        received_at=row.received_at,
        as_of=tx.now(),
        counts=row.counts,
        steps=manifests.operation_counts(tx, row.id),
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        reason=_halted_by(row) or row.reason,
        halt=_halt_of(row),
        halts=halting.notes(tx, row.id) if in_full else (),
        product_id=row.product_id,
        home_country=row.home_country,
        loaded_at=row.loaded_at,
        finished_at=row.finished_at if row.state is ManifestState.FINISHED else None,
        by_plan=_plan_shares(tx, row.id) if in_full else (),
        by_reason=_reason_counts(tx, row.id) if in_full else (),
        same_content_as=row.same_content_as,
    )


def _halt_of(row: ManifestRow) -> Halt | None:
    """A pause of what has ended since is none."""
    return None if row.halt is Halt.PAUSED and row.state is ManifestState.FINISHED else row.halt


def _halted_by(row: ManifestRow) -> str | None:
    """Who halted it, and why."""
    halt = _halt_of(row)
    return f"{halt.value.capitalize()} by {row.halted_by}: {row.halt_reason}" if halt else None


def _plan_shares(tx: Transaction, manifest_id: str) -> list[PlanShare]:
    return [
        PlanShare(
            product_id=total.product_id,
            home_country=total.home_country,
            carrier_account=total.carrier_account,
            plan_name=total.plan_name,
            sim_count=total.sim_count,
            monthly_cost_cents=total.sim_count * total.monthly_price_cents,
            currency=total.currency,
        )
        for total in outcomes.plan_totals(tx, manifest_id)
    ]


def _reason_counts(tx: Transaction, manifest_id: str) -> list[ReasonCount]:
    return [
        ReasonCount(total.verdict, total.reason, total.line_count, total.first_line, total.first_text)
        for total in outcomes.reason_totals(tx, manifest_id)
    ]


def sim_outcomes(tx: Transaction, manifest_id: str) -> Iterator[SimOutcome]:
    """The manifest's SIMs in line order, streamed."""
    return map(SimOutcome._make, outcomes.sim_outcomes(tx, manifest_id))


def problems(tx: Transaction, manifest_id: str) -> list[LineOutcome | SimOutcome]:
    """The first lines and SIMs that need a person, by line, as many as a page shows."""
    lines = islice(outcomes.outcomes(tx, manifest_id, verdict=Verdict.REJECTED), SHOWN_ROWS)
    sims = outcomes.sim_outcomes(tx, manifest_id, steps=TROUBLED, limit=SHOWN_ROWS)
    rows: list[LineOutcome | SimOutcome] = [*lines, *(SimOutcome._make(sim) for sim in sims)]
    return sorted(rows, key=_line)[:SHOWN_ROWS]


def _line(row: LineOutcome | SimOutcome) -> int:
    return row.line


def earlier_files(row: ManifestRow) -> dict[str, str]:
    """The names of the files that an earlier receipt put beside the manifest, by kind; empty before the first."""
    files: dict[str, str] = json.loads(row.receipt).get("files", {}) if row.receipt else {}
    return files
