"""The receipt of a manifest: from the ledger to the files that people read, in the place where they look for them.

The first receipt is written when the file has been read, with the fix-only-the-bad-rows file cut from the original;
later ones replace it whenever something moved, until every SIM has ended.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from domain.lifecycle import Step
from domain.lines import LineOutcome, Verdict
from domain.manifests import ManifestState
from engine.context import Context, Progress
from engine.deliveries import item_of
from engine.halting import withdraw_cancelled
from engine.receipt_facts import earlier_files, problems, receipt_of, sim_outcomes
from engine.troubles import Attempts, Tell, raised
from reports.outcomes_csv import SimOutcome, write_outcomes_csv
from reports.receipt import FileKind, Receipt
from reports.receipt_json import receipt_json
from reports.receipt_page import receipt_html
from storage import manifests, outcomes, receipts
from storage.database import Transaction
from storage.manifests import ManifestRow
from storage.readers import suffix_of, write_fix_file
from storage.sources.contract import ItemChanged
from storage.sources.names import to_path

UNUSED = frozenset({ManifestState.REFUSED, ManifestState.QUARANTINED})
"""States in which nothing of the file was used: it goes to `rejected`."""
NOT_PUT = "Receipts that wait"
"""Manifests whose receipt could not be made or put: each is tried again whenever receipts are made."""
JSON, PAGE, OUTCOMES, FIX = ".receipt.json", ".receipt.html", ".outcomes.csv", ".fix"


def refresh_receipts(context: Context, tell: Tell = raised) -> dict[str, dict[str, str]]:
    """New receipts for the manifests in which something moved since their last one: where each one's files are now.

    One that cannot be made or put is told and holds up no other; it stays due. Without `tell` the first failure is
    raised. What came back unsent of a cancelled manifest is withdrawn before.
    """
    withdraw_cancelled(context.database)
    with context.commit("finish") as tx:
        manifests.finish_ended(tx)
    with context.database.read() as tx:
        due = receipts.due(tx)
    made = {}
    attempts = Attempts(context.stopwatch, tell)
    for manifest_id, source in due.items():
        if attempts.has_patience(source):
            with attempts.trying(source, manifest_id):
                made[manifest_id] = write_receipt(context, manifest_id)
    return made


def write_receipt(context: Context, manifest_id: str, *, afresh: bool = False) -> dict[str, str]:
    """Make the receipt's files and put them beside the manifest; suffix -> where each is now.

    The first time (or `afresh`) the original is taken once more, for the fix-only-the-bad-rows file. A manifest that
    waits for a person's approval stays where it is, and its receipt is in the database alone. Safe to repeat. Raises
    `SourceUnavailable`, `DatabaseUnavailable`.
    """
    context.at("before-receipt")
    with tempfile.TemporaryDirectory(dir=context.scratch, prefix=f"receipt-{manifest_id}-") as folder:
        with context.database.read() as tx:
            row = manifests.find(tx, manifest_id)
            receipt = receipt_of(tx, row)
            results = _outcomes(tx, receipt, Path(folder))
            bad = outcomes.lines_with(tx, row.id, Verdict.REJECTED) if afresh or not earlier_files(row) else []
            page_rows = problems(tx, row.id)
        results |= _fix_file(context, row, bad, Path(folder)) if bad else {}
        receipt, where = _publish(context, row, receipt, results, page_rows=page_rows, folder=Path(folder))
    with context.commit("receipt") as tx:
        receipts.keep(
            tx,
            manifest_id,
            receipt_json(receipt),
            receipt.as_of,
            steps=receipt.steps,
            halt=receipt.halt,
            halts=len(receipt.halts),
        )
    context.at("after-receipt")
    context.watch(Progress("receipt", done=1, manifest_id=manifest_id))
    return where


def _outcomes(tx: Transaction, receipt: Receipt, folder: Path) -> dict[str, Path]:
    """The CSV of every line; of a very large manifest the SIMs' rows follow when the first of them has moved."""
    target = folder / "outcomes.csv"
    all_wait = receipt.counts.accepted > receipts.LARGE and set(receipt.steps) == {Step.PLANNED}
    sims = () if all_wait else sim_outcomes(tx, receipt.manifest_id)
    write_outcomes_csv(target, outcomes.outcomes(tx, receipt.manifest_id), sims)
    return {OUTCOMES: target}


def _fix_file(context: Context, row: ManifestRow, bad: Sequence[int], folder: Path) -> dict[str, Path]:
    """The rows that want correcting, cut from the original; none where the original is gone."""
    source = context.sources.get(row.source)
    if source is None or row.state is ManifestState.NEEDS_APPROVAL:
        return {}
    try:
        original = source.take(item_of(source, row), folder)
    except ItemChanged:
        return {}
    name = PurePosixPath(row.item_key).name
    suffix = _fix_suffix(name)
    target = folder / f"rows{suffix}"
    write_fix_file(original, name, bad, target, context.file_limits)
    return {suffix: target}


def _publish(
    context: Context,
    row: ManifestRow,
    receipt: Receipt,
    results: dict[str, Path],
    *,
    page_rows: Sequence[LineOutcome | SimOutcome],
    folder: Path,
) -> tuple[Receipt, dict[str, str]]:
    """Tables first: where they came to lie is what the page links to."""
    source = context.sources.get(row.source)
    if source is None or row.state is ManifestState.NEEDS_APPROVAL:
        return receipt, {}
    place = "rejected" if row.state in UNUSED else "processed"
    where = source.finish(row.identity, None, place, results)
    receipt = replace(receipt, files=_links(where, earlier_files(row).get(FileKind.FIX)))
    pages = {JSON: folder / "receipt.json", PAGE: folder / "receipt.html"}
    pages[JSON].write_text(receipt_json(receipt), encoding="utf-8")
    pages[PAGE].write_text(receipt_html(receipt, page_rows), encoding="utf-8")
    return receipt, _fix_file_there(row, where) | where | source.finish(row.identity, None, place, pages)


def _fix_file_there(row: ManifestRow, where: dict[str, str]) -> dict[str, str]:
    """The fix-only-the-bad-rows file that an earlier receipt put beside the others, while it lies there."""
    name = earlier_files(row).get(FileKind.FIX)
    if name is None:
        return {}
    place = where[OUTCOMES].removesuffix(PurePosixPath(where[OUTCOMES]).name) + name
    if "://" not in place and not Path(to_path(place)).is_file():
        return {}
    return {_fix_suffix(row.item_key): place}


def _fix_suffix(name: str) -> str:
    """In the input's own format: a name without an ending is a list's."""
    return FIX + (suffix_of(name) or ".txt")


def _links(where: dict[str, str], earlier_fix: str | None) -> dict[str, str]:
    """File names beside the page, by kind."""
    names = {suffix: PurePosixPath(place).name for suffix, place in where.items()}
    stem = names[OUTCOMES].removesuffix(OUTCOMES)
    fix = next((name for suffix, name in names.items() if suffix.startswith(FIX)), earlier_fix)
    links = {FileKind.JSON: stem + JSON, FileKind.PAGE: stem + PAGE, FileKind.OUTCOMES: names[OUTCOMES]}
    return {kind.value: name for kind, name in links.items()} | ({FileKind.FIX.value: fix} if fix else {})
