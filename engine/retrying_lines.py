"""Judge a manifest's rejected lines once more, after somebody mended what they were rejected for.

The lines are cut from the original as it was delivered and taken in as a delivery of their own, with a receipt of its
own: what the first receipt said stays true.
"""

import tempfile
from pathlib import Path

from domain.lines import Verdict
from domain.manifests import ManifestRefused
from engine.context import Context
from engine.intake import Intake
from engine.picking_up import claim, take_in_claimed
from engine.placing import Defaults
from storage import manifests, outcomes
from storage.readers import write_fix_file
from storage.sources.contract import Item
from storage.sources.given import GivenFiles


def retry_rejected(context: Context, manifest_id: str, *, actor: str) -> Intake | None:
    """Take the manifest's rejected lines in again; None when it has none, or when nothing changed since the last time.

    Raises `ManifestRefused` when the original is no longer where it was delivered.
    """
    with context.database.begin() as tx:
        row = manifests.find(tx, manifest_id)
        lines = outcomes.lines_with(tx, row.id, Verdict.REJECTED)
    source = context.sources.get(row.source)
    if not lines:
        return None
    if source is None:
        raise ManifestRefused(f"The source {row.source} is not configured here.", reason="source_missing")
    with tempfile.TemporaryDirectory(dir=context.scratch) as folder:
        name = Path(row.item_key).name
        original = source.take(Item(row.identity, row.size_bytes or 0, row.received_at), Path(folder))
        kept = context.scratch / "retries" / row.id / name
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_fix_file(original, name, lines, kept, context.file_limits)
    given = context.sources[GivenFiles.name]
    assert isinstance(given, GivenFiles)  # noqa: S101 - config/build.py puts it there
    defaults = Defaults(row.product_id, row.home_country, row.carrier_account)
    claimed = claim(context, given, given.item(kept), actor, defaults)
    return take_in_claimed(context, claimed, actor) if claimed else None
