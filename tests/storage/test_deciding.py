"""Which operations a person's word is about."""

from collections.abc import Callable

from sqlalchemy import insert, select, update

from domain.lifecycle import Action, Step
from storage import deciding
from storage.database import Database
from storage.schema import operations

Delivery = Callable[..., str]
Numbers = Callable[[int], list[str]]


def test_of_a_sim_the_newest_operation_counts_and_strangers_are_left_out(
    stocked: Database, delivered: Delivery, iccids: Numbers
) -> None:
    first, second, stranger = iccids(3)
    delivered("a.csv", [first, second])
    with stocked.begin() as tx:
        row = dict(tx.execute(select(operations).where(operations.c.iccid == first)).mappings().one())
        later = {name: value for name, value in row.items() if name != "id"} | {"action": "deactivate"}
        tx.execute(insert(operations).values(later))
        found = deciding.newest(tx, [first, second, stranger])
        assert deciding.newest(tx, []) == {}
    assert {iccid: one.action for iccid, one in found.items()} == {
        first: Action.DEACTIVATE,
        second: Action.ACTIVATE,
    }


def test_a_manifests_operations_at_these_steps_come_in_the_order_of_its_lines(
    stocked: Database, delivered: Delivery, iccids: Numbers
) -> None:
    numbers = iccids(4)
    manifest_id = delivered("a.csv", numbers[:3])
    delivered("b.csv", numbers[3:])
    c = operations.c
    with stocked.begin() as tx:
        tx.execute(update(operations).values(step=Step.NEEDS_REVIEW.value))
        tx.execute(update(operations).where(c.iccid == numbers[1]).values(step=Step.TIMED_OUT.value))
        review = deciding.at_steps(tx, manifest_id, [Step.NEEDS_REVIEW])
        both = deciding.at_steps(tx, manifest_id, [Step.NEEDS_REVIEW, Step.TIMED_OUT])
    assert [one.iccid for one in review] == [numbers[0], numbers[2]]
    assert [one.iccid for one in both] == numbers[:3]
