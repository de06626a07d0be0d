"""What a run shows on Prefect's pages: bounded tables, a receipt with links to its files. Never the record."""

from collections.abc import Iterable, Mapping
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from domain.lifecycle import BUCKETS, Bucket, Step
from domain.lines import LineCounts
from engine.context import Context
from engine.intake import Intake
from storage import manifests
from tasks.rounds import AccountWork

TABLE_ROWS = 1_000
"""Prefect keeps a table as one value: 100,000 rows were 11 MB."""
PAGE = ".receipt.html"


def show_table(key: str, rows: Iterable[Mapping[str, Any]], description: str) -> None:
    """A table of at most 1,000 rows; its description says when there were more."""
    drawn = iter(rows)
    table = [dict(row) for row in islice(drawn, TABLE_ROWS)]
    left_out = sum(1 for _ in drawn)
    if left_out:
        description += f" The first {TABLE_ROWS:,} of {TABLE_ROWS + left_out:,} rows; all are in the receipts."
    if table:
        create_table_artifact(table, key=key, description=description)


def show_intakes(intakes: Iterable[Intake]) -> None:
    """What became of each delivery of this sweep."""
    show_table("intakes", (intake_row(intake) for intake in intakes), "What was taken in.")


def intake_row(intake: Intake) -> dict[str, Any]:
    """One delivery as a row."""
    counts = {name: getattr(intake.counts, name) for name in LineCounts.__slots__}
    return {"manifest": intake.manifest_id, "state": intake.state.value, **counts, "sentence": intake.sentence}


def show_accounts(works: Iterable[AccountWork]) -> None:
    """What this run did at each carrier account."""
    show_table("carrier-accounts", (account_row(work) for work in works), "What was done at each carrier account.")


def account_row(work: AccountWork) -> dict[str, Any]:
    """One carrier account as a row."""
    steps = {step.value: work.tally.steps[step.value] for step in Step if work.tally.steps[step.value]}
    words = ", ".join(f"{count} {step}" for step, count in steps.items())
    return {
        "carrier account": work.account,
        "requests": work.tally.requests,
        "moved": words,
        "problem": work.failure or work.tally.problem,
    }


def show_receipt(context: Context, manifest_id: str, where: Mapping[str, str]) -> None:
    """The receipt's numbers, and where its files are."""
    with context.database.read() as tx:
        row = manifests.find(tx, manifest_id)
        steps = manifests.operation_counts(tx, manifest_id)
    text = receipt_markdown(row, steps, where)
    create_markdown_artifact(text, key=f"receipt-{manifest_id}", description=f"The receipt of {row.item_key}")
    if PAGE in where:
        words = f"The receipt of {row.item_key} as a page"
        create_link_artifact(address(where[PAGE]), words, key=f"receipt-page-{manifest_id}", description=words)


def receipt_markdown(row: manifests.ManifestRow, steps: Mapping[Step, int], where: Mapping[str, str]) -> str:
    """The receipt in a few lines: every line of the file, every accepted SIM, every file."""
    counts = {name: getattr(row.counts, name) for name in LineCounts.__slots__}
    buckets = {bucket.value: 0 for bucket in Bucket}
    for step, count in steps.items():
        buckets[BUCKETS[step].value] += count
    parts = [
        f"## {plain_markdown(row.item_key)}",
        f"Manifest {row.id}, {row.state.value}. {plain_markdown(row.reason or '')}".strip(),
    ]
    parts += [_markdown_table(counts), "The accepted SIMs:", _markdown_table(buckets)]
    parts += ["\n".join(f"- `{place.replace('`', ' ')}`" for place in where.values())] if where else []
    return "\n\n".join(parts) + "\n"


def _markdown_table(counts: Mapping[str, int]) -> str:
    names = " | ".join(name.replace("_", " ") for name in counts)
    dashes = " | ".join("--:" for _ in counts)
    numbers = " | ".join(f"{count:,}" for count in counts.values())
    return f"| {names} |\n| {dashes} |\n| {numbers} |"


def plain_markdown(text: str) -> str:
    """Foreign text that stays text: a file's name must not become a link or a heading on somebody's page."""
    words = escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{letter}" if letter in "\\`*_[]#|!()" else letter for letter in words)


def address(place: str) -> str:
    """Where a result is, as a link: a path becomes file://, an address stays one."""
    return place if "://" in place else Path(place).as_uri()
