"""Callbacks are hints: however many come, a SIM is looked at at most once per floor, and no state changes by them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from carriers.contract import Answer, AnswerKind, CarrierSim, Heard, Order
from carriers.errors import OutcomeUnknown, ReadFailed
from domain.lifecycle import SimState, Step
from engine.context import Timing
from engine.hints import FLOOR_SECONDS, hint
from engine.sending import send_due
from engine.settling import settle_due
from storage import ledger
from storage.database import Database, Transaction
from storage.ledger import Lease
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig, iccids
from tests.engine.scripted import REFERENCE, ScriptedCarrier, active

(ICCID,) = iccids(1)
FAR = Timing(poll_first_seconds=3600.0, poll_longest_seconds=3600.0)
ACCEPTED = Answer(ICCID, AnswerKind.ACCEPTED, "scheduled", carrier_reference=REFERENCE)


def in_progress(iccid: str) -> CarrierSim:
    return CarrierSim(iccid, SimState.ACTIVATING, "scheduled", REFERENCE)


def unreadable(_iccid: str) -> CarrierSim:
    raise ReadFailed("no usable answer")


@pytest.fixture
def rig(scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock) -> Iterator[Rig]:
    """One SIM that the carrier works on; nobody would look at it for an hour."""
    scripted.can(claims=False, page_size=0)
    scripted.show = in_progress
    scripted.answer = lambda _order: ACCEPTED
    rig = scripted_rig.but(timing=FAR)
    rig.load(1)
    send_due(rig.context, ACCOUNT)
    moving_clock.move(30)
    yield rig


def call(rig: Rig, times: int = 1, heard: Heard = Heard(ICCID)) -> int:  # noqa: B008 - it is frozen
    return sum(hint(rig.context, ACCOUNT, heard) for _ in range(times))


def settle(rig: Rig) -> dict[Step, int]:
    settle_due(rig.context, ACCOUNT)
    return rig.steps()


def test_without_a_hint_nobody_looks(rig: Rig, scripted: ScriptedCarrier) -> None:
    scripted.show = active
    assert settle(rig) == {Step.ACCEPTED: 1}
    assert scripted.read_iccids == []


@pytest.mark.parametrize("heard", [Heard(ICCID), Heard(carrier_reference=REFERENCE)])
def test_a_hint_lets_the_next_round_see_what_is_true(rig: Rig, scripted: ScriptedCarrier, heard: Heard) -> None:
    scripted.show = active
    assert call(rig, heard=heard) == 1
    assert rig.steps() == {Step.ACCEPTED: 1}
    assert settle(rig) == {Step.DONE: 1}


def test_an_early_hint_costs_one_look_and_changes_no_state(rig: Rig, scripted: ScriptedCarrier) -> None:
    call(rig)
    assert settle(rig) == settle(rig) == {Step.ACCEPTED: 1}
    assert scripted.read_iccids == [ICCID]


def test_a_thousand_equal_hints_cost_one_look_for_each_time_the_floor_goes_by(
    rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    for _ in range(40):  # 20 s of a flood: 25 calls and a round every half second
        call(rig, times=25)
        settle(rig)
        moving_clock.move(0.5)
    assert len(scripted.read_iccids) == 20 / FLOOR_SECONDS


def test_a_flood_about_a_sim_that_cannot_be_read_costs_no_more(
    rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    scripted.show = unreadable
    for _ in range(40):
        call(rig, times=3)
        settle(rig)
        moving_clock.move(0.5)
    assert 1 <= len(scripted.read_iccids) <= 20 / FLOOR_SECONDS


def test_a_hint_soon_after_a_look_is_not_lost(rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock) -> None:
    call(rig)
    settle(rig)
    scripted.show = active
    moving_clock.move(1)
    assert call(rig) == 1
    assert settle(rig) == {Step.ACCEPTED: 1}
    moving_clock.move(FLOOR_SECONDS)
    assert settle(rig) == {Step.DONE: 1}


def test_a_hint_during_a_look_lets_the_sim_be_looked_at_again_after_the_floor(
    rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    def change_right_after(iccid: str) -> CarrierSim:
        scripted.show = active
        assert call(rig, times=10) == 1
        return in_progress(iccid)

    scripted.show = change_right_after
    assert call(rig) == 1
    assert settle(rig) == {Step.ACCEPTED: 1}
    moving_clock.move(FLOOR_SECONDS - 1)
    assert settle(rig) == {Step.ACCEPTED: 1}
    moving_clock.move(1)
    assert settle(rig) == {Step.DONE: 1}
    assert scripted.read_iccids == [ICCID, ICCID]


def test_a_flood_during_every_look_costs_no_more_than_one_look_for_each_floor(
    rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    def called_meanwhile(iccid: str) -> CarrierSim:
        call(rig, times=5)
        return in_progress(iccid)

    scripted.show = called_meanwhile
    call(rig)
    for _ in range(40):
        settle(rig)
        moving_clock.move(0.5)
    assert len(scripted.read_iccids) == 20 / FLOOR_SECONDS


def test_a_hint_before_the_answer_is_committed_is_not_lost(
    scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    rig = scripted_rig.but(timing=FAR)

    def called_before_the_answer(_order: Order) -> Answer:
        assert call(rig, times=10) == 1
        return ACCEPTED

    scripted.can(claims=False, page_size=0)
    scripted.answer, scripted.show = called_before_the_answer, active
    rig.load(1)
    send_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.ACCEPTED: 1}
    moving_clock.move(1)
    assert settle(rig) == {Step.DONE: 1}


def test_a_hint_about_a_request_whose_answer_is_lost_shortens_no_quiet_period(
    scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    def call_and_lose(_order: Order) -> Answer:
        call(scripted_rig)
        raise OutcomeUnknown("no answer")

    scripted.can(claims=False, page_size=0)
    scripted.answer, scripted.show = call_and_lose, active
    scripted_rig.load(1)
    send_due(scripted_rig.context, ACCOUNT)
    moving_clock.move(59)
    assert settle(scripted_rig) == {Step.UNKNOWN: 1}
    moving_clock.move(1)
    assert settle(scripted_rig) == {Step.DONE: 1}


class Overtaken(Database):
    """Something happens between a look into the ledger and the commit that follows from it."""

    def __init__(self, database: Database, clock: MovingClock, *happens: Callable[[], object]) -> None:
        super().__init__(database.url, clock=clock)
        self.happens = list(happens)

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        if self.happens:
            self.happens.pop(0)()
        with super().begin() as tx:
            yield tx


def test_a_hint_that_a_worker_overtakes_is_not_lost(
    rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    database, fence = rig.context.database, Lease("mine", "worker", 60)

    def take() -> None:
        moving_clock.move(3600)
        with database.begin() as tx:
            assert len(ledger.take_to_settle(tx, ACCOUNT, fence, limit=10)) == 1

    def let_go() -> None:
        with database.begin() as tx:
            assert len(ledger.look_again(tx, [1], fence="mine", in_seconds=900)) == 1

    overtaken = Overtaken(database, moving_clock, take, let_go)
    scripted.show = active
    assert call(rig.but(database=overtaken)) == 1
    overtaken.close()
    assert overtaken.happens == []
    moving_clock.move(FLOOR_SECONDS)
    assert settle(rig) == {Step.DONE: 1}


def test_a_hint_that_has_nothing_to_say_writes_nothing(rig: Rig) -> None:
    call(rig)
    statements: list[str] = []

    def note(_c: object, _k: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    engine = rig.context.database.engine
    event.listen(engine, "before_cursor_execute", note)
    assert call(rig, times=5) == 0
    assert call(rig, heard=Heard("89883070000000000000")) == 0
    event.remove(engine, "before_cursor_execute", note)
    assert {one.split()[0] for one in statements} <= {"BEGIN", "SELECT"}
    assert "BEGIN IMMEDIATE" not in statements
    assert len(statements) >= 6


def test_a_hint_does_not_shorten_the_quiet_period_of_a_lost_answer(
    scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    def lose(_order: Order) -> Answer:
        raise OutcomeUnknown("no answer")

    scripted.can(claims=False, page_size=0)
    scripted.answer, scripted.show = lose, active
    scripted_rig.load(1)
    send_due(scripted_rig.context, ACCOUNT)
    moving_clock.move(30)
    assert call(scripted_rig, times=10) == 0
    assert settle(scripted_rig) == {Step.UNKNOWN: 1}
    assert scripted.read_iccids == []
    moving_clock.move(31)
    assert settle(scripted_rig) == {Step.DONE: 1}


def test_a_hint_sends_nothing_again(rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock) -> None:
    scripted.show = lambda iccid: CarrierSim(iccid, SimState.INACTIVE, "new", REFERENCE)
    for _ in range(5):
        call(rig)
        settle(rig)
        send_due(rig.context, ACCOUNT)
        moving_clock.move(4)
    assert len(scripted.submitted) == 1
    assert rig.steps() == {Step.ACCEPTED: 1}
