"""A carrier's word that no table has is kept for people, and is no state of ours."""

import logging

import pytest

from carriers.words import fields_of, known_state
from domain.lifecycle import SimState


def test_a_word_that_is_known_is_its_state_and_nobody_is_bothered(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert known_state(SimState.ACTIVE, "Acme", "on", "8988") is SimState.ACTIVE
    assert caplog.text == ""


def test_a_word_that_is_not_known_is_unknown_and_logged_with_its_sim(caplog: pytest.LogCaptureFixture) -> None:
    assert known_state(None, "Acme", "recalibrating", "8988") is SimState.UNKNOWN
    assert "Acme says 'recalibrating' of ICCID 8988" in caplog.text


@pytest.mark.parametrize("document", [None, [], "sid", 1])
def test_what_is_no_object_has_no_fields(document: object) -> None:
    assert fields_of(document) == {}
