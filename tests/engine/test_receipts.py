"""Receipts say what the ledger says, beside the manifest, as long as anything moves."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from carriers.contract import Answer, AnswerKind, Order
from domain.brake import Brake
from engine.context import RealStopwatch
from engine.picking_up import pick_up
from engine.receipts import refresh_receipts, write_receipt
from engine.sending import send_due
from engine.settling import settle_due
from engine.troubles import Trouble
from storage import manifests
from storage.sources.contract import Route, SourceUnavailable
from storage.sources.folder import FolderSource
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig, iccids, manifest
from tests.engine.scripted import REFERENCE, ScriptedCarrier

BAD = "8988307000000000001"


@pytest.fixture
def rig(scripted_rig: Rig, scripted: ScriptedCarrier) -> Rig:
    scripted.can(claims=False, page_size=0)
    return scripted_rig


def receipt(rig: Rig, name: str = "a.csv", folder: str = "processed") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((rig.folder / "drop" / folder / f"{name}.receipt.json").read_text())
    return content


def lines(rig: Rig, name: str = "a.csv") -> list[dict[str, str]]:
    with (rig.folder / "drop" / "processed" / f"{name}.outcomes.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def accept(order: Order) -> Answer:
    return Answer(order.iccid, AnswerKind.ACCEPTED, "scheduled", carrier_reference=REFERENCE)


def adds_up(content: dict[str, Any]) -> bool:
    counts = dict(content["counts"])
    ends = counts.pop("lines") == sum(counts.values())
    return bool(ends and counts["accepted"] == sum(content["buckets"].values()) == sum(content["steps"].values()))


def test_each_receipt_says_where_the_rows_to_correct_lie_while_they_lie_there(rig: Rig) -> None:
    taken = rig.take_in("a.csv", manifest(iccids(2), f"{BAD},code"))
    fix = rig.folder / "drop" / "processed" / "a.csv.fix.csv"
    for _ in range(2):
        assert write_receipt(rig.context, taken.manifest_id)[".fix.csv"] == str(fix)
    fix.unlink()
    assert ".fix.csv" not in write_receipt(rig.context, taken.manifest_id)
    assert write_receipt(rig.context, taken.manifest_id, afresh=True)[".fix.csv"] == str(fix)


def test_the_first_receipt_is_there_when_the_file_has_been_read(rig: Rig) -> None:
    taken = rig.take_in("a.csv", manifest([*iccids(3), iccids(1)[0]], f"{BAD},code", ""))
    content = receipt(rig)
    assert content["manifest_id"] == taken.manifest_id
    assert content["counts"] == {
        "lines": 7, "ignored": 2, "accepted": 3, "rejected": 1, "duplicate": 1, "known": 0,
    }  # fmt: skip
    assert (content["state"], content["steps"]) == ("loaded", {"planned": 3})
    assert adds_up(content)


def test_the_fix_file_holds_the_bad_rows_alone_with_their_header(rig: Rig) -> None:
    rig.take_in("a.csv", manifest(iccids(3), f"{BAD},code"))
    fix = rig.folder / "drop" / "processed" / receipt(rig)["files"]["fix"]
    assert fix.read_text().splitlines() == ["iccid,registration_code", f"{BAD},code"]


def test_every_line_of_the_file_is_in_the_outcomes_once(rig: Rig) -> None:
    rig.take_in("a.csv", manifest([*iccids(3), iccids(1)[0]], f"{BAD},code"))
    assert sorted(int(row["line"]) for row in lines(rig)) == [1, 2, 3, 4, 5, 6]


def test_a_receipt_follows_its_sims_and_adds_up_at_every_moment(
    rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    rig.take_in("a.csv", manifest(iccids(3), f"{BAD},code"))
    scripted.answer = accept
    send_due(rig.context, ACCOUNT)
    assert len(refresh_receipts(rig.context)) == 1
    underway = receipt(rig)
    assert (underway["steps"], underway["buckets"]["in_progress"]) == ({"accepted": 3}, 3)
    moving_clock.move(5)
    settle_due(rig.context, ACCOUNT)
    refresh_receipts(rig.context)
    final = receipt(rig)
    assert (final["state"], final["steps"]) == ("finished", {"done": 3})
    assert adds_up(underway)
    assert adds_up(final)
    assert final["files"]["fix"] == underway["files"]["fix"]


def test_a_receipt_that_is_still_true_is_not_written_again(rig: Rig) -> None:
    rig.take_in("a.csv", manifest(iccids(3)))
    assert refresh_receipts(rig.context) == {}
    send_due(rig.context, ACCOUNT)
    assert len(refresh_receipts(rig.context)) == 1
    assert refresh_receipts(rig.context) == {}


def test_a_receipt_that_cannot_be_put_is_told_and_holds_up_no_other(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    nas = FolderSource("nas", rig.folder / "nas", [Route(product="tracker", home_country="DE")], still_seconds=0.0)
    nas.prepare()
    rig = rig.but(sources={"nas": nas, **rig.context.sources})
    (nas.root / "inbox" / "first.csv").write_text(manifest(iccids(2)))
    (first,) = pick_up(rig.context, "nas")
    second = rig.take_in("second.csv", manifest(iccids(2, first=2)))
    send_due(rig.context, ACCOUNT)
    unmounted = nas.root.rename(rig.folder / "unmounted")
    told: list[Trouble] = []
    assert refresh_receipts(rig.context, told.append).keys() == {second.manifest_id}
    assert [(one.source, one.name) for one in told] == [("nas", first.manifest_id)]
    assert "of source nas cannot be used" in str(told[0].error)
    with pytest.raises(SourceUnavailable):
        refresh_receipts(rig.context)
    unmounted.rename(nas.root)
    assert refresh_receipts(rig.context).keys() == {first.manifest_id}


def test_a_source_that_takes_long_to_fail_is_left_until_the_next_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        rig.take_in(f"{number}.csv", manifest(iccids(1, first=number)))
    send_due(rig.context, ACCOUNT)
    waited: list[float] = []

    def times_out(*_: object) -> dict[str, str]:
        waited.append(20.0)
        raise SourceUnavailable("Away.")

    class Sums(RealStopwatch):
        def monotonic(self) -> float:
            return sum(waited)

    told: list[Trouble] = []
    monkeypatch.setattr(rig.context.sources["inbox"], "finish", times_out)
    assert refresh_receipts(rig.but(stopwatch=Sums()).context, told.append) == {}
    assert len(told) == 2, "40 s are more than anybody's patience"


def test_a_sim_that_was_refused_is_a_failure_with_its_reason(rig: Rig, scripted: ScriptedCarrier) -> None:
    rig.take_in("a.csv", manifest(iccids(2)))
    scripted.answer = lambda order: Answer(order.iccid, AnswerKind.REJECTED, "not_registrable", "Somebody else's.")
    send_due(rig.context, ACCOUNT)
    refresh_receipts(rig.context)
    content = receipt(rig)
    assert (content["state"], content["buckets"]["failed"]) == ("finished", 2)
    said = [" ".join(row.values()) for row in lines(rig) if row["iccid"] in iccids(2)]
    assert all("Somebody else's." in row for row in said)


def test_a_refused_file_has_a_receipt_that_says_why(rig: Rig) -> None:
    rig.take_in("a.csv", manifest(iccids(2), "# total=9"))
    content = receipt(rig, folder="rejected")
    assert (content["state"], content["counts"]["lines"]) == ("refused", 0)
    assert "says 9 SIMs" in content["reason"]


def test_a_manifest_that_waits_for_a_word_stays_where_it_is_and_is_told_in_the_database(rig: Rig) -> None:
    taken = rig.but(brake=Brake(sims=1)).take_in("a.csv", manifest(iccids(3)))
    assert not (rig.folder / "drop" / "processed" / "a.csv").exists()
    with rig.context.database.read() as tx:
        row = manifests.find(tx, taken.manifest_id)
    assert row.receipt
    assert json.loads(row.receipt)["state"] == "needs_approval"


def test_writing_a_receipt_again_replaces_it_and_leaves_one_set_of_files(rig: Rig) -> None:
    taken = rig.take_in("a.csv", manifest(iccids(2)))
    before = sorted(path.name for path in (rig.folder / "drop").rglob("*.csv*"))
    first = write_receipt(rig.context, taken.manifest_id)
    assert write_receipt(rig.context, taken.manifest_id) == first
    assert sorted(path.name for path in (rig.folder / "drop").rglob("*.csv*")) == before
    assert all(Path(place).exists() for place in first.values())


def test_no_receipt_holds_a_registration_code(rig: Rig) -> None:
    rig.take_in("a.csv", manifest(iccids(2)))
    made = [path for path in (rig.folder / "drop" / "processed").iterdir() if path.name != "a.csv"]
    assert len(made) == 3
    assert [path.name for path in made if "code-8988" in path.read_text(encoding="utf-8")] == []
