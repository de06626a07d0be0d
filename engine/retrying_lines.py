"""Judge a manifest's rejected lines once more, after somebody mended what they were rejected for.

The lines are cut from the original as it was delivered and taken in as a delivery of their own, with a receipt of its
own: what the first receipt said stays true. The cut lines and their receipt lie in the folder for results, under a name
of their own: the name of the original finds the original.
"""

import tempfile
from itertools import count
from pathlib import Path, PurePath

from domain.lines import Verdict
from domain.manifests import ManifestRefused
from engine.context import Context
from engine.deliveries import item_of
from engine.intake import Intake
from engine.picking_up import claim, take_in_claimed
from engine.placing import Defaults
from storage import manifests, outcomes
from storage.manifests import ManifestRow
from storage.readers import suffix_of, write_fix_file
from storage.sources.contract import ItemChanged, Source
from storage.sources.given import GivenFiles
from storage.sources.names import fitted


def retry_rejected(context: Context, manifest_id: str, *, actor: str, told: Defaults | None = None) -> Intake | None:
    """Take the manifest's rejected lines in again, as often as somebody asks; None when it has none.

    None too for an action, which is asked anew instead, and when somebody else has just asked for the same: two at once
    make one delivery. What is `told` holds instead of what held when the manifest was taken in. Raises
    `ManifestRefused` when the original is no longer where it was delivered.
    """
    with context.database.read() as tx:
        row = manifests.find(tx, manifest_id)
        lines = outcomes.lines_with(tx, row.id, Verdict.REJECTED)
    source = context.sources.get(row.source)
    if not lines or row.is_action:
        return None
    if source is None:
        raise ManifestRefused(f"The source {row.source} is not configured here.", reason="source_missing")
    with tempfile.TemporaryDirectory(dir=context.scratch) as folder:
        name = Path(row.item_key).name
        original = _original(source, row, Path(folder))
        given = context.sources[GivenFiles.name]
        assert isinstance(given, GivenFiles)  # noqa: S101 - config/build.py puts it there
        kept = _place_for(given.results, row.id, name)
        write_fix_file(original, name, lines, kept, context.file_limits)
    told = told or Defaults()
    defaults = Defaults(
        told.product or row.product_id,
        told.home_country or row.home_country,
        told.carrier_account or row.carrier_account,
    )
    claimed = claim(context, given, given.item(kept), actor, defaults)
    return take_in_claimed(context, claimed, actor) if claimed else None


def _original(source: Source, row: ManifestRow, folder: Path) -> Path:
    try:
        return source.take(item_of(source, row), folder)
    except ItemChanged as gone:
        raise ManifestRefused(
            f"The original of {row.id} cannot be had any more ({gone}). Correct its lines and drop them as a new file.",
            reason="original_gone",
        ) from None


def _place_for(folder: Path, manifest_id: str, name: str) -> Path:
    """A name of its own for each retry: the same lines under the same name would be the same delivery."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = PurePath(name[:-3] if name.lower().endswith(".gz") else name).stem
    names = (fitted(f"{stem}.{manifest_id}.retry-{n}", suffix_of(name) or ".txt") for n in count(1))
    return next(place for place in map(folder.joinpath, names) if not place.exists())
