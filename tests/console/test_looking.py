"""`status` and `sims`."""

from typing import Any

import pytest

from console.commands import CANNOT, FINE, NEEDS_YOU

WHERE = ("--product", "tracker", "--home-country", "DE")


@pytest.fixture
def stocked(place: Any, rows: Any) -> Any:
    """A place with two manifests: five active SIMs, and one that is planned."""
    place.simline("import", place.file("first.csv", *rows(5)), *WHERE)
    place.simline("import", place.file("second.csv", *rows(1, first=50)), *WHERE, "--no-activate")
    return place


def test_status_lists_manifests_the_newest_first(stocked: Any) -> None:
    lines = stocked.simline("status").out.splitlines()
    assert [line.split()[1] for line in lines[1:3]] == ["second.csv", "first.csv"]
    assert lines[1].split()[-2:] == ["in", "progress"]
    assert "5/5" in lines[2]


def test_status_as_json_has_the_receipts_and_the_next_page(stocked: Any) -> None:
    page = stocked.simline("status", "--json", "--limit", "1").json
    assert [one["name"] for one in page["manifests"]] == ["second.csv"]
    assert page["manifests"][0]["steps"] == {"planned": 1}
    rest = stocked.simline("status", "--json", "--after", page["next"]).json
    assert "no manifest older than m-1" in stocked.simline("status", "--after", "m-1").out
    assert [one["name"] for one in rest["manifests"]] == ["first.csv"]
    assert rest["next"] is None


def test_status_of_one_manifest_shows_its_lines_and_sims(stocked: Any) -> None:
    said = stocked.simline("status", "first.csv")
    assert said.status == FINE
    assert "All 5 SIMs are active" in said.out
    assert stocked.simline("status", "first.csv", "--json").json["buckets"]["done"] == 5


def test_status_of_a_manifest_that_needs_a_person_is_1(place: Any, rows: Any) -> None:
    place.simline("import", place.file("order.csv", *rows(1), "89883070000000000001,X"), *WHERE)
    assert place.simline("status", "order.csv").status == NEEDS_YOU
    assert place.simline("status").status == FINE


def test_a_paused_carrier_is_said_first(place: Any, rows: Any) -> None:
    place.simline("import", place.file("order.csv", *rows(12)), *WHERE, "--no-activate")
    place.server.close()
    place.simline("settle")
    assert place.simline("status").out.startswith("! supersim is not asked for")
    assert place.simline("status", "--json").json["paused"]["supersim"]["failures_in_a_row"] >= 5


def test_looking_makes_no_ledger_where_there_is_none(place: Any, iccid: Any) -> None:
    (place.folder / "simline.db").unlink()
    for words in (("status",), ("sims",), ("show", iccid(1))):
        said = place.simline(*words)
        assert said.status == CANNOT
        assert "There is no sqlite:///" in said.err
        assert "correct `[database] url`" in said.err
    assert not (place.folder / "simline.db").exists()


def test_an_empty_ledger_says_what_to_do(place: Any) -> None:
    assert "simline import" in place.simline("status").out
    assert "No SIM fits" in place.simline("sims").out


def test_sims_come_in_pages_that_join_without_a_gap(stocked: Any, iccid: Any) -> None:
    first = stocked.simline("sims", "--json", "--limit", "4").json
    second = stocked.simline("sims", "--json", "--limit", "4", "--after", first["next"]).json
    found = [sim["iccid"] for sim in first["sims"] + second["sims"]]
    assert found == [iccid(number) for number in (0, 1, 2, 3, 4, 50)]
    assert second["next"] is None
    assert first["total"] == second["total"] == 6
    assert stocked.simline("sims", "--json", "--limit", "4", "--page", "2").json == second


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (("--state", "active"), 5),
        (("--state", "absent"), 1),
        (("--product", "tracker"), 6),
        (("--product", "small"), 0),
        (("--country", "de"), 6),
        (("--iccid", "898830700000000005"), 1),
        (("--state", "active", "--iccid", "898830700000000005"), 0),
    ],
)
def test_sims_can_be_narrowed(stocked: Any, options: tuple[str, ...], count: int) -> None:
    found = stocked.simline("sims", "--json", *options).json
    assert len(found["sims"]) == found["total"] == count


def test_a_page_says_which_of_how_many_it_is_and_what_to_type_for_the_next(stocked: Any, iccid: Any) -> None:
    said = stocked.simline("sims", "--limit", "2", "--country", "de", "--page", "2")
    assert "Page 2 of 3, 6 SIMs in all. Next: simline sims --country DE --page 3 --limit 2" in said.out
    command = said.out.partition("Next: ")[2].strip()
    last = stocked.simline(*command.split()[1:])
    assert [line.split()[0] for line in last.out.splitlines()[1:-1]] == [iccid(4), iccid(50)]
    assert "Page 3 of 3, 6 SIMs in all." in last.out
    assert "Next:" not in last.out


def test_after_a_row_the_next_command_is_after_a_row_again(stocked: Any, iccid: Any) -> None:
    said = stocked.simline("sims", "--limit", "2", "--after", iccid(0))
    assert f"6 SIMs in all. Next: simline sims --after {iccid(2)} --limit 2" in said.out


def test_the_command_for_the_next_page_names_the_configuration_that_was_named(stocked: Any) -> None:
    config = stocked.folder / "simline.toml"
    for command in ("sims", "status"):
        said = stocked.simline("--config", config, command, "--limit", "1")
        assert said.out.rstrip().endswith(f"--limit 1 --config {config}")


def test_a_page_beyond_the_last_says_how_many_there_are(stocked: Any) -> None:
    said = stocked.simline("sims", "--page", "9")
    assert said.status == FINE
    assert said.out.strip() == "· No page 9: 6 SIMs in all, the last is --page 1."


def test_a_page_and_a_row_to_begin_at_are_too_much(place: Any) -> None:
    said = place.simline("sims", "--page", "2", "--after", "89")
    assert said.status == CANNOT
    assert "give one of them" in said.err


def test_no_listing_shows_a_registration_code(stocked: Any) -> None:
    said = stocked.simline("sims", "--json").out + stocked.simline("sims").out + stocked.simline("status", "--json").out
    assert "CODE" not in said


def test_the_beginning_of_an_iccid_is_digits(place: Any) -> None:
    said = place.simline("sims", "--iccid", "89%")
    assert said.status == CANNOT
    assert "give digits only" in said.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--product", "nope"), "There is no product nope. There is: small, tracker."),
        (("--country", "Germany"), "--country: 'Germany' is written DE."),
    ],
)
def test_a_mistyped_choice_is_said(place: Any, options: tuple[str, ...], sentence: str) -> None:
    said = place.simline("sims", *options)
    assert said.status == CANNOT
    assert sentence in said.err


def test_what_is_no_iccid_names_the_way_to_find_one(place: Any) -> None:
    said = place.simline("show", "123")
    assert said.status == CANNOT
    assert "`simline sims --iccid DIGITS`" in said.err
