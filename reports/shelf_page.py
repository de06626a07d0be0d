"""The index of the reports that are kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from reports.pages import render


@dataclass(frozen=True, slots=True)
class ShelfEntry:
    """One report and the path of its page, relative to the index."""

    kind: str
    title: str
    as_of: datetime
    page: str
    warning_count: int = 0


def shelf_html(entries: Iterable[ShelfEntry]) -> str:
    """A page that lists the reports, by kind and the newest first; the same entries give the same text."""
    by_title = sorted(entries, key=lambda entry: (entry.title, entry.page))
    newest_first = sorted(by_title, key=lambda entry: entry.as_of, reverse=True)
    by_kind = sorted(newest_first, key=lambda entry: entry.kind)
    kinds = [(kind, list(of_kind)) for kind, of_kind in groupby(by_kind, key=lambda entry: entry.kind)]
    return render("reports.html", kinds=kinds, count=len(by_kind))
