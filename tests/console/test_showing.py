"""`show` and `receipt`."""

import webbrowser
from pathlib import Path
from typing import Any

import pytest

from console.commands import CANNOT, FINE, NEEDS_YOU

WHERE = ("--product", "tracker", "--home-country", "DE")


@pytest.fixture
def imported(place: Any, rows: Any) -> Any:
    """A place with one active SIM and one rejected line."""
    place.simline("import", place.file("order.csv", *rows(1), "89883070000000000001,X"), *WHERE)
    return place


def test_the_history_of_a_sim_is_told_from_its_line_to_its_activation(imported: Any, iccid: Any) -> None:
    said = imported.simline("show", iccid(0))
    assert said.status == FINE
    assert "line 2 of" in said.out
    steps = [line.split()[2] for line in said.out.splitlines() if line.startswith("  ") and ":" in line[:20]]
    assert steps == ["planned", "intent", "planned", "intent", "accepted", "done"]


@pytest.mark.parametrize("spelling", ["{}", "{}F", " {} "])
def test_any_spelling_of_an_iccid_finds_its_sim(imported: Any, iccid: Any, spelling: str) -> None:
    number = iccid(0)
    grouped = " ".join(number[at : at + 4] for at in range(0, 20, 4))
    assert imported.simline("show", spelling.format(grouped).strip()).status == FINE


def test_the_history_as_json_has_every_transition(imported: Any, iccid: Any) -> None:
    told = imported.simline("show", iccid(0), "--json").json
    assert told["sim"]["state"] == "active"
    assert [one["to_step"] for one in told["operations"][0]["transitions"]][-1] == "done"
    assert "registration_code" not in told["sim"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("12345", "holds no ICCID"),
        ("89883070000000000001", "The last digit does not fit"),
        ("356938035643809", "This is an IMEI"),
        ("8934076500002589174", "is not ours"),
    ],
)
def test_a_number_that_is_no_sim_of_ours_says_why(place: Any, text: str, sentence: str) -> None:
    said = place.simline("show", text)
    assert said.status == CANNOT
    assert sentence in said.err


def test_the_receipt_is_made_anew_and_its_files_are_named(imported: Any) -> None:
    page = imported.folder / "order.csv.receipt.html"
    page.unlink()
    said = imported.simline("receipt", "order.csv")
    assert said.status == NEEDS_YOU
    assert page.exists()
    assert "order.csv.receipt.html" in said.out
    assert "order.csv.outcomes.csv" in said.out


def test_the_receipt_can_be_written_somewhere_else_with_all_its_files(imported: Any, tmp_path: Path) -> None:
    imported.simline("receipt", "order.csv", "--write-to", tmp_path / "for-ann")
    written = {path.name for path in (tmp_path / "for-ann").iterdir()}
    endings = (".receipt.html", ".receipt.json", ".outcomes.csv", ".fix.csv")
    assert written == {f"order.csv{ending}" for ending in endings}


def test_open_opens_the_page_and_says_so_where_there_is_no_browser(
    imported: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    said = imported.simline("receipt", "order.csv", "--open")
    assert opened == [(imported.folder / "order.csv.receipt.html").as_uri()]
    assert "No browser could be started" in said.out


def test_a_receipt_of_nothing_is_a_sentence(place: Any) -> None:
    said = place.simline("receipt", "nothing.csv")
    assert said.status == CANNOT
    assert "There is no manifest nothing.csv" in said.err


def test_a_name_with_a_control_character_reaches_no_terminal(place: Any, rows: Any) -> None:
    file = place.file("order\x1b[31m.csv", *rows(1))
    said = place.simline("import", file, *WHERE)
    assert said.status == FINE
    assert "\x1b" not in said.out
    assert "␛[31m" in said.out
