"""The receipt as a page that somebody in a factory opens on a phone."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from domain.lifecycle import BUCKETS, Bucket, Step
from domain.lines import SENTENCES, LineOutcome, Verdict, given_on
from reports.outcomes_csv import SimOutcome
from reports.pages import render
from reports.receipt import FileKind, Receipt
from reports.receipt_json import sorted_plans, sorted_reasons
from reports.verdict import headline, needs_you, shares
from reports.words import BUCKET_WORDS, STEP_SENTENCES, VERDICT_WORDS, line_sentence, step_sentence

SHOWN_ROWS = 200
_TROUBLE = (Bucket.FAILED, Bucket.NEEDS_REVIEW)
_AT_REST = (Step.WITHDRAWN,)
"""Steps that are bad news to nobody: a person wanted it so."""


@dataclass(frozen=True, slots=True)
class Point:
    """One line of the page's lists: how many, what it is about, and where the first one stands."""

    count: int
    word: str
    sentence: str
    example_line: int | None = None
    example_text: str = ""


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """One line that needs a person."""

    line: int
    word: str
    given: str
    sentence: str


def receipt_html(receipt: Receipt, problem_rows: Iterable[LineOutcome | SimOutcome] = ()) -> str:
    """The receipt as one self-contained page; the same input gives the same text.

    Of `problem_rows`, in any order, the first 200 by line are shown; rows that need nobody are left out. Links lead to
    `receipt.files` beside the page.
    """
    problems = heapq.nsmallest(SHOWN_ROWS, _problems(problem_rows), key=attrgetter("line"))
    return render(
        "receipt.html",
        receipt=receipt,
        headline=headline(receipt),
        shares=shares(receipt),
        line_sum=line_sum(receipt),
        sim_sum=[(BUCKET_WORDS[bucket], count) for bucket, count in receipt.buckets.items()],
        to_do=_points(receipt, (Verdict.REJECTED,), _TROUBLE),
        under_way=_points(receipt, (), (Bucket.IN_PROGRESS,)),
        at_rest=_points(receipt, (Verdict.DUPLICATE, Verdict.KNOWN, Verdict.IGNORED), (), _AT_REST),
        plans=sorted_plans(receipt),
        monthly=monthly_cents(receipt),
        problems=problems,
        problem_count=needs_you(receipt),
        files={kind: receipt.files.get(kind, "") for kind in FileKind},
    )


def line_sum(receipt: Receipt) -> list[tuple[str, int]]:
    """The five ends of the lines as words and counts; they sum to `lines`."""
    order = (Verdict.ACCEPTED, Verdict.REJECTED, Verdict.DUPLICATE, Verdict.KNOWN, Verdict.IGNORED)
    return [(VERDICT_WORDS[verdict], getattr(receipt.counts, verdict.value)) for verdict in order]


def monthly_cents(receipt: Receipt) -> dict[str, int]:
    """Currency -> what the accepted SIMs cost a month together, in cents."""
    total: dict[str, int] = {}
    for share in sorted_plans(receipt):
        total[share.currency] = total.get(share.currency, 0) + share.monthly_cost_cents
    return total


def _points(
    receipt: Receipt, verdicts: tuple[Verdict, ...], buckets: tuple[Bucket, ...], steps: tuple[Step, ...] = ()
) -> list[Point]:
    lines = [
        Point(row.count, VERDICT_WORDS[row.verdict], SENTENCES[row.reason], row.example_line, row.example_text)
        for row in sorted_reasons(receipt)
        if row.verdict in verdicts
    ]
    sims = [
        Point(receipt.steps[step], BUCKET_WORDS[BUCKETS[step]], STEP_SENTENCES[step])
        for step in Step
        if receipt.steps.get(step) and (step in steps or (BUCKETS[step] in buckets and step not in _AT_REST))
    ]
    return lines + sims


def _problems(rows: Iterable[LineOutcome | SimOutcome]) -> Iterable[ProblemRow]:
    for row in rows:
        if isinstance(row, SimOutcome):
            bucket = BUCKETS[row.step]
            if bucket in _TROUBLE and row.step not in _AT_REST:
                yield ProblemRow(row.line, BUCKET_WORDS[bucket], row.iccid, step_sentence(row.step, row.detail))
        elif row.verdict is Verdict.REJECTED:
            yield ProblemRow(
                row.line,
                VERDICT_WORDS[row.verdict],
                given_on(row.text, row.iccid),
                line_sentence(row.reason, row.detail),
            )
