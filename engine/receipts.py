"""The receipt of a manifest: from the ledger to the files that people read, in the place where they look for them.

The first receipt is written when the file has been read, with the fix-only-the-bad-rows file cut from the original;
later ones replace it whenever something moved, until every SIM has ended.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from domain.lines import LineOutcome, Verdict
from domain.manifests import ManifestState
from engine.context import Context, Progress
from engine.receipt_facts import line_outcomes, receipt_of, sim_outcomes, troubled_sims
from reports.outcomes_csv import write_outcomes_csv
from reports.receipt import FileKind, Receipt
from reports.receipt_json import receipt_json
from reports.receipt_page import SHOWN_ROWS, receipt_html
from storage import manifests
from storage.database import Transaction
from storage.readers import write_fix_file

UNUSED = frozenset({ManifestState.REFUSED, ManifestState.QUARANTINED})
"""States in which nothing of the file was used: it goes to `rejected`."""


def refresh_receipts(context: Context) -> list[str]:
    """New receipts for the manifests in which something moved since their last one; which those were."""
    with context.database.begin() as tx:
        manifests.finish_ended(tx)
        due = manifests.due_for_receipt(tx)
    for manifest_id in due:
        write_receipt(context, manifest_id)
    return due


def write_receipt(context: Context, manifest_id: str, *, taken: Path | None = None) -> dict[str, str]:
    """Make the receipt's files and put them beside the manifest; suffix -> where each is now.

    `taken` is the original, as the source gave it, the first time; later it stays where it is. Safe to repeat. Raises
    `SourceUnavailable`, `DatabaseUnavailable`.
    """
    with tempfile.TemporaryDirectory(dir=context.scratch, prefix=f"receipt-{manifest_id}-") as folder:
        with context.database.begin() as tx:
            row = manifests.find(tx, manifest_id)
            receipt = _with_files(receipt_of(tx, row), Path(row.item_key).name, has_fix=taken is not None)
            results = _write_files(tx, receipt, Path(folder), taken)
        source = context.sources.get(row.source)
        place = "rejected" if receipt.state in UNUSED else "processed"
        where = source.finish(row.identity, taken, place, results) if source else {}
    with context.database.begin() as tx:
        manifests.keep_receipt(tx, manifest_id, receipt_json(receipt), receipt.as_of)
    context.watch(Progress("receipt", done=1, manifest_id=manifest_id))
    return where


def _with_files(receipt: Receipt, name: str, *, has_fix: bool) -> Receipt:
    """The receipt with the names of the files that will lie beside it."""
    suffixes = dict(SUFFIXES)
    if not (has_fix and receipt.counts.rejected):
        suffixes.pop(FileKind.FIX)
    return replace(receipt, files={kind.value: name + suffix for kind, suffix in suffixes.items()})


SUFFIXES = {
    FileKind.JSON: ".receipt.json",
    FileKind.PAGE: ".receipt.html",
    FileKind.OUTCOMES: ".outcomes.csv",
}


def _write_files(tx: Transaction, receipt: Receipt, folder: Path, taken: Path | None) -> dict[str, Path]:
    results = {suffix: folder / f"result{suffix}" for suffix in SUFFIXES.values()}
    results[".receipt.json"].write_text(receipt_json(receipt), encoding="utf-8")
    results[".receipt.html"].write_text(receipt_html(receipt, _problems(tx, receipt)), encoding="utf-8")
    write_outcomes_csv(
        results[".outcomes.csv"], line_outcomes(tx, receipt.manifest_id), sim_outcomes(tx, receipt.manifest_id)
    )
    return results


def _problems(tx: Transaction, receipt: Receipt) -> Iterator[LineOutcome]:
    yield from ()
