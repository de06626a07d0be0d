"""`rerun`: on a person's word, and never what is done."""

from typing import Any

import pytest

from console.commands import CANNOT, FINE, NEEDS_YOU

WHERE = ("--product", "tracker", "--home-country", "DE")


@pytest.fixture
def refused(place: Any, rows: Any, iccid: Any) -> Any:
    """A place with a manifest of three SIMs, of which the carrier refused one."""
    place.server.carrier.fleet.add_card(iccid(1), "CODE1", others=True)
    assert place.simline("import", place.file("order.csv", *rows(3)), *WHERE).status == NEEDS_YOU
    return place


def test_what_the_carrier_refused_is_asked_again_and_nothing_else(refused: Any, iccid: Any) -> None:
    before = len(refused.changes())
    refused.server.carrier.fleet.add_card(iccid(1), "CODE1")
    said = refused.simline("rerun", "order.csv", "--only", "failed", "--reason", "released by its owner", "--yes")
    assert said.status == FINE
    assert "1 SIM goes on." in said.out
    assert "All 3 SIMs are active" in said.out
    assert {entry.iccids for entry in refused.changes()[before:]} == {(iccid(1),)}


def test_the_reason_stands_in_the_history_of_the_sim(refused: Any, iccid: Any) -> None:
    refused.simline("rerun", "order.csv", "--reason", "owner wrote on Monday", "--yes", "--no-activate")
    assert "owner wrote on Monday" in refused.simline("show", iccid(1)).out


def test_a_second_rerun_finds_nothing(refused: Any, iccid: Any) -> None:
    refused.server.carrier.fleet.add_card(iccid(1), "CODE1")
    refused.simline("rerun", "order.csv", "--reason", "again", "--yes")
    said = refused.simline("rerun", "order.csv", "--reason", "again", "--yes")
    assert said.status == FINE
    assert "nothing to do" in said.out


def test_without_a_terminal_and_without_yes_nothing_is_changed(refused: Any, iccid: Any) -> None:
    before = len(refused.changes())
    said = refused.simline("rerun", "order.csv", "--reason", "again")
    assert said.status == CANNOT
    assert "1 SIM of m-" in said.err
    assert "--yes" in said.err
    assert len(refused.changes()) == before


def test_a_reason_must_say_something(refused: Any) -> None:
    said = refused.simline("rerun", "order.csv", "--reason", " ", "--yes")
    assert said.status == CANNOT
    assert "Say why" in said.err


def test_rejected_lines_are_judged_again_after_the_product_was_added(place: Any, rows: Any) -> None:
    file = place.file("order.csv", *[f"{row},beacon" for row in rows(2)], header="iccid,registration_code,product")
    assert place.simline("import", file, "--home-country", "DE").status == NEEDS_YOU
    place.simline("products", "add", "beacon", "--account", "acme", "--tier", "growth")
    said = place.simline("rerun", "order.csv", "--only", "rejected", "--reason", "the product is there now", "--yes")
    assert "judged again as m-" in said.out
    assert "All 2 SIMs are active" in said.out
    assert len(place.changes()) == 4


@pytest.mark.parametrize(("said_at_first", "forgotten"), [(WHERE[2:], WHERE[:2]), (WHERE[:2], WHERE[2:])])
def test_a_forgotten_word_is_said_for_the_rejected_lines(
    place: Any, rows: Any, said_at_first: tuple[str, ...], forgotten: tuple[str, ...]
) -> None:
    assert place.simline("import", place.file("order.csv", *rows(2)), *said_at_first).status == NEEDS_YOU
    again = ("rerun", "order.csv", "--only", "rejected", "--reason", "forgotten", "--yes")
    said = place.simline(*again, *forgotten)
    assert "All 2 SIMs are active" in said.out
    assert {row["home_country"] for row in place.simline("sims", "--product", "tracker", "--json").json["sims"]} == {
        "DE"
    }


def test_words_for_rejected_lines_are_refused_with_another_part(refused: Any) -> None:
    said = refused.simline("rerun", "order.csv", "--only", "failed", "--product", "small", "--reason", "why", "--yes")
    assert said.status == CANNOT
    assert "add --only rejected" in said.err
    said = refused.simline("rerun", "order.csv", "--product", "smal", "--reason", "why", "--yes")
    assert "Did you mean small?" in said.err


def test_a_retry_has_a_name_of_its_own_and_its_receipt_lies_in_results(place: Any, rows: Any) -> None:
    file = place.file("order.csv", *[f"{row},beacon" for row in rows(2)], header="iccid,registration_code,product")
    place.simline("import", file, "--home-country", "DE")
    manifest_id = place.simline("status", "order.csv", "--json").json["manifest_id"]
    for nth in (1, 2):
        said = place.simline("rerun", "order.csv", "--only", "rejected", "--reason", "perhaps now", "--yes")
        name = f"order.{manifest_id}.retry-{nth}.csv"
        assert {name, f"{name}.receipt.html"} <= {path.name for path in (place.folder / "results").iterdir()}
        assert f"results/{name}.receipt.html" in said.out
        assert place.simline("status", name, "--json").json["manifest_id"] != manifest_id
    assert place.simline("status", "order.csv", "--json").json["manifest_id"] == manifest_id
    assert not list((place.folder / ".simline").rglob("order*"))


def test_held_sims_go_on_after_an_upgrade(place: Any, rows: Any) -> None:
    toml = place.folder / "simline.toml"
    toml.write_text(toml.read_text().replace("sims = 30", "sims = 300").replace("timeout_seconds = 5", ""))
    place.simline("products", "add", "free", "--account", "solo")
    file = place.file("many.csv", *rows(102))
    assert place.simline("import", file, "--product", "free", "--home-country", "DE").status == NEEDS_YOU
    assert place.simline("products", "upgrade", "free", "--tier", "growth").status == FINE
    said = place.simline("rerun", "many.csv", "--only", "held", "--reason", "upgraded", "--yes")
    assert said.status == FINE
    assert "2 SIMs go on." in said.out
    assert "All 102 SIMs are active" in said.out


def test_an_unknown_manifest_is_a_sentence(place: Any) -> None:
    said = place.simline("rerun", "m-nothing", "--reason", "why not", "--yes")
    assert said.status == CANNOT
    assert "There is no manifest m-nothing" in said.err
