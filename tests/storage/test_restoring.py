from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from domain.lifecycle import Step
from storage import audit, restoring
from storage import ledger as the_ledger
from storage.database import Database
from storage.ledger import Move
from storage.restoring import AtStake, Clocks
from storage.schema import history, operations
from tests.conftest import MovingClock

Numbers = Callable[[int], list[str]]
Delivered = Callable[..., str]
CLOCKS = Clocks(wait_seconds=420, deadline_seconds=86_400)
STEPS = list(Step)
FAR = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def ledger(stocked: Database, delivered: Delivered, iccids: Numbers, moving_clock: MovingClock) -> Database:
    """One operation at each step, in the order of `STEPS`, written down an hour ago."""
    delivered("a.txt", iccids(len(STEPS)), steps=[step.value for step in STEPS])
    with stocked.begin() as tx:
        times = {
            "intent_at": tx.now(),
            "accepted_at": tx.now(),
            "due_at": tx.now(),
            "attempt": 3,
            "carrier_request": "job",
        }
        tx.execute(update(operations).values(times))
    moving_clock.move(3600)
    return stocked


def at(database: Database, step: Step) -> list[int]:
    with database.read() as tx:
        return list(tx.execute(select(operations.c.id).where(operations.c.step == step.value)).scalars())


def test_what_is_at_stake_is_planned_or_in_progress(ledger: Database) -> None:
    with ledger.begin() as tx:
        assert restoring.at_stake(tx) == [AtStake("kore", planned=1, in_progress=4, leased=0)]
        tx.execute(update(operations).where(operations.c.step == "sent").values(fence="f", due_at=FAR))
        assert restoring.at_stake(tx) == [AtStake("kore", planned=1, in_progress=4, leased=1)]


def test_only_planned_operations_become_unknown_and_wait(ledger: Database) -> None:
    (planned,) = at(ledger, Step.PLANNED)
    with ledger.begin() as tx:
        assert restoring.doubt_planned(tx, "other", CLOCKS, limit=10, reason="Lost.", actor="ann") == 0
        assert restoring.doubt_planned(tx, "kore", CLOCKS, limit=10, reason="Lost.", actor="ann") == 1
        assert restoring.doubt_planned(tx, "kore", CLOCKS, limit=10, reason="Lost.", actor="ann") == 0
        row = tx.execute(select(operations).where(operations.c.id == planned)).one()
        (told,) = tx.execute(select(history)).all()
        now = tx.now()
    assert (row.step, row.reason, row.attempt, row.intent_at) == ("unknown", "restored", 0, now)
    assert row.carrier_request is None
    assert ((row.due_at - now).total_seconds(), (row.deadline_at - now).total_seconds()) == (420, 86_400)
    assert (told.from_step, told.to_step, told.detail, told.actor) == ("planned", "unknown", "Lost.", "ann")


def test_no_more_than_asked_for_become_unknown_at_once(
    stocked: Database, delivered: Delivered, iccids: Numbers
) -> None:
    delivered("a.txt", iccids(5))
    with stocked.begin() as tx:
        doubted = [restoring.doubt_planned(tx, "kore", CLOCKS, limit=2, reason="", actor="ann") for _ in range(4)]
    assert doubted == [2, 2, 1, 0]


def test_the_clocks_of_what_is_open_start_anew_and_no_other(ledger: Database) -> None:
    with ledger.begin() as tx:
        assert restoring.restart_open(tx, "kore", CLOCKS) == 4
        now = tx.now()
        rows = {Step(row.step): row for row in tx.execute(select(operations))}
    for step in (Step.SENT, Step.ACCEPTED, Step.UNKNOWN):
        row = rows[step]
        assert (row.intent_at, row.accepted_at, row.carrier_request) == (now, now, None)
        assert ((row.due_at - now).total_seconds(), (row.deadline_at - now).total_seconds()) == (420, 86_400)
    assert (rows[Step.INTENT].intent_at, rows[Step.INTENT].due_at < now) == (now, True)
    assert {step for step, row in rows.items() if row.intent_at < now} == set(Step) - {
        Step.INTENT, Step.SENT, Step.ACCEPTED, Step.UNKNOWN,
    }  # fmt: skip


def test_what_was_never_accepted_is_not_made_so(ledger: Database) -> None:
    with ledger.begin() as tx:
        tx.execute(update(operations).values(accepted_at=None))
        restoring.restart_open(tx, "kore", CLOCKS)
        assert set(tx.execute(select(operations.c.accepted_at)).scalars()) == {None}


def test_a_leased_operation_is_left_to_whoever_holds_it(ledger: Database) -> None:
    with ledger.begin() as tx:
        tx.execute(update(operations).where(operations.c.step == "sent").values(fence="f", due_at=FAR))
        assert restoring.restart_open(tx, "kore", CLOCKS) == 3


def test_what_is_planned_again_too_soon_after_it_was_restored_is_seen(
    stocked: Database, delivered: Delivered, iccids: Numbers, moving_clock: MovingClock
) -> None:
    delivered("a.txt", iccids(1))
    with stocked.begin() as tx:
        restoring.doubt_planned(tx, "kore", CLOCKS, limit=1, reason="", actor="ann")
    moving_clock.move(299)
    with stocked.begin() as tx:
        ids = tuple(tx.execute(select(operations.c.id)).scalars())
        the_ledger.move(tx, Move(Step.UNKNOWN, Step.PLANNED, "untouched", ids), actor="worker", fence=None)
        assert audit.planned_again_within(tx, "kore", 300) == [(iccids(1)[0], 299.0)]
        assert audit.planned_again_within(tx, "kore", 299) == []
