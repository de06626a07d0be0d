"""What waits at a carrier account is counted without taking it, from the partial indexes."""

from collections.abc import Callable

import pytest

from domain.lifecycle import Step
from storage import ledger
from storage.database import Database, Transaction
from storage.ledger import Lease, Move
from storage.waiting import Waiting, accounts_of, accounts_with_work, is_due, waiting
from tests.conftest import MovingClock

Delivery = Callable[..., str]
Numbers = Callable[[int], list[str]]
LEASE = Lease("mine", "worker", 60)


def accept(tx: Transaction, count: int, due_in_seconds: float) -> None:
    """Let the carrier have taken so many, to be looked at again later."""
    taken = ledger.take_to_send(tx, "kore", LEASE, limit=count, deadline_seconds=60)
    ids = tuple(one.id for one in taken)
    change = Move(Step.INTENT, Step.ACCEPTED, "accepted", ids, due_in_seconds=due_in_seconds)
    ledger.move(tx, change, actor="worker", fence=LEASE.fence)


def test_what_waits_is_counted_by_what_must_happen_next(
    stocked: Database, delivered: Delivery, iccids: Numbers
) -> None:
    delivered("a.csv", iccids(5))
    with stocked.begin() as tx:
        accept(tx, 2, due_in_seconds=300)
        assert waiting(tx, "kore") == Waiting(to_send=3, to_settle=2)
        assert waiting(tx, "other") == Waiting(0, 0)


def test_an_account_is_due_when_something_can_be_sent_or_its_next_look_has_come(
    stocked: Database, delivered: Delivery, iccids: Numbers, moving_clock: MovingClock
) -> None:
    with stocked.begin() as tx:
        assert not is_due(tx, "kore")
    delivered("a.csv", iccids(2))
    with stocked.begin() as tx:
        assert is_due(tx, "kore")
        accept(tx, 2, due_in_seconds=300)
        assert not is_due(tx, "kore")
    moving_clock.move(301)
    with stocked.begin() as tx:
        assert is_due(tx, "kore")


def test_accounts_with_work_are_found_whether_it_is_to_be_sent_or_settled_and_not_once_all_has_ended(
    stocked: Database, delivered: Delivery, iccids: Numbers
) -> None:
    first, second = iccids(2)
    delivered("a.csv", [first])
    with stocked.begin() as tx:
        accept(tx, 1, due_in_seconds=300)
    delivered("b.csv", [second], carrier_accounts="other")
    with stocked.begin() as tx:
        assert accounts_with_work(tx) == ["kore", "other"]
        (taken,) = ledger.take_to_send(tx, "other", LEASE, limit=1, deadline_seconds=60)
        done = Move(Step.INTENT, Step.DONE, "done", (taken.id,))
        ledger.move(tx, done, actor="worker", fence=LEASE.fence)
        assert accounts_with_work(tx) == ["kore"]


def test_a_manifests_carrier_accounts_are_those_of_its_own_sims(
    stocked: Database, delivered: Delivery, iccids: Numbers
) -> None:
    first, second = iccids(2)
    one = delivered("a.csv", [first])
    two = delivered("b.csv", [second], carrier_accounts="other")
    with stocked.read() as tx:
        assert accounts_of(tx, one) == ["kore"]
        assert accounts_of(tx, two) == ["other"]


@pytest.mark.parametrize("question", [waiting, is_due])
def test_counting_reads_the_partial_indexes(
    stocked: Database,
    explained: Callable[[Transaction, Callable[[], object]], str],
    question: Callable[[Transaction, str], object],
) -> None:
    with stocked.begin() as tx:
        plan = explained(tx, lambda: question(tx, "kore"))
    assert "ix_operations_to_send" in plan
    assert "ix_operations_to_settle" in plan
