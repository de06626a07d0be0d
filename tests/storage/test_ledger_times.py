"""Times of history: a change that was made upon another one is later than it, whenever its transaction began."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import insert, select

from domain.lifecycle import Step
from storage import ledger
from storage.database import Database
from storage.ledger import Lease, Move
from storage.schema import history, operations

A, B = Lease("fence-a", "worker-a", 90.0), Lease("fence-b", "worker-b", 90.0)


def test_what_waited_behind_an_operation_is_taken_later_than_that_one_ended(
    stocked: Database, delivered: Callable[..., str], iccids: Callable[[int], list[str]]
) -> None:
    delivered("a.csv", iccids(1))
    with stocked.begin() as tx:
        (first,) = ledger.take_to_send(tx, "kore", A, limit=1, deadline_seconds=60)
        placed = {"iccid": first.iccid, "carrier_account": "kore", "manifest_id": "m-1", "line": 1, "generation": 1}
        due = {"action": "deactivate", "step": "planned", "stage": "change", "due_at": tx.now(), "created_at": tx.now()}
        tx.execute(insert(operations).values(placed | due))

    def end_the_first() -> None:
        with stocked.begin() as tx:
            done = Move(Step.INTENT, Step.DONE, "done", (first.id,))
            assert ledger.move(tx, done, actor="worker-a", fence=A.fence) == [first.id]

    with ThreadPoolExecutor(1) as neighbour:
        if not stocked.is_postgresql:  # one writer at a time
            end_the_first()
        with stocked.begin() as tx:
            tx.now()
            if stocked.is_postgresql:
                neighbour.submit(end_the_first).result()
            (second,) = ledger.take_to_send(tx, "kore", B, limit=1, deadline_seconds=60)
    h = history.c
    with stocked.read() as tx:
        at = {(row.operation_id, row.to_step): row.at for row in tx.execute(select(h.operation_id, h.to_step, h.at))}
    assert at[first.id, "done"] < at[second.id, "intent"]
