"""docs/receipts.md: its example is a receipt, its tables name every key and column."""

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest

from domain.lifecycle import Bucket
from domain.lines import Verdict
from domain.manifests import ManifestState
from engine.surveying import survey
from reports.outcomes_csv import COLUMNS
from reports.receipt import Receipt
from reports.receipt_json import read_receipt_json, receipt_json
from storage.readers import write_fix_file
from storage.readers.block import ReadingRules
from tests.docs.conftest import ROOT, Page, rows

PAGE = Page(ROOT / "docs" / "receipts.md")
EXAMPLES = {example.name: example.text for example in PAGE.examples() if example.name}
NAME = "order-7741.csv"
JSON = EXAMPLES[f"{NAME}.receipt.json"]


@pytest.fixture
def receipt() -> Receipt:
    """The example, checked as every receipt is: it adds up."""
    return read_receipt_json(JSON)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The example's manifest."""
    path = tmp_path / NAME
    path.write_text(EXAMPLES[NAME], encoding="utf-8")
    return path


def csv_rows() -> list[dict[str, str]]:
    """The example's table of every line."""
    return list(csv.DictReader(io.StringIO(EXAMPLES[f"{NAME}.outcomes.csv"])))


def named(part: str) -> list[str]:
    """The first column of a table, without its code marks."""
    return [row[0].strip("`") for row in rows(part)]


def test_the_example_is_exactly_what_the_program_writes(receipt: Receipt) -> None:
    assert receipt_json(receipt) == JSON


def test_the_tables_name_every_key_in_its_order(receipt: Receipt) -> None:
    written = json.loads(receipt_json(receipt))
    own, by_plan, by_reason = (
        PAGE.section("### The JSON").replace("In `by_reason`", "In `by_plan`").split("In `by_plan`")
    )
    assert named(own) == list(written)
    assert named(by_plan) == list(written["by_plan"][0])
    assert named(by_reason) == list(written["by_reason"][0])


def test_the_table_of_columns_is_the_files_own_header() -> None:
    assert named(PAGE.section("### The CSV")) == list(COLUMNS) == list(csv_rows()[0])


def test_a_count_of_the_csv_by_outcome_gives_the_receipts_numbers(receipt: Receipt) -> None:
    counted = Counter(row["outcome"] for row in csv_rows())
    assert [counted[bucket] for bucket in Bucket] == [receipt.buckets[bucket] for bucket in Bucket]
    others = [verdict for verdict in Verdict if verdict is not Verdict.ACCEPTED]
    assert [counted[verdict] for verdict in others] == [getattr(receipt.counts, verdict) for verdict in others]
    assert counted.total() == receipt.counts.lines == int(csv_rows()[-1]["line"])


def test_the_examples_manifest_has_these_bytes_and_lines(receipt: Receipt, manifest: Path) -> None:
    read = survey(manifest, NAME, ReadingRules(), None)
    assert (read.sha256, read.size_bytes, read.line_count) == (
        receipt.sha256,
        receipt.size_bytes,
        receipt.counts.lines,
    )
    assert len(read.duplicate_lines) == receipt.counts.duplicate


def test_the_examples_fix_file_holds_its_rejected_lines(manifest: Path, tmp_path: Path) -> None:
    rejected = [int(row["line"]) for row in csv_rows() if row["outcome"] == "rejected"]
    write_fix_file(manifest, NAME, rejected, tmp_path / "fix.csv")
    assert (tmp_path / "fix.csv").read_text(encoding="utf-8") == EXAMPLES[f"{NAME}.fix.csv"]


def test_every_state_and_outcome_is_named() -> None:
    text = PAGE.text
    words = [word.value for kind in (ManifestState, Bucket) for word in kind]
    words += [verdict.value for verdict in Verdict if verdict is not Verdict.ACCEPTED]
    assert [word for word in words if f"`{word}`" not in text] == []
