"""`restored`: shows first, does it on --yes-really, and the carrier is read before anything is sent."""

from typing import Any

import pytest

from console.commands import CANNOT, FINE, NEEDS_YOU

WHERE = ("--product", "tracker", "--home-country", "DE")
WHY = ("--reason", "disk lost")


@pytest.fixture
def planned(place: Any, rows: Any) -> Any:
    """A place with three planned SIMs; the carrier has read nothing of them."""
    assert place.simline("import", place.file("order.csv", *rows(3)), *WHERE, "--no-activate").status == FINE
    return place


def steps(place: Any) -> dict[str, int]:
    return {step: n for step, n in place.simline("status", "order.csv", "--json").json["steps"].items() if n}


def test_what_would_be_read_is_shown_and_nothing_is_changed(planned: Any) -> None:
    said = planned.simline("restored", *WHY)
    assert said.status == NEEDS_YOU
    assert "supersim" in said.out
    assert "read in 1 min 31 s, when the quiet period is over" in said.out
    assert "3 SIMs would be read before anything is sent. Nothing was changed." in said.out
    assert "--yes-really" in said.out
    assert steps(planned) == {"planned": 3}


def test_on_a_persons_word_nothing_is_sent_before_it_was_read(planned: Any, iccid: Any) -> None:
    said = planned.simline("restored", *WHY, "--yes-really")
    assert said.status == FINE
    assert "3 SIMs to be read before anything is sent." in said.out
    assert steps(planned) == {"unknown": 3}
    assert planned.simline("settle", "--here").status == FINE
    assert planned.changes() == []
    assert "disk lost" in planned.simline("show", iccid(1)).out


def test_a_second_time_says_the_same_of_what_is_in_progress(planned: Any) -> None:
    planned.simline("restored", *WHY, "--yes-really")
    said = planned.simline("restored", *WHY, "--json")
    assert said.status == NEEDS_YOU
    (account,) = said.json["accounts"]
    assert (account["planned"], account["in_progress"], said.json["done"]) == (0, 3, False)
    again = planned.simline("restored", *WHY, "--json", "--yes-really")
    assert (again.status, again.json["done"]) == (FINE, True)
    assert steps(planned) == {"unknown": 3}


def test_where_nothing_waits_there_is_nothing_to_read(place: Any) -> None:
    said = place.simline("restored", *WHY)
    assert said.status == FINE
    assert "nothing to read first" in said.out


def test_a_reason_must_say_something(place: Any) -> None:
    said = place.simline("restored", "--reason", " ", "--yes-really")
    assert said.status == CANNOT
    assert "Say why" in said.err


def test_while_a_worker_holds_sims_nothing_is_changed(planned: Any, holding: Any) -> None:
    holding()
    said = planned.simline("restored", *WHY, "--yes-really")
    assert said.status == CANNOT
    assert "A worker holds 2 operations. Stop every worker" in said.err
    assert steps(planned) == {"planned": 1, "intent": 2}


@pytest.fixture
def holding(planned: Any) -> Any:
    """A worker takes two SIMs and keeps them."""
    from config.build import open_database
    from config.loading import load_settings
    from storage import ledger
    from storage.ledger import Lease

    def hold() -> None:
        database = open_database(load_settings(planned.folder / "simline.toml"))
        with database.begin() as tx:
            ledger.take_to_send(tx, "supersim", Lease("fence", "worker", 90.0), limit=2, deadline_seconds=86_400)
        database.close()

    return hold
