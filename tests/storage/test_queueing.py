"""One SIM, one operation at a time: found by the SIM's own rows, whatever the database knows of the table."""

from collections.abc import Callable

import pytest
from sqlalchemy import ColumnElement, select

from storage.database import Database, Transaction
from storage.queueing import is_its_turn, is_newest
from storage.schema import operations

Explained = Callable[[Transaction, Callable[[], object]], str]


@pytest.mark.parametrize("rule", [is_newest, is_its_turn])
def test_before_any_statistics_the_operations_of_a_sim_are_found_by_its_number(
    stocked: Database,
    delivered: Callable[..., str],
    iccids: Callable[[int], list[str]],
    explained: Explained,
    rule: Callable[[], ColumnElement[bool]],
) -> None:
    numbers = iccids(12_000)
    delivered("a.csv", numbers)
    some = select(operations.c.id).where(operations.c.iccid.in_(numbers[:50]), rule())
    with stocked.begin() as tx:
        plan = explained(tx, lambda: tx.execute(some).all())
    assert "uq_operations_iccid_action_generation" in plan or "sqlite_autoindex_operations_1" in plan
    assert "pk_operations" not in plan
    assert "SCAN" not in plan
