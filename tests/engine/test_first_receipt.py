"""The first receipt is whole, whoever writes it; a control total that cannot be checked refuses the file."""

from pathlib import Path

import pytest

from domain.lines import Verdict
from domain.manifests import ManifestState
from engine.picking_up import pick_up
from engine.receipts import refresh_receipts
from storage import outcomes
from tests.engine.rig import Rig, iccids, manifest


class Killed(BaseException):
    """The worker dies here."""


def test_a_worker_that_dies_before_the_first_receipt_leaves_the_fix_file_to_the_next(rig: Rig) -> None:
    rig.drop("a.csv", manifest(iccids(2), "8988307000000000001,code"))

    def die(label: str) -> None:
        if label == "before-receipt":
            raise Killed(label)

    with pytest.raises(Killed):
        list(pick_up(rig.but(at=die).context))
    (where,) = refresh_receipts(rig.context).values()
    fix = Path(where[".fix.csv"])
    assert fix.read_text().splitlines() == ["iccid,registration_code", "8988307000000000001,code"]
    assert fix.name in Path(where[".receipt.html"]).read_text()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_trailer_hash_that_cannot_be_checked_refuses_the_file_in_a_sentence(rig: Rig, encoding: str) -> None:
    text = manifest(iccids(2), f"# total=2 sha256={64 * 'a'}")
    (rig.inbox / "a.csv").write_bytes(text.encode(encoding))
    (intake,) = pick_up(rig.context)
    assert intake.state is ManifestState.REFUSED
    assert "sidecar" in intake.sentence
    with rig.context.database.read() as tx:
        assert outcomes.lines_with(tx, intake.manifest_id, Verdict.REJECTED) == []
