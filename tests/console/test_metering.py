"""`usage collect`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from carriers.simulated.faults import Fault, Faults, RequestKind
from console.commands import CANNOT, FINE, NEEDS_YOU

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


def test_what_was_used_is_said_in_a_sentence_for_each_account(place: Any, rows: Any, iccid: Any) -> None:
    active(place, rows(2))
    used(place, iccid(0), 1_234_567)
    said = place.simline("usage", "collect")
    assert said.status == FINE
    assert "1 SIM used 1,234,567 bytes on 1 day in all; nothing is missing." in said.out


def test_one_product_alone_is_collected_and_told_of(place: Any, rows: Any, iccid: Any) -> None:
    active(place, rows(2))
    used(place, iccid(0), 1_234_567)
    said = place.simline("usage", "collect", "--product", "tracker")
    assert "1 SIM used 1,234,567 bytes on 1 day in all; nothing is missing." in said.out
    assert place.simline("usage", "collect", "--product", "small").out == "· supersim has no SIM of small.\n"


def test_the_same_as_json_is_for_programs(place: Any, rows: Any, iccid: Any) -> None:
    active(place, rows(2))
    used(place, iccid(1), 7)
    (account,) = place.simline("usage", "collect", "--from", str(YESTERDAY), "--json").json
    assert (account["carrier_account"], account["sims"], account["total_bytes"]) == ("supersim", 1, 7)
    assert (account["first_day"], account["missing"], account["problem"]) == (str(YESTERDAY), [], None)


def test_a_carrier_that_does_not_answer_makes_the_status_1_and_names_the_days(place: Any, rows: Any) -> None:
    active(place, rows(2))
    place.server.carrier.faults = Faults({Fault.ERROR_503: 1.0}, frozenset({RequestKind.USAGE}))
    said = place.simline("usage", "collect", "--carrier-account", "supersim", "--from", str(YESTERDAY))
    assert said.status == NEEDS_YOU
    assert "2 days of 2 SIMs are not known" in said.out
    assert "503" in said.out
    place.server.carrier.faults = Faults()


def test_days_and_accounts_that_make_no_sense_are_refused(place: Any) -> None:
    for words, sentence in (
        (("--to", "2026-02-28"), "Name the first day too"),
        (("--from", "2026-03-01", "--to", "2026-02-28"), "not after the last"),
        (("--carrier-account", "nobody"), "There is no carrier account nobody"),
        (("--product", "nothing"), "There is no product nothing"),
        (("--from", "2020-01-01", "--to", "2020-01-02", "--carrier-account", "supersim"), "cannot tell the usage"),
    ):
        said = place.simline("usage", "collect", *words)
        assert said.status == CANNOT
        assert sentence in said.err


def active(place: Any, rows: list[str]) -> None:
    """These SIMs were activated by us, a week ago as far as the ledger knows."""
    place.simline("import", place.file("order.csv", *rows), "--product", "tracker", "--home-country", "DE")
    from sqlalchemy import create_engine, text

    with create_engine(f"sqlite:///{place.folder / 'simline.db'}").begin() as connection:
        connection.execute(text("UPDATE sims SET first_activated_at = '2026-01-01 00:00:00.000000'"))


def used(place: Any, iccid: str, total_bytes: int) -> None:
    """So much yesterday."""
    usage = [{"iccid": iccid, "day": str(YESTERDAY), "bytes": total_bytes}]
    requests.post(f"{place.server.url}/_simulator/fleet", json={"usage": usage}, timeout=5).raise_for_status()
