from dataclasses import replace

from domain.lifecycle import Bucket
from reports.receipt import Receipt
from reports.tables import COLUMNS, summary_table
from reports.words import BUCKET_WORDS


def test_the_columns_sum_to_the_fleet(mixed: Receipt) -> None:
    table = summary_table([mixed, replace(mixed, manifest_id="m-2")])
    total = table.sum(numeric_only=True)
    assert total["lines"] == total[["ignored", "accepted", "rejected", "duplicate", "known"]].sum() == 2 * 2014
    assert total["accepted"] == total[[BUCKET_WORDS[bucket] for bucket in Bucket]].sum() == 2 * 1980


def test_a_row_says_what_it_costs_and_how_many_need_somebody(mixed: Receipt) -> None:
    row = summary_table([mixed]).iloc[0]
    assert row["monthly cost"] == "1,800.00 EUR + 960.00 USD"
    assert row["needs you"] == 18 + 4 + 14
    assert row["as of"] == "2025-06-02T10:12:12Z"


def test_names_are_safe_cells(mixed: Receipt) -> None:
    table = summary_table([replace(mixed, name="=1+1", product_id="@x")])
    assert (table.iloc[0]["name"], table.iloc[0]["product"]) == ("'=1+1", "'@x")


def test_no_receipts_still_make_a_table() -> None:
    assert tuple(summary_table([]).columns) == COLUMNS
