"""`rotate-key`: codes of an import are sent after their key was replaced."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from config.starter import new_key
from console.commands import CANNOT, FINE, NEEDS_YOU
from console.trouble import details_of

WHERE = ("--product", "tracker", "--home-country", "DE", "--no-activate")


@pytest.fixture
def planned(place: Any, rows: Any) -> Any:
    """A place with three SIMs whose claims were not sent yet."""
    assert place.simline("import", place.file("order.csv", *rows(3)), *WHERE).status == FINE
    return place


def test_codes_are_sent_with_the_new_key_alone(planned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = planned.key, new_key()
    monkeypatch.setenv("SIMLINE_KEY", f"{new},{old}")
    said = planned.simline("rotate-key")
    assert said.status == FINE
    assert "3 registration codes sealed anew with the first key." in said.out
    assert "All 3 stored codes open with the first key alone." in said.out
    assert "✓ seal: 3 codes" in said.out
    monkeypatch.setenv("SIMLINE_KEY", new)
    assert planned.simline("settle").status == FINE
    assert len(planned.changes()) == 6


def test_as_json_there_is_nothing_but_the_counts(planned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMLINE_KEY", f"{new_key()} {planned.key}")
    counts = {"codes": 3, "older": 0, "unreadable": 0, "unreadable_iccids": []}
    assert planned.simline("rotate-key", "--json").json == counts | {"resealed": 3}
    assert planned.simline("rotate-key", "--json").json == counts | {"resealed": 0}


def test_codes_that_no_key_opens_are_named(planned: Any, iccid: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMLINE_KEY", new_key())
    said = planned.simline("rotate-key")
    assert said.status == NEEDS_YOU
    assert "3 codes open with no key of SIMLINE_KEY: " + ", ".join(iccid(number) for number in range(3)) in said.out


def test_with_nothing_stored_and_without_a_key(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No registration code is stored" in place.simline("rotate-key").out
    monkeypatch.delenv("SIMLINE_KEY")
    said = place.simline("rotate-key")
    assert said.status == CANNOT
    assert "SIMLINE_KEY is not set. Set it to the new key, a comma, and the old one." in said.err


def test_check_says_whether_the_key_is_that_of_the_stored_codes(planned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "✓ stored codes: SIMLINE_KEY opens them." in planned.simline("check").out
    monkeypatch.setenv("SIMLINE_KEY", f"{new_key()},{planned.key}")
    said = planned.simline("check").out
    assert "✓ key: SIMLINE_KEY can seal registration codes, with the first of its keys." in said
    assert "✓ stored codes: SIMLINE_KEY opens them." in said
    monkeypatch.setenv("SIMLINE_KEY", new_key())
    other = planned.simline("check")
    assert other.status == CANNOT
    assert "✗ stored codes: SIMLINE_KEY opens none of them" in other.out


def test_a_code_of_another_import_is_said_by_check(planned: Any, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMLINE_KEY", new_key())
    planned.simline("import", planned.file("more.csv", *rows(1, first=10)), *WHERE)
    said = planned.simline("check")
    assert said.status == FINE
    assert "SIMLINE_KEY opens some of them only: `simline rotate-key` names the others." in said.out


def test_none_of_several_keys_reaches_the_details_of_an_error() -> None:
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    for text in (keys[0], keys[1], ",".join(keys)):
        told = details_of(ValueError(f"about {text}"), {"SIMLINE_KEY": ",".join(keys)})
        assert not any(key in told for key in keys)
