"""`pause`, `resume`, `cancel`: a person's word over a manifest, said once or twice."""

from collections.abc import Callable
from typing import Any

import pytest

from console.commands import CANNOT, FINE, NEEDS_YOU

WHERE = ("--product", "tracker", "--home-country", "DE")
WHY = ("--reason", "wrong pallet")


@pytest.fixture
def loaded(place: Any, rows: Callable[..., list[str]]) -> Any:
    """A place with a manifest of three SIMs of which nothing was sent."""
    assert place.simline("import", place.file("order.csv", *rows(3)), *WHERE, "--no-activate").status == FINE
    return place


def test_a_paused_manifest_sends_nothing_until_it_is_resumed(loaded: Any) -> None:
    said = loaded.simline("pause", "order.csv", *WHY)
    assert said.status == FINE
    assert "is paused" in said.out
    assert "simline resume m-" in said.out
    assert loaded.simline("settle").status == FINE
    assert loaded.changes() == []
    shown = loaded.simline("status", "order.csv")
    assert shown.status == NEEDS_YOU
    assert "Paused by" in shown.out
    assert "wrong pallet" in shown.out
    assert "paused" in loaded.simline("status").out
    resumed = loaded.simline("resume", "order.csv", "--reason", "sorted it out")
    assert resumed.status == FINE
    assert "All 3 SIMs are active" in resumed.out
    assert len(loaded.changes()) == 6
    shown = loaded.simline("status", "order.csv")
    assert "pause, said by" in shown.out
    assert shown.out.index("wrong pallet") < shown.out.index("sorted it out")
    told = loaded.simline("status", "order.csv", "--json").json["halts"]
    assert [(one["word"], one["reason"]) for one in told] == [("pause", "wrong pallet"), ("resume", "sorted it out")]


def test_saying_it_twice_is_the_same_as_once(loaded: Any) -> None:
    loaded.simline("pause", "order.csv", *WHY)
    again = loaded.simline("pause", "order.csv", "--reason", "me too", "--json")
    assert (again.status, again.json["changed"], again.json["halt"]) == (FINE, False, "paused")
    loaded.simline("resume", "order.csv", *WHY, "--no-activate")
    said = loaded.simline("resume", "order.csv", *WHY)
    assert said.status == FINE
    assert "was not paused" in said.out


def test_a_pause_needs_no_carriers_secret(loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEST_CARRIER_SID", "TEST_CARRIER_TOKEN", "SIMLINE_KEY"):
        monkeypatch.setenv(name, "")
    assert loaded.simline("pause", "order.csv", *WHY).status == FINE


def test_a_cancelled_manifest_is_withdrawn_and_only_a_rerun_brings_it_back(loaded: Any, rows: Any) -> None:
    said = loaded.simline("cancel", "order.csv", *WHY, "--yes")
    assert said.status == FINE
    assert "is cancelled: 3 SIMs were withdrawn" in said.out
    again = loaded.simline("import", loaded.file("copy.csv", *rows(3)), *WHERE)
    assert "Nothing new" in again.out
    assert loaded.changes() == []
    shown = loaded.simline("status", "order.csv", "--json").json
    assert (shown["halt"], shown["steps"]) == ("cancelled", {"withdrawn": 3})
    back = loaded.simline("rerun", "order.csv", "--only", "withdrawn", "--reason", "it was right", "--yes")
    assert "All 3 SIMs are active" in back.out


def test_without_a_terminal_a_cancelling_wants_yes_and_says_how_much(loaded: Any) -> None:
    said = loaded.simline("cancel", "order.csv", *WHY)
    assert said.status == CANNOT
    assert "3 SIMs of m-" in said.err
    assert loaded.simline("status", "order.csv", "--json").json["steps"] == {"planned": 3}


def test_a_word_that_does_not_fit_is_a_sentence(loaded: Any) -> None:
    loaded.simline("settle")
    loaded.simline("cancel", "order.csv", *WHY, "--yes", "--json")
    said = loaded.simline("pause", "order.csv", *WHY)
    assert said.status == CANNOT
    assert "Traceback" not in said.err
    assert loaded.simline("pause", "order.csv", "--reason", " ").status == CANNOT


def test_a_rerun_of_a_paused_manifest_says_that_nothing_is_sent(loaded: Any) -> None:
    loaded.simline("cancel", "order.csv", *WHY, "--yes")
    loaded.simline("rerun", "order.csv", "--only", "withdrawn", "--reason", "after all", "--yes", "--no-activate")
    loaded.simline("pause", "order.csv", *WHY)
    said = loaded.simline("rerun", "order.csv", "--only", "withdrawn", "--reason", "after all", "--yes")
    assert said.status == FINE
    assert "nothing to do" in said.out
    assert loaded.changes() == []
