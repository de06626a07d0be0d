from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from domain.lifecycle import Stage, Step
from storage import ledger
from storage.correcting import claim_again, refused_claims
from storage.database import Database
from storage.schema import history, operations, sims
from tests.storage.statements import statements_of

Numbers = Callable[[int], list[str]]
Delivered = Callable[..., str]


@pytest.fixture
def refused(stocked: Database, delivered: Delivered, iccids: Numbers) -> list[str]:
    """Five SIMs; the carrier refused the claims of all but the last."""
    numbers = iccids(5)
    delivered("a.txt", numbers, registration_codes=[b"old"] * 5)
    with stocked.begin() as tx:
        c = operations.c
        tx.execute(update(operations).where(c.iccid != numbers[-1]).values(step=Step.REJECTED.value))
    return numbers


def test_refused_claims_come_with_the_code_that_was_refused(stocked: Database, refused: list[str]) -> None:
    with stocked.begin() as tx:
        found = refused_claims(tx, refused[2:])
        assert sorted((one.iccid, one.sealed_code) for one in found) == [(refused[2], b"old"), (refused[3], b"old")]
        assert refused_claims(tx, []) == []


def test_what_somebody_else_is_moving_now_is_left_out(stocked: Database, refused: list[str]) -> None:
    if not stocked.is_postgresql:
        pytest.skip("SQLite has one writer")
    with stocked.begin() as other, stocked.begin() as tx:
        other.execute(update(operations).where(operations.c.iccid == refused[0]).values(detail="mine"))
        assert [one.iccid for one in refused_claims(tx, refused[:2])] == [refused[1]]


def test_a_new_code_is_kept_and_the_claim_begins_anew(stocked: Database, refused: list[str]) -> None:
    with stocked.begin() as tx:
        tx.execute(update(operations).values(attempt=4))
        claim_again(tx, refused_claims(tx, refused[:1]), {refused[0]: b"n=-_w"}, detail="Why.", actor="ann")
        codes = dict(tx.execute(select(sims.c.iccid, sims.c.registration_code)).tuples().all())
        moved = tx.execute(select(operations).where(operations.c.iccid == refused[0])).one()
        (told,) = tx.execute(select(history)).all()
    assert (codes[refused[0]], codes[refused[1]]) == (b"n=-_w", b"old")
    assert (moved.step, moved.stage, moved.attempt, moved.reason) == (Step.PLANNED, Stage.CLAIM, 0, "corrected")
    assert (told.actor, told.detail) == ("ann", "Why.")


def test_many_corrections_take_as_many_statements_as_one(stocked: Database, refused: list[str]) -> None:
    counts = []
    with stocked.begin() as tx:
        tx.now()
        for some in (refused[:1], refused[1:4]):
            codes = dict.fromkeys(some, b"new")

            def correct(some: list[str] = some, codes: dict[str, bytes] = codes) -> None:
                claim_again(tx, refused_claims(tx, some), codes, detail="", actor="ann")

            counts.append(len(statements_of(tx, correct)))
    assert counts[0] == counts[1] < 12


def test_sims_are_asked_for_by_their_numbers_and_joined_to_nothing(stocked: Database, refused: list[str]) -> None:
    """Joined, PostgreSQL may read all SIMs for each operation: its guess of one makes that as good as a look."""
    manifest_id = f"m-{'0' * 12}"
    with stocked.begin() as tx:
        asked = statements_of(tx, lambda: refused_claims(tx, refused))
        asked += statements_of(tx, lambda: ledger.at_step(tx, manifest_id, Step.REJECTED, product_id="tracker"))
    assert sum("sims" in statement for statement, _ in asked) == 2
    assert not any("JOIN" in statement for statement, _ in asked)
