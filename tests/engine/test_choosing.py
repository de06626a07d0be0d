"""Of the lines of one SIM the first that has a place counts, wherever the blocks of the file end."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from domain.lifecycle import Step
from domain.lines import LineCounts, LineOutcome, Reason, Verdict
from engine import intake
from engine.intake import Intake
from storage import audit, outcomes
from tests.engine.rig import Rig, iccids

HEADER = "iccid,product,home_country,registration_code"
GOOD = "tracker,DE,code"
NO_PRODUCT, NO_COUNTRY, NO_CODE = "nothing,DE,code", "tracker,XX,code", "tracker,DE,"


@pytest.fixture(params=[1, 2, 3, 65_536])
def rig(scripted_rig: Rig, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """An engine whose readers give blocks of so many lines."""
    usual = intake.reading_rules
    monkeypatch.setattr(intake, "reading_rules", lambda context: replace(usual(context), block_lines=request.param))
    return scripted_rig


def take_in(rig: Rig, rows: Sequence[tuple[str, str]]) -> Intake:
    """A manifest of these (ICCID, rest of the row), from line 2 on."""
    return rig.take_in("a.csv", "\n".join([HEADER, *(f"{iccid},{rest}" for iccid, rest in rows), ""]))


def told(rig: Rig, taken: Intake) -> dict[int, LineOutcome]:
    with rig.context.database.read() as tx:
        assert list(audit.manifests_that_do_not_add_up(tx)) == []
        return {one.line: one for one in outcomes.outcomes(tx, taken.manifest_id) if one.line > 1}


def test_a_later_line_of_a_sim_that_was_rejected_takes_its_place(rig: Rig) -> None:
    one, two = iccids(2)
    taken = take_in(rig, [(one, NO_PRODUCT), (two, GOOD), (one, NO_CODE), (one, GOOD), (one, GOOD), (two, NO_COUNTRY)])
    assert taken.counts == LineCounts(7, ignored=1, accepted=2, rejected=2, duplicate=2)
    said = told(rig, taken)
    assert {line: one.reason for line, one in said.items()} == {
        2: Reason.UNKNOWN_PRODUCT,
        4: Reason.REGISTRATION_CODE_MISSING,
        6: Reason.DUPLICATE_IN_FILE,
        7: Reason.DUPLICATE_IN_FILE,
    }
    assert (said[6].detail, said[7].detail) == ("Taken from line 5.", "First on line 3.")
    assert rig.steps() == {Step.PLANNED: 2}


def test_each_line_of_a_sim_without_a_place_is_rejected_for_its_own_reason(rig: Rig) -> None:
    (one,) = iccids(1)
    taken = take_in(rig, [(one, NO_PRODUCT), (one, NO_COUNTRY), (one, NO_CODE)])
    assert taken.counts == LineCounts(4, ignored=1, rejected=3)
    assert [outcome.reason for outcome in told(rig, taken).values()] == [
        Reason.UNKNOWN_PRODUCT,
        Reason.UNKNOWN_COUNTRY,
        Reason.REGISTRATION_CODE_MISSING,
    ]


def test_a_bad_line_after_the_one_that_was_taken_is_a_duplicate(rig: Rig) -> None:
    (one,) = iccids(1)
    taken = take_in(rig, [(one, GOOD), (one, NO_PRODUCT)])
    assert told(rig, taken)[3].verdict is Verdict.DUPLICATE


def test_a_line_that_takes_the_place_can_be_known_or_another_products(rig: Rig) -> None:
    one, two = iccids(2)
    rig.take_in("first.csv", f"{HEADER}\n{one},tracker,DE,code\n{two},scooter,DE,code\n")
    taken = take_in(rig, [(one, NO_PRODUCT), (one, GOOD), (two, NO_PRODUCT), (two, GOOD), (two, GOOD)])
    assert taken.counts == LineCounts(6, ignored=1, rejected=3, duplicate=1, known=1)
    assert told(rig, taken)[5].reason is Reason.OTHER_PRODUCT


@pytest.mark.parametrize("seed", range(3))
def test_every_line_ends_as_if_the_lines_were_read_one_by_one(rig: Rig, seed: int) -> None:
    chance = random.Random(seed)
    rows = [(chance.choice(iccids(9)), chance.choice([GOOD, NO_PRODUCT, NO_COUNTRY, NO_CODE])) for _ in range(60)]
    expected: dict[int, Verdict] = {}
    placed: set[str] = set()
    for line, (iccid, rest) in enumerate(rows, start=2):
        if iccid in placed:
            expected[line] = Verdict.DUPLICATE
        elif rest == GOOD:
            placed.add(iccid)
        else:
            expected[line] = Verdict.REJECTED
    taken = take_in(rig, rows)
    assert {line: one.verdict for line, one in told(rig, taken).items()} == expected
    assert rig.steps() == {Step.PLANNED: len(placed)}
