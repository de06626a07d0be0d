"""A delivery of the ledger as its source knows it."""

from storage.manifests import ManifestRow
from storage.sources.contract import Item, Source
from storage.sources.given import GivenFiles


def item_of(source: Source, row: ManifestRow) -> Item:
    """The manifest's item, as its source would list it."""
    item = Item(row.identity, row.size_bytes or 0, row.received_at)
    return source.again(item) if isinstance(source, GivenFiles) else item
