"""Intentions first, requests after them, answers in small commits: what each answer and each error makes of a SIM."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from carriers.contract import Answer, AnswerKind, Gate, Order
from carriers.errors import (
    CarrierDown,
    CarrierError,
    CredentialsRefused,
    LimitReached,
    NotSent,
    OutcomeUnknown,
    ReadFailed,
    RequestRefused,
)
from domain.lifecycle import SimState, Stage, Step
from domain.pacing import Window, pace_of
from engine import sending
from engine.sending import send_due
from engine.settling import settle_due
from storage import limits
from storage import sims as storage_sims
from storage.database import Database, DatabaseUnavailable
from storage.schema import history, operations, sims
from storage.vault import Vault, VaultLocked
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig, iccids
from tests.engine.scripted import REFERENCE, ScriptedCarrier, done


def answers(kind: AnswerKind, reason: str = "") -> Callable[[Order], Answer]:
    return lambda order: Answer(order.iccid, kind, reason, carrier_reference=REFERENCE)


def raises(error: BaseException) -> Callable[[Order], Answer]:
    def answer(_order: Order) -> Answer:
        raise error

    return answer


def send(rig: Rig) -> dict[Step, int]:
    send_due(rig.context, ACCOUNT)
    return rig.steps()


def attempts(database: Database) -> list[int]:
    with database.read() as tx:
        return list(tx.execute(select(operations.c.attempt).order_by(operations.c.id)).scalars())


def failures(database: Database) -> int:
    with database.read() as tx:
        return limits.circuit(tx, ACCOUNT).failures_in_a_row


def codes(database: Database) -> list[bytes | None]:
    with database.read() as tx:
        return list(tx.execute(select(sims.c.registration_code).order_by(sims.c.iccid)).scalars())


def states(database: Database) -> list[str]:
    with database.read() as tx:
        return list(tx.execute(select(sims.c.state).order_by(sims.c.iccid)).scalars())


@pytest.fixture
def changing(scripted: ScriptedCarrier) -> ScriptedCarrier:
    """Without claims: one request activates a SIM."""
    return scripted.can(claims=False)


def test_every_intention_is_committed_before_its_request_leaves(scripted_rig: Rig, changing: ScriptedCarrier) -> None:
    scripted_rig.load(6)
    written: list[str] = []

    def look(order: Order) -> Answer:
        with scripted_rig.context.database.read() as tx:
            written.append(tx.execute(select(operations.c.step).where(operations.c.iccid == order.iccid)).scalar_one())
        return done(order)

    changing.answer = look
    assert send(scripted_rig) == {Step.DONE: 6}
    assert written == ["intent"] * 6


def test_after_a_stop_nothing_leaves_and_what_was_leased_is_planned_again_unused(
    scripted_rig: Rig, changing: ScriptedCarrier, stocked: Database
) -> None:
    scripted_rig.load(20)
    stopping = scripted_rig.but(is_stopping=lambda: len(changing.submitted) >= 5)
    tally = send_due(stopping.context, ACCOUNT)
    sent = len(changing.submitted)
    assert 5 <= sent == tally.requests < 20
    assert scripted_rig.steps() == {Step.DONE: sent, Step.PLANNED: 20 - sent}
    assert sorted(attempts(stocked)) == [0] * (20 - sent) + [1] * sent
    assert send_due(stopping.context, ACCOUNT).taken == 0
    assert send(scripted_rig) == {Step.DONE: 20}
    assert len(changing.submitted) == 20


def test_nothing_due_is_nothing_taken(scripted_rig: Rig, changing: ScriptedCarrier) -> None:
    tally = send_due(scripted_rig.context, ACCOUNT)
    assert (tally.taken, tally.requests, changing.submitted) == (0, 0, [])


@pytest.mark.parametrize(
    ("kind", "step", "state"),
    [
        (AnswerKind.DONE, Step.DONE, SimState.ACTIVE),
        (AnswerKind.ACCEPTED, Step.ACCEPTED, SimState.ACTIVATING),
        (AnswerKind.QUEUED, Step.SENT, SimState.ABSENT),
        (AnswerKind.REJECTED, Step.REJECTED, SimState.ABSENT),
        (AnswerKind.REVIEW, Step.NEEDS_REVIEW, SimState.ABSENT),
        (AnswerKind.UNKNOWN, Step.UNKNOWN, SimState.ABSENT),
    ],
)
def test_each_answer_has_its_step(
    scripted_rig: Rig, changing: ScriptedCarrier, kind: AnswerKind, step: Step, state: SimState
) -> None:
    scripted_rig.load(1)
    changing.answer = answers(kind, "a_reason")
    assert send(scripted_rig) == {step: 1}
    assert states(scripted_rig.context.database) == [state]


@pytest.mark.parametrize(
    ("error", "step", "counts"),
    [
        (NotSent("no slot"), Step.PLANNED, False),
        (LimitReached("429", 30), Step.PLANNED, False),
        (CarrierDown("refused"), Step.PLANNED, False),
        (CredentialsRefused("401"), Step.PLANNED, False),
        (RequestRefused("no", "83002", 400), Step.REJECTED, True),
        (OutcomeUnknown("reset"), Step.UNKNOWN, True),
        (ReadFailed("an adapter's mistake"), Step.UNKNOWN, True),
        (CarrierError("an adapter's mistake"), Step.UNKNOWN, True),
    ],
)
def test_each_error_has_its_step_and_only_what_may_have_left_is_an_attempt(
    scripted_rig: Rig, changing: ScriptedCarrier, error: CarrierError, step: Step, counts: bool
) -> None:
    scripted_rig.load(1)
    changing.answer = raises(error)
    assert send(scripted_rig) == {step: 1}
    assert attempts(scripted_rig.context.database) == [1 if counts else 0]


def test_a_claim_that_is_done_plans_the_change_with_a_fresh_count(scripted_rig: Rig, scripted: ScriptedCarrier) -> None:
    scripted_rig.load(2)
    send(scripted_rig)
    assert scripted_rig.stages() == {(Stage.CHANGE, Step.PLANNED): 2}
    assert attempts(scripted_rig.context.database) == [0, 0]
    assert send(scripted_rig) == {Step.DONE: 2}
    assert [order.stage for order in scripted.submitted] == [Stage.CLAIM] * 2 + [Stage.CHANGE] * 2
    assert scripted.submitted[-1].carrier_reference == REFERENCE


def test_the_registration_code_is_opened_for_the_claim_alone_and_forgotten_after_it(
    scripted_rig: Rig, scripted: ScriptedCarrier
) -> None:
    scripted_rig.load(1)
    assert codes(scripted_rig.context.database) != [None]
    send(scripted_rig)
    assert codes(scripted_rig.context.database) == [None]
    send(scripted_rig)
    assert [order.registration_code for order in scripted.submitted] == [f"code-{iccids(1)[0]}", None]


def test_a_claim_without_an_answer_keeps_its_registration_code(scripted_rig: Rig, scripted: ScriptedCarrier) -> None:
    scripted_rig.load(1)
    scripted.answer = raises(OutcomeUnknown("reset"))
    send(scripted_rig)
    assert codes(scripted_rig.context.database) != [None]


def test_a_locked_vault_leaves_no_intention_behind(scripted_rig: Rig, scripted: ScriptedCarrier) -> None:
    scripted_rig.load(3)
    with pytest.raises(VaultLocked):
        send(scripted_rig.but(vault=Vault(None)))
    assert scripted_rig.steps() == {Step.PLANNED: 3}
    assert scripted.submitted == []


def test_one_code_that_no_key_opens_holds_up_its_own_sim_alone(scripted_rig: Rig) -> None:
    scripted_rig.load(3)
    damage(scripted_rig, iccids(3)[1])
    assert send(scripted_rig) == {Step.PLANNED: 2, Step.NEEDS_REVIEW: 1}
    with scripted_rig.context.database.read() as tx:
        (operation,) = storage_sims.story(tx, iccids(3)[1])
    assert operation.reason == "code_unreadable"


def test_where_no_code_opens_at_all_the_key_is_wrong_and_nothing_is_intended(scripted_rig: Rig) -> None:
    scripted_rig.load(3)
    with pytest.raises(VaultLocked):
        send(scripted_rig.but(vault=Vault(Fernet.generate_key().decode())))
    assert scripted_rig.steps() == {Step.PLANNED: 3}


def test_the_last_code_there_is_may_be_the_damaged_one(scripted_rig: Rig) -> None:
    scripted_rig.load(1)
    damage(scripted_rig, iccids(1)[0])
    assert send(scripted_rig) == {Step.NEEDS_REVIEW: 1}


def damage(rig: Rig, iccid: str) -> None:
    with rig.context.database.begin() as tx:
        tx.execute(update(sims).where(sims.c.iccid == iccid).values(registration_code=b"damaged"))


class Bulk(ScriptedCarrier):
    """Takes several orders in one request, and may leave some out of its answer."""

    def submit(self, orders: Sequence[Order], gate: Gate) -> Sequence[Answer]:
        gate.wait_for_slot()
        self.requests = [*getattr(self, "requests", []), [order.iccid for order in orders]]
        return [self.answer(order) for order in orders if order.iccid != iccids(3)[-1]]


def test_orders_share_a_request_and_one_that_the_answer_leaves_out_is_unknown(scripted_rig: Rig) -> None:
    bulk = Bulk()
    bulk.can(claims=False, orders_per_request=4)
    work = scripted_rig.context.carriers[ACCOUNT]
    rig = scripted_rig.but(carriers={ACCOUNT: replace(work, carrier=bulk)})
    rig.load(6)
    assert send(rig) == {Step.DONE: 5, Step.UNKNOWN: 1}
    assert sorted(len(request) for request in bulk.requests) == [2, 4]


def test_claims_and_changes_that_share_requests_differently_are_taken_apart(scripted_rig: Rig) -> None:
    bulk = Bulk()
    bulk.can(claims=True, needs_registration_code=False, orders_per_request=4, claims_per_request=1)
    work = scripted_rig.context.carriers[ACCOUNT]
    rig = scripted_rig.but(carriers={ACCOUNT: replace(work, carrier=bulk)})
    rig.load(2)
    assert send(rig) == {Step.PLANNED: 2}
    assert [len(request) for request in bulk.requests] == [1, 1]
    assert send(rig) == {Step.DONE: 2}
    assert [len(request) for request in bulk.requests] == [1, 1, 2]


def test_orders_of_different_batches_do_not_share_a_request(scripted_rig: Rig) -> None:
    bulk = Bulk()
    bulk.can(claims=False, orders_per_request=4)
    bulk.batch_of = lambda order: order.iccid[-2:]  # type: ignore[method-assign]
    work = scripted_rig.context.carriers[ACCOUNT]
    rig = scripted_rig.but(carriers={ACCOUNT: replace(work, carrier=bulk)})
    rig.load(2)
    send(rig)
    assert [len(request) for request in bulk.requests] == [1, 1]


def test_an_answer_about_a_sim_that_nobody_asked_for_is_ignored(scripted_rig: Rig, changing: ScriptedCarrier) -> None:
    scripted_rig.load(2)
    changing.answer = lambda order: Answer(order.iccid[::-1], AnswerKind.DONE)
    assert send(scripted_rig) == {Step.UNKNOWN: 2}


def test_five_lost_requests_pause_the_carrier(scripted_rig: Rig, changing: ScriptedCarrier) -> None:
    scripted_rig.load(5)
    changing.answer = raises(OutcomeUnknown("reset"))
    send(scripted_rig)
    assert failures(scripted_rig.context.database) == 5
    scripted_rig.load(1, first=5, name="b.csv")
    tally = send_due(scripted_rig.context, ACCOUNT)
    assert tally.taken == 0
    assert 25 < tally.wait_seconds <= 30


def test_lost_requests_among_answers_do_not_pause_the_carrier(
    scripted_rig: Rig, changing: ScriptedCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "COMMIT_EVERY_SECONDS", 60.0)  # all of them are written down together
    scripted_rig.load(40)
    good = iccids(1)[0]
    changing.answer = lambda order: done(order) if order.iccid == good else raises(OutcomeUnknown("reset"))(order)
    send(scripted_rig)
    assert failures(scripted_rig.context.database) == 0


def test_refusals_of_single_sims_are_no_failure_of_the_carrier(scripted_rig: Rig, changing: ScriptedCarrier) -> None:
    scripted_rig.load(9)
    changing.answer = answers(AnswerKind.REJECTED)
    send(scripted_rig)
    assert failures(scripted_rig.context.database) == 0


def test_an_answer_that_comes_after_the_lease_was_lost_writes_nothing(
    scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    scripted_rig.load(1)
    other = scripted_rig.but(worker="worker-2")

    def answer_late(order: Order) -> Answer:
        moving_clock.move(91)
        settle_due(other.context, ACCOUNT)
        return done(order)

    scripted.answer = answer_late
    tally = send_due(scripted_rig.context, ACCOUNT)
    assert tally.steps.total() == 0
    assert scripted_rig.stages() == {(Stage.CLAIM, Step.UNKNOWN): 1}
    assert states(scripted_rig.context.database) == ["absent"]
    assert codes(scripted_rig.context.database) != [None]


def test_an_answer_that_comes_late_counts_while_nobody_else_has_the_lease(
    scripted_rig: Rig, changing: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    scripted_rig.load(1)

    def answer_late(order: Order) -> Answer:
        moving_clock.move(91)
        return done(order)

    changing.answer = answer_late
    assert send(scripted_rig) == {Step.DONE: 1}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DatabaseUnavailable("It was restarted.")])
def test_a_broken_round_sends_nothing_more(scripted_rig: Rig, changing: ScriptedCarrier, error: BaseException) -> None:
    scripted_rig.load(200)
    work = scripted_rig.context.carriers[ACCOUNT]
    rig = scripted_rig.but(carriers={ACCOUNT: replace(work, pace=pace_of([Window(100, 1)]))})
    changing.answer = raises(error)
    with pytest.raises(type(error)):
        send(rig)
    assert len(changing.submitted) < 100
    assert rig.steps() == {Step.INTENT: 200}


def test_answers_that_came_are_committed_though_a_later_one_breaks_the_round(
    scripted_rig: Rig, changing: ScriptedCarrier
) -> None:
    scripted_rig.load(4)
    last = iccids(4)[-1]
    committed = threading.Event()
    rig = scripted_rig.but(at=lambda label: committed.set() if label == "after-answer-commit" else None)

    def answer(order: Order) -> Answer:
        if order.iccid == last:
            committed.wait(10)
            raise KeyboardInterrupt
        return done(order)

    changing.answer = answer
    with pytest.raises(KeyboardInterrupt):
        send(rig)
    assert rig.steps() == {Step.DONE: 3, Step.INTENT: 1}


@pytest.mark.slow
def test_workers_side_by_side_send_every_sim_once(scripted_rig: Rig, changing: ScriptedCarrier) -> None:
    scripted_rig.load(120)
    rigs = [scripted_rig.but(worker=f"worker-{number}") for number in range(3)]
    start = threading.Barrier(len(rigs))

    def work(rig: Rig) -> None:
        start.wait()
        while send_due(rig.context, ACCOUNT).taken:
            pass

    threads = [threading.Thread(target=work, args=(rig,)) for rig in rigs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(order.iccid for order in changing.submitted) == iccids(120)
    with scripted_rig.context.database.read() as tx:
        actors = tx.execute(select(history.c.actor).where(history.c.to_step == "intent")).scalars()
        assert len(list(actors)) == 120
