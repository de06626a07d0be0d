"""`plan`: what an import would do, and that it does none of it."""

from typing import Any

import pytest
from sqlalchemy import text

from console.commands import CANNOT, FINE, NEEDS_YOU
from storage.database import Database

WHERE = ("--product", "tracker", "--home-country", "DE")


def test_a_plan_shows_lines_money_and_time(place: Any, rows: Any, iccid: Any) -> None:
    file = place.file("order.csv", *rows(10), f"{iccid(0)},CODE0", "356938035643809,X")
    said = place.simline("plan", file, *WHERE)
    assert said.status == NEEDS_YOU
    assert "13 lines, 10 new SIMs. Nothing was sent." in said.out
    assert "This is an IMEI" in said.out
    assert "Line 13: 356938035643809" in said.out
    assert "The same SIM stands on an earlier line of this file. Line 12" in said.out
    assert "11.00 USD" in said.out
    assert "Sending takes about 1 s" in said.out


def test_a_plan_keeps_nothing_and_asks_nobody(place: Any, rows: Any) -> None:
    file = place.file("order.csv", *rows(3))
    assert place.simline("plan", file, *WHERE).status == FINE
    assert place.server.carrier.log.entries() == []
    assert place.simline("sims", "--json").json["sims"] == []
    assert place.simline("status", "--json").json["manifests"] == []
    assert place.simline("import", file, *WHERE).status == FINE


def test_a_plan_as_json_has_every_number(place: Any, rows: Any) -> None:
    said = place.simline("plan", place.file("order.csv", *rows(4), "x,"), *WHERE, "--json")
    counts = {"lines": 6, "ignored": 2, "accepted": 4, "rejected": 0, "duplicate": 0, "known": 0}
    assert said.json["counts"] == counts
    (plan,) = said.json["plans"]
    assert (plan["plan_name"], plan["sim_count"], plan["monthly_price_cents"]) == ("germany", 4, 110)
    assert said.json["held"] == 0
    assert said.json["needs_approval"] is None


def test_known_sims_are_counted_as_known(place: Any, rows: Any) -> None:
    place.simline("import", place.file("first.csv", *rows(3)), *WHERE, "--no-activate")
    said = place.simline("plan", place.file("second.csv", *rows(5)), *WHERE, "--json")
    assert (said.json["counts"]["accepted"], said.json["counts"]["known"]) == (2, 3)


def test_the_brake_is_announced_before_it_stops_an_import(place: Any, rows: Any) -> None:
    said = place.simline("plan", place.file("big.csv", *rows(31)), *WHERE)
    assert said.status == NEEDS_YOU
    assert "will want --yes-really" in said.out


def test_what_the_sandbox_would_hold_is_said(place: Any, rows: Any) -> None:
    place.folder.joinpath("simline.toml").write_text(
        place.folder.joinpath("simline.toml").read_text().replace("sims = 30", "sims = 300")
    )
    said = place.simline("plan", place.file("many.csv", *rows(103)), "--product", "small", "--home-country", "DE")
    assert "3 SIMs would be held" in said.out


def test_iccids_can_be_planned_without_a_file_and_leave_none(place: Any, iccid: Any) -> None:
    said = place.simline("plan", iccid(1), iccid(2), *WHERE, "--json")
    assert said.json["counts"]["lines"] == 2
    assert not (place.folder / "results").exists()


@pytest.mark.parametrize(
    ("name", "header", "row", "sentence"),
    [
        ("none.csv", None, "", "none.csv cannot be read"),
        ("manifests", None, "", "manifests is not a file. Name one manifest"),
        ("a.pdf", "iccid", "1", "name ends in .txt, .csv, .tsv or .xlsx"),
        ("keys.csv", "iccid,ki", "1,2", "key material"),
    ],
)
def test_a_file_that_cannot_be_planned_says_why(
    place: Any, name: str, header: str | None, row: str, sentence: str
) -> None:
    if header is not None:
        place.file(name, row, header=header)
    said = place.simline("plan", name, *WHERE)
    assert said.status == CANNOT
    assert sentence in said.err


def test_on_a_terminal_a_plan_shows_how_far_it_is_and_leaves_no_bar_behind(
    place: Any, rows: Any, terminal: Any
) -> None:
    said = terminal("plan", place.file("order.csv", *rows(3)), *WHERE)
    assert said.status == FINE
    assert "4 lines" in said.out[: said.out.index("order.csv: ")]
    assert said.out.count("\x1b[?25l") == said.out.count("\x1b[?25h") > 0


def test_the_database_is_the_same_after_a_plan(place: Any, rows: Any) -> None:
    place.simline("status")
    database = Database(f"sqlite:///{place.folder / 'simline.db'}")
    with database.read() as tx:
        before = tx.execute(text("SELECT count(*) FROM manifests")).scalar_one()
    place.simline("plan", place.file("order.csv", *rows(3)), *WHERE)
    with database.read() as tx:
        after = tx.execute(text("SELECT count(*) FROM manifests")).scalar_one()
    database.close()
    assert before == after == 0
