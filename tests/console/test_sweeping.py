"""`pick-up` and `settle`."""

from typing import Any

import pytest

from console.commands import CANNOT, FINE, NEEDS_YOU
from console.sweeping_there import sent_since
from domain.manifests import ManifestState
from storage import manifests
from storage.database import Database


def test_pick_up_takes_in_what_was_dropped_and_sends_it(place: Any, rows: Any) -> None:
    place.drop("order.csv", *rows(4))
    said = place.simline("pick-up")
    assert said.status == FINE
    assert "supersim: " in said.out
    assert len(place.changes()) == 8
    assert (place.folder / "manifests" / "processed" / "order.csv.receipt.html").exists()


def test_pick_up_without_activating_sends_nothing(place: Any, rows: Any) -> None:
    place.drop("order.csv", *rows(2))
    assert place.simline("pick-up", "--no-activate").status == FINE
    assert place.changes() == []


def test_an_empty_inbox_is_said(place: Any) -> None:
    said = place.simline("pick-up")
    assert said.status == FINE
    assert "Nothing new lies in the sources" in said.out


def test_a_source_that_there_is_not_is_named_with_those_that_there_are(place: Any) -> None:
    said = place.simline("pick-up", "--source", "outbox")
    assert said.status == CANNOT
    assert "There is no source outbox. Configured: inbox." in said.err


def test_a_dropped_file_with_a_bad_line_makes_the_status_1(place: Any, rows: Any) -> None:
    place.drop("order.csv", *rows(1), "89883070000000000001,X")
    assert place.simline("pick-up").status == NEEDS_YOU


def test_settle_says_what_it_did_at_each_account(place: Any, rows: Any) -> None:
    assert "supersim: nothing is due." in place.simline("settle").out
    place.drop("order.csv", *rows(2))
    place.simline("pick-up", "--no-activate")
    said = place.simline("settle")
    assert said.status == FINE
    assert "supersim: " in said.out
    assert "2 accepted" in said.out


def test_settle_with_a_carrier_that_is_down_is_status_1_and_a_sentence(place: Any, rows: Any) -> None:
    place.drop("order.csv", *rows(2))
    place.simline("pick-up", "--no-activate")
    place.server.close()
    said = place.simline("settle")
    assert said.status == NEEDS_YOU
    assert "cannot be reached" in said.out


def test_an_inbox_that_is_gone_is_a_sentence(place: Any) -> None:
    (place.folder / "manifests").rename(place.folder / "elsewhere")
    said = place.simline("pick-up")
    assert said.status == CANNOT
    assert "inbox" in said.err


def test_a_source_that_is_gone_holds_up_neither_the_others_nor_what_is_in_the_ledger(place: Any, rows: Any) -> None:
    place.drop("before.csv", *rows(2))
    assert place.simline("pick-up", "--no-activate").status == FINE
    place.unmounted("nas")
    place.drop("after.csv", *rows(3, first=10))
    said = place.simline("pick-up")
    assert said.status == NEEDS_YOU
    assert said.err.count("of source nas cannot be used") == 1
    assert "after.csv: " in said.out
    assert len(place.changes()) == 2 * 5


def test_when_no_source_can_be_read_the_status_is_2_and_the_ledger_goes_on(place: Any, rows: Any) -> None:
    place.drop("before.csv", *rows(2))
    assert place.simline("pick-up", "--no-activate").status == FINE
    place.unmounted("nas")
    said = place.simline("pick-up", "--source", "nas")
    assert said.status == CANNOT
    assert "Mount it, or let" in said.err
    assert len(place.changes()) == 4


def test_a_file_whose_codes_cannot_be_sealed_holds_up_no_other(
    place: Any, iccid: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.drop("a.csv", *rows(2))
    place.drop("b.csv", "not an ICCID,")
    monkeypatch.delenv("SIMLINE_KEY")
    said = place.simline("pick-up")
    assert said.status == NEEDS_YOU
    assert "Manifests that wait: a.csv. The manifest holds registration codes and SIMLINE_KEY is not set." in said.err
    assert "b.csv" in said.out
    monkeypatch.setenv("SIMLINE_KEY", place.key)
    assert place.simline("pick-up").status == FINE
    assert len(place.changes()) == 4


def test_a_receipt_that_cannot_be_put_makes_settle_1_and_holds_up_no_other(place: Any, rows: Any) -> None:
    place.unmounted("nas", after=("first.csv", rows(2)))
    place.drop("second.csv", *rows(3, first=10))
    assert place.simline("pick-up", "--source", "inbox", "--no-activate").status == FINE
    said = place.simline("settle")
    assert said.status == NEEDS_YOU
    assert "Receipts that wait: m-" in said.out
    assert "of source nas cannot be used" in said.out
    assert "1 receipt made again." in said.out
    assert len(place.changes()) == 2 * 5


def test_whoever_follows_a_server_still_counts_a_manifest_that_has_finished_meanwhile(place: Any, rows: Any) -> None:
    database = Database(f"sqlite:///{place.folder / 'simline.db'}")
    with database.read() as tx:
        since = tx.now()
    file = place.file("finished.csv", *rows(1))
    assert place.simline("import", file, "--product", "tracker", "--home-country", "DE").status == FINE
    place.drop("loaded.csv", *rows(1, first=5))
    place.drop("refused.csv", *rows(1, first=9), "# lines: 9")
    place.simline("pick-up", "--no-activate")
    with database.read() as tx:
        states = {row.id: row.state for row in manifests.listing(tx, 9)}
        assert len(states) == 3
    followed = sent_since(database, since)
    database.close()
    assert {states[id_] for id_ in followed} == {ManifestState.LOADED, ManifestState.FINISHED}
