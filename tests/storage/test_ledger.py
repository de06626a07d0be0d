"""The ledger: leased once, moved by one function, every transition written down."""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text, update

from domain.lifecycle import TRANSITIONS, IllegalMove, SimState, Stage, Step
from storage import audit, ledger
from storage.database import Database, Transaction
from storage.leased import Operation
from storage.ledger import Lease, Move
from storage.loading import LoadBlock
from storage.schema import history, operations
from tests.conftest import MovingClock

A, B = Lease("fence-a", "worker-a", 90.0), Lease("fence-b", "worker-b", 90.0)
DAY = 86_400.0

Deliver = Callable[..., str]
Iccids = Callable[[int], list[str]]


@pytest.fixture
def planned(delivered: Deliver, iccids: Iccids) -> Callable[..., str]:
    """So many planned operations of the carrier account `kore`; their manifest."""
    return lambda count, key="a.csv": delivered(key, iccids(count))


def send(tx: Transaction, lease: Lease = A, limit: int = 100, account: str = "kore") -> list[Operation]:
    return ledger.take_to_send(tx, account, lease, limit=limit, deadline_seconds=DAY)


def settle(tx: Transaction, lease: Lease = A, limit: int = 100) -> list[Operation]:
    return ledger.take_to_settle(tx, "kore", lease, limit=limit)


def expire(tx: Transaction) -> int:
    return ledger.expire_intents(tx, "kore", quiet_seconds=300, limit=100, actor="worker-b")


def ids_of(taken: Sequence[Operation]) -> tuple[int, ...]:
    return tuple(one.id for one in taken)


def accept(tx: Transaction, ids: Sequence[int], fence: str | None = A.fence) -> list[int]:
    change = Move(Step.INTENT, Step.ACCEPTED, "accepted", tuple(ids), due_in_seconds=5)
    return ledger.move(tx, change, actor="worker-a", fence=fence)


def rows(tx: Transaction) -> list[Any]:
    return list(tx.execute(select(operations).order_by(operations.c.id)))


def steps(tx: Transaction) -> list[str]:
    return [row.step for row in rows(tx)]


def test_what_is_taken_is_an_intent_with_a_lease_and_a_deadline(
    planned: Callable[..., str], stocked: Database, moving_clock: MovingClock
) -> None:
    manifest_id = planned(1)
    with stocked.begin() as tx:
        (taken,) = send(tx)
        (row,) = rows(tx)
    assert (row.step, row.fence, row.worker, row.attempt) == ("intent", "fence-a", "worker-a", 1)
    assert (row.intent_at, (row.due_at - moving_clock()).total_seconds()) == (moving_clock(), 90)
    assert (row.deadline_at - moving_clock()).total_seconds() == DAY
    assert (taken.step, taken.stage, taken.attempt, taken.manifest_id) == (Step.INTENT, Stage.CLAIM, 1, manifest_id)
    assert (taken.sim_state, taken.plan_reference, taken.home_country) == (SimState.ABSENT, "HF1", "DE")


def test_no_more_is_taken_than_asked_for_and_the_rest_is_for_others(
    planned: Callable[..., str], stocked: Database
) -> None:
    planned(10)
    with stocked.begin() as tx:
        first, second = send(tx, A, limit=4), send(tx, B, limit=100)
        assert (len(first), len(second)) == (4, 6)
        assert not set(ids_of(first)) & set(ids_of(second))
        assert send(tx, B) == []


def test_only_what_is_due_at_this_carrier_account_is_taken(
    planned: Callable[..., str], stocked: Database, moving_clock: MovingClock
) -> None:
    planned(3)
    with stocked.begin() as tx:
        assert send(tx, account="telnyx") == []
        taken = send(tx, limit=1)
        later = Move(Step.INTENT, Step.PLANNED, "not_sent", ids_of(taken), due_in_seconds=60, counts=False)
        ledger.move(tx, later, actor="worker-a", fence=A.fence)
        assert not set(ids_of(taken)) & set(ids_of(send(tx, B)))
    moving_clock.move(60)
    with stocked.begin() as tx:
        assert ids_of(send(tx, B)) == ids_of(taken)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["send", "settle"])
def test_two_workers_at_once_lease_each_row_once(planned: Callable[..., str], stocked: Database, kind: str) -> None:
    planned(300)
    if kind == "settle":
        with stocked.begin() as tx:
            tx.execute(update(operations).values(step="accepted"))
    taken: dict[str, list[int]] = {}
    start = threading.Barrier(4)

    def work(lease: Lease) -> None:
        mine: list[int] = []
        start.wait()
        for _ in range(15):
            with stocked.begin() as tx:
                mine.extend(ids_of(send(tx, lease, limit=20) if kind == "send" else settle(tx, lease, limit=20)))
        taken[lease.fence] = mine

    threads = [threading.Thread(target=work, args=(Lease(f"fence-{n}", f"worker-{n}", 90.0),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [one for mine in taken.values() for one in mine]
    assert len(everything) == len(set(everything)) == 300


def test_an_answer_under_the_fence_moves_the_row_and_gives_the_lease_back(
    planned: Callable[..., str], stocked: Database, moving_clock: MovingClock
) -> None:
    planned(2)
    with stocked.begin() as tx:
        taken = ids_of(send(tx))
        assert sorted(accept(tx, taken)) == list(taken)
        row = rows(tx)[0]
    assert (row.step, row.fence, row.reason, row.looks) == ("accepted", None, "accepted", 0)
    assert (row.accepted_at, (row.due_at - moving_clock()).total_seconds()) == (moving_clock(), 5)


@pytest.mark.parametrize("fence", ["fence-b", "", None])
def test_an_answer_with_another_fence_writes_nothing(
    planned: Callable[..., str], stocked: Database, fence: str | None
) -> None:
    planned(2)
    with stocked.begin() as tx:
        taken = ids_of(send(tx))
        before = tx.execute(select(func.count()).select_from(history)).scalar_one()
        assert accept(tx, taken, fence) == []
        assert steps(tx) == ["intent", "intent"]
        assert tx.execute(select(func.count()).select_from(history)).scalar_one() == before


def test_the_fence_of_a_lease_that_somebody_took_over_writes_nothing(
    planned: Callable[..., str], stocked: Database, moving_clock: MovingClock
) -> None:
    planned(1)
    with stocked.begin() as tx:
        taken = ids_of(send(tx))
    moving_clock.move(90)
    with stocked.begin() as tx:
        assert expire(tx) == 1
        assert accept(tx, taken) == []
        assert steps(tx) == ["unknown"]


def test_a_row_that_is_no_longer_at_the_step_is_left_alone(planned: Callable[..., str], stocked: Database) -> None:
    planned(1)
    with stocked.begin() as tx:
        taken = ids_of(send(tx))
        accept(tx, taken)
        assert accept(tx, taken) == []
        assert len(list(tx.execute(select(history)))) == 2


def test_every_move_that_the_table_does_not_have_is_refused(planned: Callable[..., str], stocked: Database) -> None:
    planned(1)
    illegal = [(source, target) for source in Step for target in Step if target not in TRANSITIONS[source]]
    assert len(illegal) > 50
    with stocked.begin() as tx:
        for source, target in illegal:
            with pytest.raises(IllegalMove, match=f"{source.value} -> {target.value}"):
                ledger.move(tx, Move(source, target, "because", (1,)), actor="test", fence=None)
        assert steps(tx) == ["planned"]


def test_each_transition_is_one_row_of_history_with_actor_and_reason(
    planned: Callable[..., str], stocked: Database, moving_clock: MovingClock
) -> None:
    planned(2)
    with stocked.begin() as tx:
        taken = ids_of(send(tx))
        done = Move(Step.INTENT, Step.DONE, "done_at_once", taken[:1], "It is true already.")
        ledger.move(tx, done, actor="worker-a", fence=A.fence)
        written = tx.execute(select(history).order_by(history.c.operation_id, history.c.nth)).all()
        assert list(audit.broken_histories(tx)) == []
    assert [(row.operation_id, row.from_step, row.to_step, row.reason) for row in written] == [
        (taken[0], "planned", "intent", "taken"),
        (taken[0], "intent", "done", "done_at_once"),
        (taken[1], "planned", "intent", "taken"),
    ]
    assert {(row.actor, row.at, row.stage) for row in written} == {("worker-a", moving_clock(), "claim")}
    assert [row.nth for row in written] == [1, 2, 1]
    assert written[1].detail == "It is true already."


@pytest.mark.parametrize("change", ["UPDATE history SET reason = 'none'", "DELETE FROM history"])
def test_history_cannot_be_rewritten(planned: Callable[..., str], stocked: Database, change: str) -> None:
    planned(1)
    with stocked.begin() as tx:
        send(tx)
    with pytest.raises(Exception, match="append-only"), stocked.begin() as tx:
        tx.execute(text(change))
    with stocked.read() as tx:
        assert [row.reason for row in tx.execute(select(history))] == ["taken"]


def test_a_request_that_surely_did_not_leave_is_no_attempt(planned: Callable[..., str], stocked: Database) -> None:
    planned(1)
    with stocked.begin() as tx:
        for _ in range(7):
            back = Move(Step.INTENT, Step.PLANNED, "not_sent", ids_of(send(tx)), counts=False)
            ledger.move(tx, back, actor="worker-a", fence=A.fence)
        assert rows(tx)[0].attempt == 0


def test_a_new_stage_starts_with_a_fresh_count(planned: Callable[..., str], stocked: Database) -> None:
    planned(1)
    with stocked.begin() as tx:
        claimed = Move(Step.INTENT, Step.PLANNED, "claimed", ids_of(send(tx)), stage=Stage.CHANGE)
        ledger.move(tx, claimed, actor="worker-a", fence=A.fence)
        (row,) = rows(tx)
        assert (row.stage, row.attempt) == ("change", 0)
        assert send(tx)[0].stage is Stage.CHANGE


def test_a_persons_rerun_gives_a_new_deadline_and_fresh_attempts(
    planned: Callable[..., str], stocked: Database, moving_clock: MovingClock
) -> None:
    planned(1)
    with stocked.begin() as tx:
        refused = Move(Step.INTENT, Step.REJECTED, "refused", ids_of(send(tx)))
        (moved,) = ledger.move(tx, refused, actor="worker-a", fence=A.fence)
        assert rows(tx)[0].finished_at == moving_clock()
    moving_clock.move(2 * DAY)
    with stocked.begin() as tx:
        again = Move(Step.REJECTED, Step.PLANNED, "rerun", (moved,), "The code was mended.", deadline_in_seconds=DAY)
        assert ledger.move(tx, again, actor="ann", fence=None) == [moved]
        (row,) = rows(tx)
    assert (row.attempt, row.finished_at) == (0, None)
    assert (row.deadline_at - moving_clock()).total_seconds() == DAY


def test_intents_expire_when_their_lease_has_ended_and_not_before(
    planned: Callable[..., str], stocked: Database, moving_clock: MovingClock
) -> None:
    planned(2)
    with stocked.begin() as tx:
        send(tx)
    moving_clock.move(89)
    with stocked.begin() as tx:
        assert expire(tx) == 0
    moving_clock.move(1)
    with stocked.begin() as tx:
        assert expire(tx) == 2
        row = rows(tx)[0]
        assert (row.step, row.reason, row.fence) == ("unknown", "worker_died", None)
        assert (row.due_at - moving_clock()).total_seconds() == 300
        assert expire(tx) == 0


def test_an_intent_is_never_taken_to_be_settled(
    planned: Callable[..., str], stocked: Database, moving_clock: MovingClock
) -> None:
    planned(1)
    with stocked.begin() as tx:
        send(tx)
    moving_clock.move(DAY)
    with stocked.begin() as tx:
        assert settle(tx, B) == []


def test_what_waits_for_a_look_is_leased_without_a_step(
    planned: Callable[..., str], stocked: Database, moving_clock: MovingClock
) -> None:
    planned(1)
    with stocked.begin() as tx:
        accept(tx, ids_of(send(tx)))
        assert settle(tx, B) == []
    moving_clock.move(5)
    with stocked.begin() as tx:
        (taken,) = settle(tx, B)
        assert taken.step is Step.ACCEPTED
        assert taken.accepted_at == taken.intent_at == moving_clock() - timedelta(seconds=5)
        assert settle(tx, A) == []
        assert len(list(tx.execute(select(history)))) == 2
    moving_clock.move(90)
    with stocked.begin() as tx:
        assert ids_of(settle(tx, A)) == (taken.id,)


def test_a_row_is_given_back_to_be_looked_at_again_by_whoever_holds_it(
    planned: Callable[..., str], stocked: Database, moving_clock: MovingClock
) -> None:
    planned(1)
    with stocked.begin() as tx:
        accept(tx, ids_of(send(tx)))
    moving_clock.move(5)
    with stocked.begin() as tx:
        ids = ids_of(settle(tx, B))
        assert ledger.look_again(tx, ids, fence="fence-a", in_seconds=60) == []
        assert ledger.look_again(tx, ids, fence="fence-b", in_seconds=60) == list(ids)
        (row,) = rows(tx)
    assert (row.step, row.fence, row.looks) == ("accepted", None, 1)
    assert (row.due_at - moving_clock()).total_seconds() == 60


def test_a_look_that_saw_nothing_is_not_counted(
    planned: Callable[..., str], stocked: Database, moving_clock: MovingClock
) -> None:
    planned(1)
    with stocked.begin() as tx:
        accept(tx, ids_of(send(tx)))
    moving_clock.move(5)
    with stocked.begin() as tx:
        ledger.look_again(tx, ids_of(settle(tx)), fence=A.fence, in_seconds=1, looked=False)
        assert rows(tx)[0].looks == 0


def test_look_now_makes_open_rows_due_but_no_leased_one(
    planned: Callable[..., str], stocked: Database, moving_clock: MovingClock
) -> None:
    manifest_id = planned(3)
    with stocked.begin() as tx:
        taken = ids_of(send(tx))
        accept(tx, taken[:2])
        assert ledger.look_now(tx, manifest_id) == 2
        assert ledger.look_now(tx, "another") == 0
        assert set(ids_of(settle(tx, B))) == set(taken[:2])
        assert ledger.look_now(tx, manifest_id) == 0


def test_a_person_moves_nothing_that_a_worker_holds(
    planned: Callable[..., str], stocked: Database, moving_clock: MovingClock
) -> None:
    planned(1)
    with stocked.begin() as tx:
        taken = ids_of(send(tx))
        lost = Move(Step.INTENT, Step.UNKNOWN, "no_answer", taken)
        assert ledger.move(tx, lost, actor="ann", fence=None) == []
    moving_clock.move(90)
    with stocked.begin() as tx:
        assert ledger.move(tx, lost, actor="ann", fence=None) == list(taken)


def test_operations_of_a_manifest_come_in_the_order_of_its_lines(
    planned: Callable[..., str], stocked: Database, delivered: Deliver, block: Callable[..., LoadBlock]
) -> None:
    first, _ = planned(5), delivered("b.csv", [f"8988307{number:012d}0" for number in range(4)], product_ids="scooter")
    with stocked.begin() as tx:
        assert ledger.at_step(tx, first, Step.PLANNED) == tuple(row.id for row in rows(tx) if row.manifest_id == first)
        assert len(ledger.at_step(tx, first, Step.PLANNED, product_id="tracker")) == 5
        assert ledger.at_step(tx, first, Step.PLANNED, product_id="scooter") == ()
        assert ledger.at_step(tx, first, Step.DONE) == ()


def test_no_sim_is_planned_twice_in_one_generation(planned: Callable[..., str], stocked: Database) -> None:
    planned(1)
    with pytest.raises(Exception, match=r"(?i)unique"), stocked.begin() as tx:
        (row,) = rows(tx)
        twin = dict(row._mapping) | {"id": row.id + 1}
        tx.execute(insert(operations).values(twin))
