"""What a run shows: numbers that add up, foreign text that stays text, addresses that open."""

from dataclasses import replace
from datetime import UTC, datetime

from domain.lifecycle import Step
from domain.lines import LineCounts
from domain.manifests import ManifestState
from engine.intake import Intake
from engine.tally import Tally
from storage.manifests import ManifestRow
from tasks.artifacts import account_row, address, intake_row, receipt_markdown
from tasks.rounds import AccountWork

ROW = ManifestRow(
    id="m-0123456789ab",
    source="inbox",
    item_key="tracker/de/batch.csv",
    version="1",
    sha256=None,
    state=ManifestState.LOADED,
    product_id=None,
    home_country=None,
    carrier_account=None,
    actor="pick-up",
    size_bytes=None,
    same_content_as=None,
    counts=LineCounts(lines=1_240, ignored=1, accepted=1_200, rejected=30, duplicate=5, known=4),
    reason=None,
    approved_by=None,
    received_at=datetime(2026, 3, 1, tzinfo=UTC),
    loaded_at=None,
    finished_at=None,
    receipt_at=None,
    receipt=None,
)
STEPS = {Step.DONE: 1_000, Step.ACCEPTED: 100, Step.REJECTED: 60, Step.HELD: 40}


def test_the_receipt_shows_every_line_and_every_accepted_sim() -> None:
    text = receipt_markdown(ROW, STEPS, {".receipt.html": "processed/batch.csv.receipt.html"})
    assert "| 1,240 | 1 | 1,200 | 30 | 5 | 4 |" in text
    assert "| done | in progress | failed | needs review |" in text
    assert "| 1,000 | 100 | 60 | 40 |" in text
    assert "- `processed/batch.csv.receipt.html`" in text


def test_a_files_name_never_becomes_a_link_or_a_heading() -> None:
    hostile = replace(ROW, item_key="[here](http://evil.example)\n# Paid", reason="<img src=x>")
    text = receipt_markdown(hostile, {}, {})
    assert "](http" not in text
    assert "<img" not in text
    assert "\n# Paid" not in text


def test_a_path_becomes_an_address_and_an_address_stays_one() -> None:
    assert address("/srv/manifests/processed/a b.html") == "file:///srv/manifests/processed/a%20b.html"
    assert address("s3://drops/simline-results/a.html") == "s3://drops/simline-results/a.html"


def test_rows_of_the_tables_name_what_happened() -> None:
    refused = Intake("m-1", ManifestState.REFUSED, LineCounts(), "The header is missing.")
    assert intake_row(refused)["sentence"] == "The header is missing."
    tally = Tally(requests=3, problem="No answer within 30 s.")
    tally.steps.update({Step.ACCEPTED.value: 2, Step.UNKNOWN.value: 1})
    row = account_row(AccountWork("supersim", tally))
    assert row == {
        "carrier account": "supersim",
        "requests": 3,
        "moved": "2 accepted, 1 unknown",
        "problem": "No answer within 30 s.",
    }
