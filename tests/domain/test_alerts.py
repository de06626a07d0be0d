"""Alerts: what is the same occurrence, and how often a delivery is tried."""

from hypothesis import given
from hypothesis import strategies as st

from domain.alerts import TRIES, Alert, AlertKind, Severity, Subject, one_line, pause_after


def alert(**changes: object) -> Alert:
    """An alert about the product `tracker`."""
    usual = {"kind": AlertKind.TEST, "severity": Severity.INFO, "subject": Subject("tracker"), "sentence": "Look."}
    return Alert(**(usual | changes))  # type: ignore[arg-type]


def test_words_severity_and_level_do_not_make_another_occurrence() -> None:
    assert alert().key == alert(sentence="Else.", severity=Severity.CRITICAL, level=90, facts={"a": 1}).key


def test_kind_subject_and_period_each_make_another_occurrence() -> None:
    others = [alert(kind=AlertKind.STUCK), alert(subject=Subject(carrier_account="tracker")), alert(period="2026-11")]
    assert len({alert().key, *(one.key for one in others)}) == 4


def test_pauses_grow_and_come_to_an_end() -> None:
    pauses = [pause_after(attempts) for attempts in range(1, TRIES + 2)]
    given_ = [pause for pause in pauses if pause is not None]
    assert pauses[TRIES - 1 :] == [None, None]
    assert len(given_) == TRIES - 1
    assert given_ == sorted(given_)


@given(st.text(), st.integers(min_value=1, max_value=80))
def test_foreign_words_become_one_short_line(text: str, longest: int) -> None:
    shown = one_line(text, longest)
    assert len(shown) <= longest
    assert all(sign.isprintable() for sign in shown)
    assert shown.splitlines() in ([], [shown])
