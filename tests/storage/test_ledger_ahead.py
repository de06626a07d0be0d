"""Those that soon will be due come along with one that is: one listing answers for all of them."""

from collections.abc import Callable, Sequence

import pytest

from domain.lifecycle import Step
from storage import ledger
from storage.database import Database, Transaction
from storage.leased import Operation
from storage.ledger import Lease, Move
from tests.conftest import MovingClock

A, B = Lease("fence-a", "worker-a", 90.0), Lease("fence-b", "worker-b", 90.0)


@pytest.fixture
def planned(
    delivered: Callable[..., str], iccids: Callable[[int], list[str]], moving_clock: MovingClock
) -> Callable[[int], str]:
    """So many planned operations of the carrier account `kore`; their manifest. Time moves when a test says so."""
    return lambda count: delivered("a.csv", iccids(count))


def send(tx: Transaction, lease: Lease = A, limit: int = 100) -> list[Operation]:
    return ledger.take_to_send(tx, "kore", lease, limit=limit, deadline_seconds=86_400)


def ids_of(taken: Sequence[Operation]) -> tuple[int, ...]:
    return tuple(one.id for one in taken)


def accept(tx: Transaction, ids: Sequence[int]) -> list[int]:
    change = Move(Step.INTENT, Step.ACCEPTED, "accepted", tuple(ids), due_in_seconds=5)
    return ledger.move(tx, change, actor="worker-a", fence=A.fence)


def test_with_one_that_is_due_those_that_soon_will_be_are_looked_at_too(
    stocked: Database, planned: Callable[[int], str], moving_clock: MovingClock
) -> None:
    planned(6)
    with stocked.begin() as tx:
        first = ids_of(send(tx, A, limit=2))
        accept(tx, first)
    moving_clock.move(4)
    with stocked.begin() as tx:
        accept(tx, ids_of(send(tx, A, limit=2)))
        send(tx, B, limit=2)
        assert ledger.take_to_settle(tx, "kore", B, limit=100, ahead_seconds=5) == []
    moving_clock.move(1)
    with stocked.begin() as tx:
        assert len(ledger.take_to_settle(tx, "kore", A, limit=100, ahead_seconds=5)) == 4
    moving_clock.move(89)
    with stocked.begin() as tx:
        assert ledger.take_to_settle(tx, "kore", B, limit=100, ahead_seconds=5) == []


def test_an_unknown_outcome_is_not_looked_at_before_its_quiet_period_is_over(
    stocked: Database, planned: Callable[[int], str], moving_clock: MovingClock
) -> None:
    planned(2)
    with stocked.begin() as tx:
        known, unknown = ids_of(send(tx, A))
        accept(tx, [known])
        lost = Move(Step.INTENT, Step.UNKNOWN, "lost", (unknown,), due_in_seconds=8)
        ledger.move(tx, lost, actor="worker-a", fence=A.fence)
    moving_clock.move(5)
    with stocked.begin() as tx:
        assert ids_of(ledger.take_to_settle(tx, "kore", B, limit=100, ahead_seconds=5)) == (known,)
