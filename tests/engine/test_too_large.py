"""A file beyond the limit is refused before it is copied or downloaded, and has its receipt like any other."""

import hashlib
from pathlib import Path

import pytest

from domain.file_limits import FileLimits
from domain.manifests import ManifestState
from engine.picking_up import pick_up
from engine.receipts import refresh_receipts
from storage.sources.contract import Item
from storage.sources.folder import FolderSource
from tests.conftest import MovingClock
from tests.engine.rig import Rig, iccids, manifest
from tests.engine.test_picking_up import Killed, dying_at, names


@pytest.fixture
def rig(scripted_rig: Rig) -> Rig:
    """No carrier is asked here."""
    return scripted_rig


class Untouched(FolderSource):
    """A source whose files nobody may take."""

    def take(self, item: Item, scratch: Path) -> Path:  # noqa: ARG002 - nobody should come so far
        raise AssertionError(f"{item.identity.key} was taken")


def test_a_file_beyond_the_limit_is_refused_before_it_is_taken_and_lies_in_rejected(rig: Rig) -> None:
    source = Untouched("inbox", rig.folder / "drop", still_seconds=0.0)
    small = rig.but(sources={"inbox": source}, file_limits=FileLimits(file_bytes=100))
    text = manifest(iccids(3))
    rig.drop("big.csv", text)
    rig.drop("big.csv.sha256", hashlib.sha256(text.encode()).hexdigest())
    (intake,) = pick_up(small.context)
    assert intake.state is ManifestState.REFUSED
    assert intake.sentence == f"The file has {len(text)} bytes; at most 100 are taken. Split it and drop the parts."
    assert (rig.folder / "drop" / "rejected" / "big.csv").read_text() == text
    receipts = ["outcomes.csv", "receipt.html", "receipt.json"]
    assert names(rig, "rejected") == sorted(["big.csv", "big.csv.sha256", *(f"big.csv.{one}" for one in receipts)])
    assert names(rig, "inbox") == names(rig, "processing") == []
    assert list(pick_up(small.context)) == []


@pytest.mark.parametrize("label", ["before-refusal-commit", "after-refusal-commit", "before-receipt", "after-receipt"])
def test_a_file_beyond_the_limit_is_not_lost_by_a_worker_that_dies(
    rig: Rig, moving_clock: MovingClock, label: str
) -> None:
    limits = FileLimits(file_bytes=100)
    rig.drop("big.csv", manifest(iccids(3)))
    with pytest.raises(Killed):
        list(pick_up(dying_at(rig.but(file_limits=limits), label).context))
    moving_clock.move(rig.context.timing.file_lease_seconds)
    assert [intake.state for intake in pick_up(rig.but(file_limits=limits).context)] in ([], [ManifestState.REFUSED])
    refresh_receipts(rig.context)
    assert {"big.csv", "big.csv.receipt.json"} <= set(names(rig, "rejected"))
    assert names(rig, "inbox") == names(rig, "processing") == []
