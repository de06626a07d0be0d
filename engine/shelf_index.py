"""The index page of the shelf: what the shelf remembers, as the page shows it."""

from collections.abc import Sequence

from reports.shelf_page import ShelfEntry, shelf_html
from storage.shelf.records import Kept


def draw_index(reports: Sequence[Kept]) -> str:
    """The index page of a shelf with these reports."""
    return shelf_html(
        [ShelfEntry(kept.kind, kept.title, kept.as_of, kept.page, kept.warning_count) for kept in reports]
    )
