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


def later(
    tx: Transaction, iccid: str | None, account: str = "kore", reference: str | None = None
) -> list[hints.LaterLook]:
    return hints.later_looks(tx, account, iccid=iccid, carrier_reference=reference, floor_seconds=FLOOR)


def hint(tx: Transaction, iccid: str | None, account: str = "kore", reference: str | None = None) -> int:
    return hints.bring_forward(tx, later(tx, iccid, account, reference))


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


def hinted(tx: Transaction) -> dict[str, datetime | None]:
    c = operations.c
    return {row.iccid: row.hinted_at for row in tx.execute(select(c.iccid, c.hinted_at))}


@pytest.mark.parametrize("step", [Step.ACCEPTED, Step.SENT])
def test_a_hint_before_the_answer_is_committed_counts_once_the_carrier_has_taken_it(
    stocked: Database, numbers: list[str], step: Step, moving_clock: MovingClock
) -> None:
    with stocked.begin() as tx:
        taken = ledger.take_to_send(tx, "kore", LEASE, limit=10, deadline_seconds=86_400)
        lease_ends = due(tx)
        assert hint(tx, numbers[0]) == 1
        assert due(tx) == lease_ends
    called_at, ids = moving_clock(), tuple(one.id for one in taken)
    answered_at = moving_clock.move(2)
    with stocked.begin() as tx:
        ledger.move(tx, Move(Step.INTENT, step, "test", ids, due_in_seconds=600), actor="w", fence="mine")
        assert due(tx) == {numbers[0]: called_at, numbers[1]: answered_at + timedelta(seconds=600)}
        assert hinted(tx) == dict.fromkeys(numbers)


@pytest.mark.parametrize("step", [Step.UNKNOWN, Step.PLANNED, Step.DONE])
def test_a_hint_before_the_answer_shortens_no_quiet_period_and_is_forgotten_with_any_other_answer(
    stocked: Database, numbers: list[str], step: Step
) -> None:
    with stocked.begin() as tx:
        ids = tuple(one.id for one in ledger.take_to_send(tx, "kore", LEASE, limit=10, deadline_seconds=86_400))
        assert hint(tx, numbers[0]) == 1
        ledger.move(tx, Move(Step.INTENT, step, "test", ids, due_in_seconds=600), actor="w", fence="mine")
        assert due(tx) == dict.fromkeys(numbers, tx.now() + timedelta(seconds=600))
        assert hinted(tx) == dict.fromkeys(numbers)


def test_a_sim_that_somebody_looks_at_right_now_is_looked_at_again_after_the_floor(
    stocked: Database, numbers: list[str], moving_clock: MovingClock
) -> None:
    with stocked.begin() as tx:
        bring(tx, Step.ACCEPTED)
    looked_at = moving_clock.move(601)
    with stocked.begin() as tx:
        taken = ledger.take_to_settle(tx, "kore", LEASE, limit=10)
        lease_ends = due(tx)
        assert hint(tx, numbers[0]) == 1
        assert due(tx) == lease_ends
    given_back_at = moving_clock.move(1)
    with stocked.begin() as tx:
        ledger.look_again(tx, [one.id for one in taken], fence="mine", in_seconds=900)
        again = {numbers[0]: looked_at + timedelta(seconds=FLOOR), numbers[1]: given_back_at + timedelta(seconds=900)}
        assert due(tx) == again
        assert hinted(tx) == dict.fromkeys(numbers)


def test_a_hint_puts_no_look_off_that_comes_sooner_anyway(stocked: Database, numbers: list[str]) -> None:
    with stocked.begin() as tx:
        bring(tx, Step.ACCEPTED, due_in_seconds=0)
        taken = ledger.take_to_settle(tx, "kore", LEASE, limit=10)
        assert hint(tx, numbers[0]) == 1
        ledger.look_again(tx, [one.id for one in taken], fence="mine", in_seconds=1)
        assert due(tx) == dict.fromkeys(numbers, tx.now() + timedelta(seconds=1))


def test_a_flood_about_a_sim_that_is_held_writes_once(stocked: Database, numbers: list[str]) -> None:
    with stocked.begin() as tx:
        ledger.take_to_send(tx, "kore", LEASE, limit=10, deadline_seconds=86_400)
        looks = later(tx, numbers[0])
        assert hints.bring_forward(tx, looks) == 1
        assert later(tx, numbers[0]) == []
        assert hints.bring_forward(tx, looks) == 0


def test_whoever_takes_a_sim_over_from_a_dead_worker_makes_the_look_that_was_hinted_at(
    stocked: Database, numbers: list[str], moving_clock: MovingClock
) -> None:
    with stocked.begin() as tx:
        bring(tx, Step.ACCEPTED, due_in_seconds=0)
        ledger.take_to_settle(tx, "kore", LEASE, limit=10)
        assert hint(tx, numbers[0]) == 1
    now = moving_clock.move(LEASE.seconds)
    with stocked.begin() as tx:
        taken = ledger.take_to_settle(tx, "kore", Lease("other", "heir", 60), limit=10)
        assert hinted(tx) == dict.fromkeys(numbers)
        ledger.look_again(tx, [one.id for one in taken], fence="other", in_seconds=900)
        assert due(tx) == dict.fromkeys(numbers, now + timedelta(seconds=900))


def test_a_hint_for_a_lease_that_has_ended_meanwhile_is_not_left_beside_another(
    stocked: Database, numbers: list[str]
) -> None:
    with stocked.begin() as tx:
        bring(tx, Step.ACCEPTED, due_in_seconds=0)
        taken = ledger.take_to_settle(tx, "kore", LEASE, limit=10)
        looks = later(tx, numbers[0])
        ledger.look_again(tx, [one.id for one in taken], fence="mine", in_seconds=0)
        assert hints.bring_forward(tx, looks) == 0
        ledger.take_to_settle(tx, "kore", Lease("other", "worker", 60), limit=10)
        assert hints.bring_forward(tx, looks) == 0
        assert hinted(tx) == dict.fromkeys(numbers)


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
        looks = later(tx, numbers[0])
        assert len(looks) == 1
        tx.execute(update(operations).values(due_at=tx.now() + timedelta(seconds=30)))
        before = due(tx)
        assert hints.bring_forward(tx, looks) == 0
        assert due(tx) == before


@pytest.mark.parametrize("held", [False, True])
def test_no_step_changes_and_nothing_is_written_into_the_history(
    stocked: Database, numbers: list[str], *, held: bool
) -> None:
    c = operations.c
    written = c.hinted_at if held else c.due_at
    everything_else = select(*(column for column in c if column is not written)).order_by(c.id)
    with stocked.begin() as tx:
        bring(tx, Step.ACCEPTED, due_in_seconds=0 if held else 600)
        assert len(ledger.take_to_settle(tx, "kore", LEASE, limit=10)) == (2 if held else 0)
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
