"""What a person halted is passed over by whoever takes work, and the partial index is read as before."""

from collections.abc import Callable

import pytest
from sqlalchemy import insert, select, text, update

from domain.lifecycle import Step
from domain.manifests import Halt
from storage import halting, ledger, manifests
from storage.database import Database, Transaction
from storage.halted import not_halted
from storage.halting import Cancelled
from storage.ledger import Lease
from storage.schema import HALTED, operations
from storage.schema import manifests as table
from storage.waiting import Waiting, is_due, waiting
from tests.storage.statements import plans_of, statements_of

Delivery = Callable[..., str]
Numbers = Callable[[int], list[str]]
LEASE = Lease("mine", "worker", 60)


def halt(tx: Transaction, manifest_id: str, word: Halt = Halt.PAUSED) -> bool:
    return halting.halt(tx, manifest_id, word, reason="wrong pallet", by="ann")


def lift(tx: Transaction, manifest_id: str, word: Halt) -> bool:
    return halting.lift(tx, manifest_id, word, reason="sorted", by="bob")


def taken(tx: Transaction, limit: int = 100) -> list[str]:
    return [one.iccid for one in ledger.take_to_send(tx, "kore", LEASE, limit=limit, deadline_seconds=60)]


@pytest.mark.parametrize("word", Halt)
def test_nothing_of_a_halted_manifest_is_taken_and_the_others_go_on(
    stocked: Database, delivered: Delivery, iccids: Numbers, word: Halt
) -> None:
    numbers = iccids(6)
    halted = delivered("a.csv", numbers[:3])
    delivered("b.csv", numbers[3:])
    with stocked.begin() as tx:
        assert halt(tx, halted, word)
        assert waiting(tx, "kore") == Waiting(to_send=3, to_settle=0)
        assert sorted(taken(tx)) == numbers[3:]
        assert not is_due(tx, "kore")


def test_what_another_manifest_has_among_the_ids_of_a_halted_one_goes_on(
    stocked: Database, delivered: Delivery, iccids: Numbers
) -> None:
    numbers = iccids(3)
    halted = delivered("a.csv", numbers[:2])
    other = delivered("b.csv", numbers[2:])
    with stocked.begin() as tx:
        halt(tx, halted)
        tx.execute(update(table).where(table.c.id == halted).values(last_operation_id=1_000_000))
        assert taken(tx) == numbers[2:]
        assert manifests.find(tx, other).halt is None


def test_a_lifted_pause_lets_everything_go_on(stocked: Database, delivered: Delivery, iccids: Numbers) -> None:
    manifest_id = delivered("a.csv", iccids(3))
    with stocked.begin() as tx:
        halt(tx, manifest_id)
        assert not lift(tx, manifest_id, Halt.CANCELLED)
        assert lift(tx, manifest_id, Halt.PAUSED)
        assert not lift(tx, manifest_id, Halt.PAUSED)
        assert sorted(taken(tx)) == iccids(3)
        row = manifests.find(tx, manifest_id)
    assert (row.halt, row.halted_by, row.halt_reason, row.halted_at) == (None, None, None, None)


def test_the_first_pause_stays_and_a_cancelling_replaces_it_but_not_the_reverse(
    stocked: Database, delivered: Delivery, iccids: Numbers
) -> None:
    manifest_id = delivered("a.csv", iccids(1))
    with stocked.begin() as tx:
        assert [halt(tx, manifest_id), halt(tx, manifest_id)] == [True, False]
        assert [halt(tx, manifest_id, Halt.CANCELLED), halt(tx, manifest_id, Halt.CANCELLED)] == [True, False]
        assert not halt(tx, manifest_id, Halt.PAUSED)
        assert manifests.find(tx, manifest_id).halt is Halt.CANCELLED


def test_withdrawing_goes_on_batch_by_batch_and_stops_when_the_cancelling_was_taken_back(
    stocked: Database, delivered: Delivery, iccids: Numbers
) -> None:
    manifest_id = delivered("a.csv", iccids(5))
    word = Cancelled(manifest_id, "ann", "wrong pallet")
    with stocked.begin() as tx:
        halt(tx, manifest_id, Halt.CANCELLED)
        assert halting.cancelled(tx) == [word]
        first, after = halting.withdraw(tx, word, Step.PLANNED, after=0, limit=2)
        assert (first, after) == (2, 2)
        lift(tx, manifest_id, Halt.CANCELLED)
        assert halting.withdraw(tx, word, Step.PLANNED, after=2, limit=2) == (0, None)
        assert manifests.operation_counts(tx, manifest_id) == {Step.WITHDRAWN: 2, Step.PLANNED: 3}


def test_what_workers_hold_is_told_with_the_end_of_the_last_lease(
    stocked: Database, delivered: Delivery, iccids: Numbers
) -> None:
    manifest_id = delivered("a.csv", iccids(3))
    with stocked.begin() as tx:
        assert halting.in_hand(tx, manifest_id) == halting.NOBODY
        taken(tx, limit=2)
        held = halting.in_hand(tx, manifest_id)
        assert held.count == 2
        assert (
            held.ends_at
            == tx.execute(select(operations.c.due_at).where(operations.c.fence == "mine")).scalars().first()
        )


@pytest.mark.slow
def test_a_paused_manifest_of_many_sims_is_passed_over_by_the_partial_index(
    stocked: Database, delivered: Delivery, iccids: Numbers
) -> None:
    numbers = iccids(20_000)
    halted = delivered("a.csv", numbers[:19_000])
    delivered("b.csv", numbers[19_000:])
    with stocked.begin() as tx:
        tx.execute(update(operations).where(operations.c.id % 50 != 0).values(step="done"))
        halt(tx, halted)
        tx.execute(text("ANALYZE operations"))
        plans = plans_of(tx, statements_of(tx, lambda: taken(tx, limit=10)))
    assert "ix_operations_to_send" in plans
    assert "Seq Scan on operations" not in plans
    assert "SCAN operations" not in plans


def test_halted_manifests_are_found_by_their_own_small_index(
    stocked: Database,
    explained: Callable[[Transaction, Callable[[], object]], str],
) -> None:
    with stocked.begin() as tx:
        rows = [
            {"id": f"m-{number:012x}", "source": "inbox", "item_key": f"{number}.csv", "version": "1"}
            | {"state": "loaded", "actor": "test", "received_at": tx.now()}
            for number in range(500)
        ]
        tx.execute(insert(table), rows)
        tx.execute(text("ANALYZE manifests"))
        plan = explained(tx, lambda: not_halted(tx))
    assert "ix_manifests_halted" in plan
    assert HALTED in str(select(table.c.id).where(text(HALTED)))
