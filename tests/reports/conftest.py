"""Receipts to report on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.lifecycle import Step
from domain.lines import LineCounts, LineOutcome, Reason, Verdict
from domain.manifests import ManifestState
from reports.document import Report
from reports.outcomes_csv import SimOutcome
from reports.receipt import PlanShare, ReasonCount, Receipt
from tests.report_examples import usage_example

RECEIVED_AT = datetime(2025, 6, 2, 9, 30, 12, tzinfo=UTC)

MIXED = Receipt(
    manifest_id="m-3f2a9c01b7de",
    name="2025-06 Batch B.csv",
    source="inbox",
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    size_bytes=104_223,
    state=ManifestState.LOADED,
    product_id="asset-tracker",
    home_country="DE",
    actor="folder inbox",
    received_at=RECEIVED_AT,
    loaded_at=RECEIVED_AT + timedelta(seconds=8),
    as_of=RECEIVED_AT + timedelta(minutes=42),
    counts=LineCounts(lines=2014, ignored=4, accepted=1980, rejected=18, duplicate=7, known=5),
    steps={
        Step.DONE: 1870,
        Step.HELD: 10,
        Step.PLANNED: 60,
        Step.ACCEPTED: 30,
        Step.UNKNOWN: 2,
        Step.REJECTED: 3,
        Step.TIMED_OUT: 1,
        Step.NEEDS_REVIEW: 4,
    },
    by_plan=(
        PlanShare("asset-tracker", "DE", "supersim-eu", "EU 5 MB", 1500, 180_000, "EUR"),
        PlanShare("asset-tracker", "US", "supersim-us", "North America 10 MB", 480, 96_000, "USD"),
    ),
    by_reason=(
        ReasonCount(Verdict.IGNORED, Reason.BLANK, 3, 2012),
        ReasonCount(Verdict.IGNORED, Reason.HEADER, 1, 1, "ICCID;Box"),
        ReasonCount(Verdict.REJECTED, Reason.WRONG_CHECK_DIGIT, 12, 17, "8934076500002589175"),
        ReasonCount(Verdict.REJECTED, Reason.SPREADSHEET_DAMAGE, 6, 230, "8.93408E+18"),
        ReasonCount(Verdict.DUPLICATE, Reason.DUPLICATE_IN_FILE, 7, 44, "8934076500002586220"),
        ReasonCount(Verdict.KNOWN, Reason.ALREADY_KNOWN, 5, 60, "8934076500002586576"),
    ),
    files={"fix": "batch.fix.csv", "outcomes": "batch.outcomes.csv", "json": "batch.receipt.json"},
)


@pytest.fixture
def mixed() -> Receipt:
    """A receipt with every kind of line and SIM in it."""
    return MIXED


@pytest.fixture
def plain() -> Callable[..., Receipt]:
    """Makes a receipt of these counts and steps, without reasons and plans."""

    def make(counts: LineCounts, steps: dict[Step, int] | None = None, **changes: Any) -> Receipt:
        return replace(MIXED, counts=counts, steps=steps or {}, by_plan=(), by_reason=(), **changes)

    return make


@pytest.fixture
def sim() -> Callable[..., SimOutcome]:
    """Makes the outcome of the SIM on a line."""

    def make(line: int, step: Step = Step.DONE, **more: Any) -> SimOutcome:
        return SimOutcome(line, f"89340765{line:011d}", step, "asset-tracker", "DE", "EU 5 MB", "supersim-eu", **more)

    return make


@pytest.fixture
def rejected() -> Callable[..., LineOutcome]:
    """Makes a rejected line."""

    def make(line: int, text: str = "8934076500002589175", **more: Any) -> LineOutcome:
        return LineOutcome(line, Verdict.REJECTED, Reason.WRONG_CHECK_DIGIT, text, **more)

    return make


@pytest.fixture
def usage() -> Callable[..., Report]:
    """Makes a report with every unit, two currencies, unknown values, hostile texts, charts and warnings."""
    return usage_example


@pytest.fixture
def usage_report() -> Report:
    """That report."""
    return usage_example()
