"""Due work is found by the partial indexes, on both databases."""

from collections.abc import Callable

import pytest
from sqlalchemy import text, update

from domain.lifecycle import Step
from storage.database import Database, Transaction
from storage.schema import operations
from tests.storage.statements import plans_of, statements_of
from tests.storage.test_ledger import Deliver, Iccids, expire, send, settle


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
        tx.execute(text("ANALYZE operations"))
        plans = plans_of(tx, statements_of(tx, lambda: work(tx)))
    assert index in plans
    assert "Seq Scan on operations" not in plans
    assert "SCAN operations" not in plans
