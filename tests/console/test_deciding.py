"""`decide`: what a person saw at the carrier settles what nothing else can."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from console.commands import CANNOT, FINE, NEEDS_YOU

WHERE = ("--product", "tracker", "--home-country", "DE")
WHY = ("--reason", "seen in the console")


@pytest.fixture
def stuck(place: Any, rows: Callable[..., list[str]]) -> Any:
    """A place with a manifest of three SIMs that stand in `needs_review`, asked for long ago."""
    place.simline("import", place.file("order.csv", *rows(3)), *WHERE, "--no-activate")
    engine = create_engine(f"sqlite:///{place.folder / 'simline.db'}")
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE operations SET step = 'needs_review', stage = 'claim', intent_at = '2026-01-01 00:00:00'")
        )
    engine.dispose()
    return place


def steps(place: Any) -> Any:
    return place.simline("status", "order.csv", "--json").json["steps"]


def test_what_was_seen_active_is_done_and_the_history_has_the_reason(stuck: Any, iccid: Callable[[int], str]) -> None:
    said = stuck.simline("decide", iccid(0), iccid(1), "--as", "active", *WHY, "--yes")
    assert said.status == FINE
    assert "2 SIMs: done." in said.out
    assert "2 SIMs were settled by" in said.out
    assert steps(stuck) == {"done": 2, "needs_review": 1}
    assert "seen in the console" in stuck.simline("show", iccid(0)).out
    assert stuck.changes() == []


def test_what_was_seen_inactive_is_sent_again_when_a_person_says_so(stuck: Any) -> None:
    unsaid = stuck.simline("decide", "--manifest", "order.csv", "--as", "absent", *WHY, "--yes")
    assert unsaid.status == NEEDS_YOU
    assert "Say whether it is sent again or left" in unsaid.out
    said = stuck.simline("decide", "--manifest", "order.csv", "--as", "absent", "--then", "again", *WHY, "--yes")
    assert said.status == FINE
    assert "All 3 SIMs are active" in said.out
    assert len(stuck.changes()) == 6


def test_a_list_in_a_file_is_left_alone_where_a_person_says_so(stuck: Any, iccid: Callable[[int], str]) -> None:
    file = stuck.folder / "list.txt"
    file.write_text(f"# looked up on Monday\n{iccid(0)}\n\n{iccid(2)}\n")
    words = ("decide", "--file", file, "--as", "inactive", "--then", "leave", *WHY, "--yes", "--json")
    said = stuck.simline(*words)
    assert said.status == FINE
    assert [(one["step"], one["target"]) for one in said.json["sims"]] == [("needs_review", "rejected")] * 2
    assert said.json["done"] is True
    assert steps(stuck) == {"needs_review": 1, "rejected": 2}
    assert stuck.simline(*words).status == NEEDS_YOU


def test_single_sims_are_settled_by_the_name_of_the_round_too(stuck: Any, iccid: Callable[[int], str]) -> None:
    said = stuck.simline("settle", iccid(0), "--as", "active", *WHY, "--yes")
    assert (said.status, steps(stuck)) == (FINE, {"done": 1, "needs_review": 2})
    for words in (("settle", iccid(1)), ("settle", "--as", "active")):
        unclear = stuck.simline(*words)
        assert unclear.status == CANNOT
        assert "Name the SIMs and what you saw" in unclear.err
    assert steps(stuck) == {"done": 1, "needs_review": 2}


def test_a_dry_run_shows_and_changes_nothing(stuck: Any) -> None:
    said = stuck.simline("decide", "--manifest", "order.csv", "--as", "active", *WHY, "--dry-run")
    assert said.status == FINE
    assert "3 SIMs: done." in said.out
    assert steps(stuck) == {"needs_review": 3}


def test_without_a_terminal_and_without_yes_nothing_is_changed(stuck: Any, iccid: Callable[[int], str]) -> None:
    said = stuck.simline("decide", iccid(0), "--as", "active", *WHY)
    assert said.status == CANNOT
    assert "--yes" in said.err
    assert steps(stuck) == {"needs_review": 3}


def test_only_one_part_of_a_manifest_is_meant_where_it_is_named(stuck: Any) -> None:
    said = stuck.simline("decide", "--manifest", "order.csv", "--only", "timed-out", "--as", "active", *WHY, "--yes")
    assert said.status == FINE
    assert "nothing to do" in said.out
    assert steps(stuck) == {"needs_review": 3}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Say which SIMs"),
        (("8988307000000000001", "--manifest", "order.csv"), "Say which SIMs"),
        (("8988307000000000001",), "It has 19; supersim has 20. Nothing was changed."),
        (("8934076500002589174", "--only", "timed-out"), "--only chooses among a manifest's SIMs"),
        (("--file", "nothing.txt"), "cannot be read as a list of ICCIDs: No such file or directory. Check the name."),
    ],
)
def test_what_is_not_meant_clearly_is_a_sentence(place: Any, words: tuple[str, ...], sentence: str) -> None:
    said = place.simline("decide", *words, "--as", "active", *WHY, "--yes")
    assert said.status == CANNOT
    assert sentence in said.err


def test_a_stranger_is_named_and_the_status_says_that_something_stays(stuck: Any, iccid: Callable[[int], str]) -> None:
    said = stuck.simline("decide", iccid(0), iccid(25), "--as", "active", *WHY, "--yes")
    assert said.status == NEEDS_YOU
    assert "1 SIM: no change." in said.out
    assert "It is not ours." in said.out
    assert steps(stuck) == {"done": 1, "needs_review": 2}
