"""A file that was imported before: another word is never ignored in silence, and the way out is named."""

from typing import Any

import pytest

from config.loading import load_settings
from console.commands import CANNOT, FINE, NEEDS_YOU
from storage import manifests
from storage.database import Database
from storage.sources.given import GivenFiles

WHERE = ("--product", "tracker", "--home-country", "DE")


@pytest.mark.parametrize(
    ("first", "then", "said_now"),
    [
        (WHERE, ("--product", "small"), ("with --product tracker (m-", "Its 3 SIMs stay as accepted; `simline cancel")),
        (WHERE, ("--home-country", "US"), ("with --home-country DE (m-", "Its 3 SIMs stay as accepted")),
        (WHERE, ("--carrier-account", "supersim"), ("with no --carrier-account (m-", "Its 3 SIMs stay as accepted")),
        (WHERE[2:], WHERE, ("with no --product (m-", "--only rejected --product tracker --reason WHY` judges its 3")),
        (WHERE[:2], WHERE, ("with no --home-country (m-", "--only rejected --home-country DE --reason WHY`")),
    ],
)
def test_the_same_file_with_other_words_is_refused_and_the_way_out_is_named(
    place: Any, rows: Any, first: tuple[str, ...], then: tuple[str, ...], said_now: tuple[str, ...]
) -> None:
    file = place.file("order.csv", *rows(3))
    place.simline("import", file, *first, "--no-activate")
    said = place.simline("import", file, *then, "--no-activate")
    assert said.status == CANNOT
    assert all(words in said.err for words in said_now)
    assert place.simline("import", file, *first, "--no-activate").status != CANNOT


def test_the_same_words_in_another_spelling_are_the_same(place: Any, rows: Any) -> None:
    file = place.file("order.csv", *rows(1))
    place.simline("import", file, *WHERE, "--no-activate")
    assert place.simline("import", file, "--home-country", "de", "--no-activate").status == FINE


def test_a_file_that_waits_for_approval_with_wrong_words_can_be_imported_under_another_name(
    place: Any, rows: Any
) -> None:
    place.simline("import", place.file("big.csv", *rows(31)), *WHERE)
    said = place.simline("import", place.folder / "big.csv", "--home-country", "US", "--yes-really")
    assert said.status == CANNOT
    assert "import a copy under another name" in said.err
    said = place.simline("import", place.file("copy.csv", *rows(31)), "--product", "tracker", "--home-country", "US")
    assert said.status == NEEDS_YOU


def test_a_file_whose_reader_was_killed_says_until_when_it_waits(place: Any, rows: Any) -> None:
    file = place.file("order.csv", *rows(3))
    database = Database(load_settings(place.folder / "simline.toml").database_url())
    given = GivenFiles(place.folder).item(file).identity
    with database.begin() as tx:
        manifests.claim(tx, given, fence="dead", lease_seconds=900, actor="ann", product_id="tracker")
        until = manifests.find(tx, given.manifest_id).lease_until
    said = place.simline("import", file, *WHERE)
    assert said.status == CANNOT
    assert f"ends at {until:%H:%M:%S} UTC at the latest: run the same again then" in said.err
    with database.begin() as tx:
        manifests.renew(tx, given.manifest_id, "dead", 0)
    said = place.simline("import", file, *WHERE, "--no-activate")
    database.close()
    assert said.status == CANNOT, "it was begun without a country, and that is not passed over in silence"
    assert "with no --home-country" in said.err
