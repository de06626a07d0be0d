"""A person's yes to a manifest that stopped because it is far beyond the usual."""

from domain.manifests import ManifestRefused
from engine.context import Context
from engine.deliveries import item_of
from engine.intake import Intake
from engine.picking_up import claim, take_in_claimed
from storage import manifests


def approve(context: Context, manifest_id: str, *, by: str) -> Intake | None:
    """Take the manifest in now; None when it does not wait for a word, or when somebody else reads it already.

    Safe to repeat. Raises `NoSuchManifest`, and `ManifestRefused` when its source is no longer configured.
    """
    with context.commit("approval") as tx:
        manifests.approve(tx, manifest_id, by)
        row = manifests.find(tx, manifest_id)
    source = context.sources.get(row.source)
    if source is None:
        raise ManifestRefused(f"The source {row.source} is not configured here.", reason="source_missing")
    claimed = claim(context, source, item_of(source, row), by)
    return take_in_claimed(context, claimed, by) if claimed else None
