"""Small tables that people read; pandas stays here."""

from collections.abc import Iterable

import pandas as pd

from domain.lifecycle import Bucket
from reports.cells import safe_cell
from reports.pages import money
from reports.receipt import Receipt
from reports.receipt_json import utc_text
from reports.receipt_page import monthly_cents
from reports.verdict import needs_you
from reports.words import BUCKET_WORDS

COLUMNS = (
    *("manifest", "name", "product", "state", "lines", "ignored", "accepted", "rejected", "duplicate", "known"),
    *(BUCKET_WORDS[bucket] for bucket in Bucket),
    *("needs you", "monthly cost", "as of"),
)


def summary_table(receipts: Iterable[Receipt]) -> pd.DataFrame:
    """One row per receipt, in the order given; each column of counts sums to the fleet's."""
    return pd.DataFrame([_row(receipt) for receipt in receipts], columns=list(COLUMNS))


def _row(receipt: Receipt) -> dict[str, str | int]:
    counts = receipt.counts
    return {
        "manifest": receipt.manifest_id,
        "name": safe_cell(receipt.name),
        "product": safe_cell(receipt.product_id or ""),
        "state": receipt.state.value,
        "lines": counts.lines,
        "ignored": counts.ignored,
        "accepted": counts.accepted,
        "rejected": counts.rejected,
        "duplicate": counts.duplicate,
        "known": counts.known,
        **{BUCKET_WORDS[bucket]: count for bucket, count in receipt.buckets.items()},
        "needs you": needs_you(receipt),
        "monthly cost": safe_cell(" + ".join(money(cents, of) for of, cents in monthly_cents(receipt).items())),
        "as of": utc_text(receipt.as_of) or "",
    }
