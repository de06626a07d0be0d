"""The files as they were dropped, held against the ledger: no line and no card of them is lost, no byte is changed.

The invariant checker's third witness beside the ledger and the carriers' logs. It trusts neither our readers nor what
they counted; of workbooks it compares the bytes alone.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from domain.lines import Verdict
from domain.manifests import ManifestState
from engine.context import Context
from engine.deliveries import item_of
from engine.second_reading import SecondReading, read_again
from storage import audit, manifests
from storage.database import Transaction
from storage.manifests import TAKEN, ManifestRow
from storage.sources.contract import ItemChanged, Source

Inputs = Mapping[str, Path]
"""A manifest's id, or its path below the inbox -> the bytes that were dropped, kept by whoever dropped them."""


def lost(tx: Transaction, inputs: Inputs) -> Iterator[str]:
    """A sentence for each dropped file that is nowhere, each line too few, and each card of which nothing became."""
    rows = _deliveries(tx)
    known = {name for row in rows for name in (row.id, row.item_key, row.sha256)}
    for name, dropped in inputs.items():
        if name not in known and _sha256(dropped) not in known:
            yield f"{name} was dropped, and no manifest is of it."
    for row in rows:
        path = _input_of(row, inputs)
        if path and row.state in TAKEN and (reading := read_again(path)):
            if reading.line_count != row.counts.lines:
                yield f"Manifest {row.id}: the file has {reading.line_count} lines, the ledger {row.counts.lines}."
            yield from _lost_cards(tx, row, reading)


def _lost_cards(tx: Transaction, row: ManifestRow, reading: SecondReading) -> Iterator[str]:
    """Each card of the file is accepted, known, duplicate or rejected, on its line and under its own number."""
    ends = audit.ends_of_lines(tx, row.id)
    vanished, mistaken = [], []
    for line, cards in reading.iccids.items():
        verdict, iccid = ends.get(line, (Verdict.IGNORED, None))
        if verdict is Verdict.IGNORED:
            vanished.append(line)
        elif iccid is not None and iccid not in cards:
            mistaken.append(line)
    for lines, what in ((vanished, "nothing became of it"), (mistaken, "another one was taken from there")):
        if lines:
            more = f" ({len(lines)} such lines)" if len(lines) > 1 else ""
            card = min(reading.iccids[lines[0]])
            yield f"Manifest {row.id}: line {lines[0]} holds the ICCID {card}, and {what}{more}."


def changed(context: Context, tx: Transaction, inputs: Inputs) -> Iterator[str]:
    """A sentence for each original that is gone or has other bytes than were dropped, used or refused."""
    with tempfile.TemporaryDirectory(dir=context.scratch, prefix="checking-") as folder:
        for nth, row in enumerate(_deliveries(tx)):
            path, source = _input_of(row, inputs), context.sources.get(row.source)
            if path is None or source is None or not _has_an_original(row):
                continue
            scratch = Path(folder, str(nth))
            scratch.mkdir()
            if problem := _difference(row, _sha256(path), source, scratch):
                yield f"Manifest {row.id}: {problem}"


def _difference(row: ManifestRow, dropped: str, source: Source, scratch: Path) -> str | None:
    if row.sha256 not in (None, dropped):
        return "other bytes than the dropped ones were read."
    try:
        kept = source.take(item_of(source, row), scratch)
    except ItemChanged as gone:
        return f"its original is gone: {gone}"
    return None if _sha256(kept) == dropped else "its original no longer has the bytes that were dropped."


def _has_an_original(row: ManifestRow) -> bool:
    """Not one that nobody has read yet, and not one that was overwritten before anybody could."""
    return row.state is not ManifestState.RECEIVED and not (row.reason or "").startswith("changed: ")


def _deliveries(tx: Transaction) -> list[ManifestRow]:
    return [row for row in manifests.listing(tx, 1_000_000) if not row.is_action]


def _input_of(row: ManifestRow, inputs: Inputs) -> Path | None:
    return inputs.get(row.id) or inputs.get(row.item_key)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
