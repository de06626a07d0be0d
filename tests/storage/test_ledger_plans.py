"""Due work is found by the partial indexes, on both databases."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, text, update

from domain.lifecycle import Step
from storage.database import Database, Transaction
from storage.schema import operations
from tests.storage.test_ledger import Deliver, Iccids, expire, send, settle


def plans_of(tx: Transaction, work: Callable[[], object]) -> str:
    """How the database goes about the statements of a piece of work, from what it knows of the table now."""
    ran: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        ran.append((statement, parameters))

    tx.execute(text("ANALYZE operations"))
    event.listen(tx.connection, "before_cursor_execute", note)
    work()
    event.remove(tx.connection, "before_cursor_execute", note)
    words = "EXPLAIN " if tx.is_postgresql else "EXPLAIN QUERY PLAN "
    told = [row for each, values in ran for row in tx.connection.exec_driver_sql(words + each, values)]
    return "\n".join(str(row[-1]) for row in told)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "step", "index"),
    [
        (send, Step.PLANNED, "ix_operations_to_send"),
        (settle, Step.ACCEPTED, "ix_operations_to_settle"),
        (expire, Step.INTENT, "ix_operations_to_settle"),
    ],
)
def test_due_work_is_found_by_its_partial_index(
    delivered: Deliver,
    iccids: Iccids,
    stocked: Database,
    work: Callable[[Transaction], object],
    *,
    step: Step,
    index: str,
) -> None:
    delivered("a.csv", iccids(20_000))
    with stocked.begin() as tx:
        tx.execute(update(operations).where(operations.c.id % 100 != 0).values(step="done"))
        tx.execute(update(operations).where(operations.c.step == "planned").values(step=step.value))
        plans = plans_of(tx, lambda: work(tx))
    assert index in plans
    assert "Seq Scan on operations" not in plans
    assert "SCAN operations" not in plans
