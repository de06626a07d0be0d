"""A hint brings a look forward, never nearer than the floor after the last one, and touches nothing else."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from domain.lifecycle import Step
from storage import hints, ledger
from storage.database import Database, Transaction
from storage.ledger import Lease, Move
from storage.schema import history, operations, sims
from tests.conftest import MovingClock

Delivery = Callable[..., str]
Numbers = Callable[[int], list[str]]
Explained = Callable[[Transaction, Callable[[], object]], str]
LEASE = Lease("mine", "worker", 60)
FLOOR = 5.0


@pytest.fixture
def numbers(delivered: Delivery, iccids: Numbers) -> list[str]:
    """Two SIMs that were taken in."""
    two = iccids(2)
    delivered("a.csv", two)
    return two


def bring(tx: Transaction, target: Step, *, due_in_seconds: float = 600) -> None:
    """Every operation to this step, as if the carrier had answered so."""
    taken = ledger.take_to_send(tx, "kore", LEASE, limit=10, deadline_seconds=86_400)
    ids = tuple(one.id for one in taken)
    ledger.move(tx, Move(Step.INTENT, target, "test", ids, due_in_seconds=due_in_seconds), actor="w", fence="mine")


def hint(tx: Transaction, iccid: str | None, account: str = "kore", reference: str | None = None) -> int:
    looks = hints.later_looks(tx, account, iccid=iccid, carrier_reference=reference, floor_seconds=FLOOR)
    return hints.bring_forward(tx, looks)


def due(tx: Transaction) -> dict[str, datetime]:
    c = operations.c
    return {row.iccid: row.due_at for row in tx.execute(select(c.iccid, c.due_at))}


@pytest.mark.parametrize("step", [Step.ACCEPTED, Step.SENT])
def test_what_the_carrier_has_taken_is_looked_at_now(
    stocked: Database, numbers: list[str], step: Step, moving_clock: MovingClock
) -> None:
    with stocked.begin() as tx:
        bring(tx, step)
    now = moving_clock.move(60)
    with stocked.begin() as tx:
        assert hint(tx, numbers[0]) == 1
        assert due(tx) == {numbers[0]: now, numbers[1]: now + timedelta(seconds=540)}
        assert hint(tx, numbers[0]) == 0


@pytest.mark.parametrize("step", [Step.UNKNOWN, Step.REJECTED, Step.NEEDS_REVIEW, Step.DONE, Step.PLANNED])
def test_the_quiet_period_of_an_unknown_outcome_and_what_has_ended_stay_as_they_are(
    stocked: Database, numbers: list[str], step: Step
) -> None:
    with stocked.begin() as tx:
        bring(tx, step)
        before = due(tx)
        assert hint(tx, numbers[0]) == 0
        assert due(tx) == before


def test_an_intention_is_not_touched(stocked: Database, numbers: list[str]) -> None:
    with stocked.begin() as tx:
        ledger.take_to_send(tx, "kore", LEASE, limit=10, deadline_seconds=86_400)
        before = due(tx)
        assert hint(tx, numbers[0]) == 0
        assert due(tx) == before


def test_a_sim_that_somebody_looks_at_right_now_is_left_to_him(
    stocked: Database, numbers: list[str], moving_clock: MovingClock
) -> None:
    with stocked.begin() as tx:
        bring(tx, Step.ACCEPTED)
    moving_clock.move(601)
    with stocked.begin() as tx:
        assert len(ledger.take_to_settle(tx, "kore", LEASE, limit=10)) == 2
        before = due(tx)
        looks = hints.later_looks(tx, "kore", iccid=numbers[0], carrier_reference=None, floor_seconds=FLOOR)
        assert looks == []
        assert hint(tx, numbers[0]) == 0
        assert due(tx) == before


def test_soon_after_a_look_the_next_one_waits_for_the_floor(
    stocked: Database, numbers: list[str], moving_clock: MovingClock
) -> None:
    with stocked.begin() as tx:
        bring(tx, Step.ACCEPTED, due_in_seconds=0)
        taken = ledger.take_to_settle(tx, "kore", LEASE, limit=10)
        ledger.look_again(tx, [one.id for one in taken], fence="mine", in_seconds=900)
    looked_at = moving_clock()
    moving_clock.move(2)
    with stocked.begin() as tx:
        assert hint(tx, numbers[0]) == 1
        assert due(tx)[numbers[0]] == looked_at + timedelta(seconds=FLOOR)
        assert hint(tx, numbers[0]) == 0


def test_a_look_is_never_put_off(stocked: Database, numbers: list[str], moving_clock: MovingClock) -> None:
    with stocked.begin() as tx:
        bring(tx, Step.ACCEPTED, due_in_seconds=1)
        assert hint(tx, numbers[0]) == 1
    moving_clock.move(10)
    with stocked.begin() as tx:
        before = due(tx)
        assert hint(tx, numbers[1]) == 0
        assert due(tx) == before


def test_a_sim_is_found_by_the_carriers_own_id_too_and_only_in_its_own_account(
    stocked: Database, numbers: list[str]
) -> None:
    with stocked.begin() as tx:
        bring(tx, Step.ACCEPTED)
        tx.execute(update(sims).where(sims.c.iccid == numbers[1]).values(carrier_reference="HS1"))
        assert hint(tx, None, "other", "HS1") == hint(tx, numbers[1], "other") == 0
        assert hint(tx, None, reference="HS2") == hint(tx, None) == 0
        assert hint(tx, None, reference="HS1") == 1
        assert due(tx)[numbers[1]] < due(tx)[numbers[0]]


def test_what_has_changed_since_it_was_read_stays_as_it_is(stocked: Database, numbers: list[str]) -> None:
    with stocked.begin() as tx:
        bring(tx, Step.ACCEPTED)
        looks = hints.later_looks(tx, "kore", iccid=numbers[0], carrier_reference=None, floor_seconds=FLOOR)
        assert len(looks) == 1
        tx.execute(update(operations).values(due_at=tx.now() + timedelta(seconds=30)))
        before = due(tx)
        assert hints.bring_forward(tx, looks) == 0
        assert due(tx) == before


def test_no_step_changes_and_nothing_is_written_into_the_history(stocked: Database, numbers: list[str]) -> None:
    c = operations.c
    with stocked.begin() as tx:
        bring(tx, Step.ACCEPTED)
        everything_else = select(*(column for column in c if column.name != "due_at")).order_by(c.id)
        before = tx.execute(everything_else).all(), tx.execute(select(history)).all()
        assert hint(tx, numbers[0]) == 1
        assert (tx.execute(everything_else).all(), tx.execute(select(history)).all()) == before


@pytest.mark.parametrize(
    "named", [{"iccid": "8", "carrier_reference": None}, {"iccid": None, "carrier_reference": "H"}]
)
def test_no_table_is_read_whole_for_a_hint(
    stocked: Database, explained: Explained, named: dict[str, str | None]
) -> None:
    with stocked.begin() as tx:
        plan = explained(tx, lambda: hints.later_looks(tx, "kore", floor_seconds=FLOOR, **named))
    assert "Seq Scan" not in plan
    assert "SCAN" not in plan
    assert ("ix_sims_named" in plan) == (named["iccid"] is None)
    assert "uq_operations_iccid_action_generation" in plan or "sqlite_autoindex_operations" in plan
