"""The index of a folder of receipts."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.lifecycle import Bucket
from reports.pages import render
from reports.receipt import Receipt
from reports.verdict import Headline, Share, headline, shares


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One receipt and the path of its page, relative to the index."""

    receipt: Receipt
    page: str

    @property
    def headline(self) -> Headline:
        """What the receipt says first."""
        return headline(self.receipt)

    @property
    def shares(self) -> list[Share]:
        """The parts of its bar."""
        return shares(self.receipt)


def index_html(entries: Iterable[IndexEntry]) -> str:
    """A page that lists the receipts, newest first, with their verdicts; the same entries give the same text."""
    by_id = sorted(entries, key=lambda entry: entry.receipt.manifest_id)
    newest_first = sorted(by_id, key=lambda entry: entry.receipt.received_at, reverse=True)
    receipts = [entry.receipt for entry in newest_first]
    return render(
        "index.html",
        entries=newest_first,
        active=sum(receipt.buckets[Bucket.DONE] for receipt in receipts),
        as_of=max((receipt.as_of for receipt in receipts), default=None),
    )
