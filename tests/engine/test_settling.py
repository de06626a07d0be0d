"""What is open is settled by reading, and only by whoever holds the lease when it is written down."""

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from sqlalchemy import select, update

from carriers.contract import Answer, AnswerKind, CarrierSim, Order
from carriers.errors import CarrierDown, OutcomeUnknown, ReadFailed
from domain.lifecycle import SimState, Stage, Step
from engine.sending import send_due
from engine.settling import settle_due
from storage import limits, schema, sims
from storage.database import Database
from storage.schema import operations
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig, iccids
from tests.engine.scripted import REFERENCE, ScriptedCarrier, active

QUIET, LEASE, DAY = 60.0, 90.0, 86_400.0


def lose(order: Order) -> Answer:
    """The answer never comes."""
    raise OutcomeUnknown(f"no answer for {order.iccid}")


def accept(order: Order) -> Answer:
    return Answer(order.iccid, AnswerKind.ACCEPTED, "scheduled", carrier_reference=REFERENCE)


def shows(state: SimState) -> Callable[[str], CarrierSim]:
    return lambda iccid: CarrierSim(iccid, state, state.value, REFERENCE)


def unreadable(*broken: str) -> Callable[[str], CarrierSim]:
    def show(iccid: str) -> CarrierSim:
        if iccid in broken:
            raise ReadFailed("no usable answer")
        return active(iccid)

    return show


@pytest.fixture(autouse=True)
def one_by_one(scripted: ScriptedCarrier) -> None:
    scripted.can(claims=False, page_size=0)


@pytest.fixture
def send(scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock) -> Iterator[Callable[..., None]]:
    """Load so many SIMs and send them, each with this answer."""

    def load_and_send(answer: Callable[[Order], Answer], count: int = 1) -> None:
        scripted_rig.load(count)
        scripted.answer = answer
        send_due(scripted_rig.context, ACCOUNT)

    yield load_and_send


def settle(rig: Rig) -> dict[Step, int]:
    settle_due(rig.context, ACCOUNT)
    return rig.steps()


def seen_state(database: Database, iccid: str) -> SimState:
    with database.read() as tx:
        row = sims.one(tx, iccid)
    assert row
    return row.state


def due_in_seconds(database: Database, now: datetime) -> list[float]:
    with database.read() as tx:
        due = tx.execute(select(operations.c.due_at).order_by(operations.c.id)).scalars()
        return [(at - now).total_seconds() for at in due]


def test_a_lost_request_is_not_even_read_before_the_quiet_period(
    send: Callable[..., None], scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    send(lose)
    moving_clock.move(QUIET - 1)
    assert settle(scripted_rig) == {Step.UNKNOWN: 1}
    assert scripted.read_iccids == []


def test_a_lost_request_that_took_effect_is_done(
    send: Callable[..., None], scripted_rig: Rig, moving_clock: MovingClock
) -> None:
    send(lose)
    moving_clock.move(QUIET)
    assert settle(scripted_rig) == {Step.DONE: 1}


def test_a_lost_request_without_effect_is_planned_again_when_lease_and_quiet_period_are_over(
    send: Callable[..., None], scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    send(lose)
    scripted.show = shows(SimState.INACTIVE)
    moving_clock.move(QUIET)
    assert settle(scripted_rig) == {Step.UNKNOWN: 1}
    moving_clock.move(LEASE)
    assert settle(scripted_rig) == {Step.PLANNED: 1}


def test_a_sim_seen_untouched_before_the_quiet_period_ended_is_not_planned_however_long_the_reading_takes(
    send: Callable[..., None], scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    send(lose)

    def show_slowly(iccid: str) -> CarrierSim:
        sim = shows(SimState.INACTIVE)(iccid)
        moving_clock.move(50)
        return sim

    scripted.show = show_slowly
    moving_clock.move(LEASE + QUIET - 20)
    assert settle(scripted_rig) == {Step.UNKNOWN: 1}


def test_an_intent_without_an_answer_becomes_unknown_when_its_lease_ends(
    scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    scripted_rig.load(3)

    def die(_order: Order) -> Answer:
        raise KeyboardInterrupt

    scripted.answer = die
    with pytest.raises(KeyboardInterrupt):
        send_due(scripted_rig.context, ACCOUNT)
    assert settle(scripted_rig) == {Step.INTENT: 3}
    moving_clock.move(LEASE)
    assert settle(scripted_rig) == {Step.UNKNOWN: 3}
    moving_clock.move(QUIET)
    assert settle(scripted_rig) == {Step.DONE: 3}


def test_nothing_is_expired_while_its_worker_may_live(scripted_rig: Rig, moving_clock: MovingClock) -> None:
    scripted_rig.load(1)
    with pytest.raises(ZeroDivisionError):
        send_due(scripted_rig.but(at=lambda label: 1 / 0 if label == "after-intent-commit" else 0).context, ACCOUNT)
    moving_clock.move(LEASE - 1)
    assert settle(scripted_rig) == {Step.INTENT: 1}


def test_a_carrier_without_a_read_leaves_the_unknown_to_a_person(
    send: Callable[..., None], scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    scripted.can(can_read=False)
    send(lose)
    moving_clock.move(QUIET)
    assert settle(scripted_rig) == {Step.NEEDS_REVIEW: 1}
    assert scripted.read_iccids == []


def test_accepted_sims_that_stay_in_progress_are_timed_out_after_24_hours(
    send: Callable[..., None], scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    send(accept)
    scripted.show = shows(SimState.ACTIVATING)
    moving_clock.move(DAY - 1)
    assert settle(scripted_rig) == {Step.ACCEPTED: 1}
    moving_clock.move(900)
    assert settle(scripted_rig) == {Step.TIMED_OUT: 1}


def test_looks_become_rarer_with_age(
    send: Callable[..., None], scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    send(accept)
    scripted.show = shows(SimState.ACTIVATING)
    waits = []
    for _ in range(12):
        (wait,) = due_in_seconds(scripted_rig.context.database, moving_clock())
        waits.append(wait)
        moving_clock.move(wait)
        settle(scripted_rig)
    assert waits == sorted(waits)
    assert waits[0] == 1.0
    assert waits[-1] > 2.0


def test_a_sim_that_cannot_be_read_holds_up_no_other(
    send: Callable[..., None], scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    send(accept, count=5)
    first = iccids(1)[0]
    scripted.show = unreadable(first)
    moving_clock.move(5)
    assert settle(scripted_rig) == {Step.DONE: 4, Step.ACCEPTED: 1}
    with scripted_rig.context.database.read() as tx:
        assert limits.circuit(tx, ACCOUNT).failures_in_a_row == 0


def test_where_there_is_no_time_for_all_those_come_first_that_were_looked_at_least(
    scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    scripted.can(claims=False, page_size=0)
    scripted.answer = lambda order: Answer(order.iccid, AnswerKind.ACCEPTED, carrier_reference=REFERENCE)
    scripted_rig.load(4)
    send_due(scripted_rig.context, ACCOUNT)
    moving_clock.move(3600)
    looks = dict(zip(iccids(4), [7, 2, 0, 2], strict=True))
    with scripted_rig.context.database.begin() as tx:
        for iccid, count in looks.items():
            tx.execute(update(operations).where(operations.c.iccid == iccid).values(looks=count))
    settle_due(scripted_rig.context, ACCOUNT)
    assert scripted.read_iccids == sorted(looks, key=lambda iccid: (looks[iccid], iccid))


def test_a_sim_that_cannot_be_read_for_24_hours_is_timed_out(
    send: Callable[..., None], scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    send(accept)
    scripted.show = unreadable(*iccids(1))
    moving_clock.move(DAY)
    assert settle(scripted_rig) == {Step.ACCEPTED: 1}
    moving_clock.move(900)
    assert settle(scripted_rig) == {Step.TIMED_OUT: 1}


def test_an_unknown_outcome_that_cannot_be_read_for_24_hours_goes_to_a_person(
    send: Callable[..., None], scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    send(lose)
    scripted.show = unreadable(*iccids(1))
    moving_clock.move(DAY + QUIET)
    assert settle(scripted_rig) == {Step.NEEDS_REVIEW: 1}


def test_a_carrier_that_is_down_changes_nothing_and_is_counted(
    send: Callable[..., None], scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    send(accept, count=4)

    def refuse(_iccid: str) -> CarrierSim:
        raise CarrierDown("nobody listens")

    scripted.show = refuse
    moving_clock.move(5)
    assert settle(scripted_rig) == {Step.ACCEPTED: 4}
    with scripted_rig.context.database.read() as tx:
        assert limits.circuit(tx, ACCOUNT).failures_in_a_row == 1


def test_a_paused_carrier_is_not_read(
    send: Callable[..., None], scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    send(accept)
    with scripted_rig.context.database.begin() as tx:
        limits.record_failure(tx, ACCOUNT, "It is down.", threshold=1, pause_seconds=30)
    moving_clock.move(5)
    tally = settle_due(scripted_rig.context, ACCOUNT)
    assert tally.wait_seconds == pytest.approx(25)
    assert (tally.taken, scripted.read_iccids) == (0, [])


def test_a_look_that_was_overtaken_changes_neither_the_ledger_nor_the_sim(
    send: Callable[..., None], scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    """A worker reads, sleeps past its lease, and wakes when another one has settled the SIM from a newer look."""
    send(accept)
    other = scripted_rig.but(worker="worker-2")

    def show_then_sleep(iccid: str) -> CarrierSim:
        old = shows(SimState.ACTIVATING)(iccid)
        scripted.show = active
        moving_clock.move(LEASE + 1)
        assert settle(other) == {Step.DONE: 1}
        return old

    scripted.show = show_then_sleep
    moving_clock.move(5)
    tally = settle_due(scripted_rig.context, ACCOUNT)
    assert tally.steps.total() == 0
    assert scripted_rig.steps() == {Step.DONE: 1}
    assert seen_state(scripted_rig.context.database, iccids(1)[0]) is SimState.ACTIVE


def test_a_claim_that_took_effect_unseen_goes_on_with_its_change(
    scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    scripted.can(claims=True)
    scripted_rig.load(1)
    scripted.answer = lose
    send_due(scripted_rig.context, ACCOUNT)
    scripted.show = shows(SimState.INACTIVE)
    moving_clock.move(QUIET)
    settle(scripted_rig)
    assert scripted_rig.stages() == {(Stage.CHANGE, Step.PLANNED): 1}
    with scripted_rig.context.database.read() as tx:
        assert list(tx.execute(select(schema.sims.c.registration_code)).scalars()) == [None]


def test_rows_that_another_worker_has_leased_are_left_alone(
    send: Callable[..., None], scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    send(accept, count=2)
    moving_clock.move(5)
    with scripted_rig.context.database.begin() as tx:
        soon = moving_clock.move(0)
        held = {operations.c.fence: "somebody", operations.c.due_at: soon.replace(year=soon.year + 1)}
        tx.execute(update(operations).where(operations.c.id == 1).values(held))
    assert settle(scripted_rig) == {Step.ACCEPTED: 1, Step.DONE: 1}


def test_a_sim_that_its_carrier_bars_goes_to_a_person_with_the_carriers_word_and_is_not_asked_for_again(
    scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock, send: Callable[..., None]
) -> None:
    send(accept)
    scripted.show = lambda iccid: CarrierSim(iccid, SimState.BARRED, "data_limit_exceeded", REFERENCE)
    moving_clock.move(QUIET + LEASE)
    assert settle(scripted_rig) == {Step.NEEDS_REVIEW: 1}
    assert len(scripted.submitted) == 1
    with scripted_rig.context.database.read() as tx:
        c = operations.c
        assert tx.execute(select(c.reason)).scalar_one() == "barred"
        assert "data_limit_exceeded" in str(tx.execute(select(c.detail)).scalar_one())
