"""`usage report`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import create_engine, text

from carriers.simulated.faults import Fault, Faults, RequestKind
from console.commands import CANNOT, FINE, NEEDS_YOU

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


def collected(place: Any, rows: list[str], iccid: str, total_bytes: int) -> None:
    """Two SIMs that were activated long ago; one of them used so much yesterday, and that was collected."""
    place.simline("import", place.file("order.csv", *rows), "--product", "tracker", "--home-country", "DE")
    with create_engine(f"sqlite:///{place.folder / 'simline.db'}").begin() as connection:
        connection.execute(text("UPDATE sims SET first_activated_at = '2026-01-01 00:00:00.000000'"))
    usage = [{"iccid": iccid, "day": str(YESTERDAY), "bytes": total_bytes}]
    requests.post(f"{place.server.url}/_simulator/fleet", json={"usage": usage}, timeout=5).raise_for_status()
    place.simline("usage", "collect", "--from", str(YESTERDAY))


def test_the_report_says_what_was_used_and_keeps_its_files(place: Any, rows: Any, iccid: Any) -> None:
    collected(place, rows(2), iccid(0), 1_234_567)
    said = place.simline("usage", "report", "--from", str(YESTERDAY), "--json")
    assert said.status == FINE
    facts = {fact["label"]: fact["value"] for fact in said.json["facts"]}
    assert (facts["SIMs"], facts["SIMs with use"], facts["Used"]) == (2, 1, 1_234_567)
    assert said.json["warnings"] == []
    assert Path(said.json["page"]).is_file()
    again = place.simline("usage", "report", "--from", str(YESTERDAY), "--json")
    assert json.dumps(again.json) == json.dumps(said.json)
    assert "1.23 MB" in place.simline("usage", "report", "--from", str(YESTERDAY)).out
    assert f"Usage {YESTERDAY}" in place.simline("reports").out


def test_a_report_without_a_server_raises_its_alerts_once(place: Any, rows: Any, iccid: Any) -> None:
    collected(place, rows(2), iccid(0), 5_000_000)  # as much as is included
    month = ("--from", str(YESTERDAY.replace(day=1)), "--to", str(YESTERDAY))
    said = place.simline("usage", "report", *month)
    assert "1 alert raised: see `simline alerts`." in said.out
    (alert,) = place.simline("alerts", "--json").json
    assert (alert["kind"], alert["level"], alert["subject"]["iccid"]) == ("sim-usage", 100, iccid(0))
    assert "raised" not in place.simline("usage", "report", *month).out
    assert len(place.simline("alerts", "--json").json) == 1


def test_days_that_are_not_known_come_first_and_make_the_status_1(place: Any, rows: Any, iccid: Any) -> None:
    collected(place, rows(2), iccid(0), 5)
    before = YESTERDAY - timedelta(days=400)
    said = place.simline("usage", "report", "--from", str(before), "--to", str(before + timedelta(days=390)))
    assert said.status == NEEDS_YOU
    assert "Not known: " in said.out
    assert said.out.index("Not known: ") < said.out.index("SIMs with use")


def test_days_and_names_that_make_no_sense_are_refused(place: Any, rows: Any, iccid: Any) -> None:
    collected(place, rows(1), iccid(0), 5)
    place.server.carrier.faults = Faults({Fault.ERROR_503: 1.0}, frozenset({RequestKind.USAGE}))
    for words, sentence in (
        (("--from", "2026-03-01", "--to", "2026-02-28"), "--from is after --to"),
        (("--last-month", "--from", "2026-03-01"), "not both"),
        (("--product", "nothing"), "There is no product nothing"),
        (("--carrier-account", "nobody"), "There is no carrier account nobody"),
        (("--from", str(YESTERDAY + timedelta(days=1))), "is not over yet"),
    ):
        said = place.simline("usage", "report", *words)
        assert said.status == CANNOT
        assert sentence in said.err
