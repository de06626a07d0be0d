"""When a receipt is made, and when it is made anew."""

from sqlalchemy import update

from domain.lifecycle import Step
from domain.manifests import Halt, ManifestState
from storage import halting, manifests, receipts
from storage.database import Database, Transaction
from storage.receipts import LARGE, SIMS_A_SECOND
from storage.schema import manifests as table
from tests.conftest import MovingClock
from tests.storage.test_manifests import ITEM, Delivered, Numbers, claim, mark, put_steps

PAUSE = 2 * LARGE / SIMS_A_SECOND


def test_a_receipt_is_due_first_then_when_something_moved_then_at_the_end(
    stocked: Database, delivered: Delivered, iccids: Numbers, moving_clock: MovingClock
) -> None:
    manifest_id = delivered("a.txt", iccids(2))
    due: list[bool] = []

    def look(tx: Transaction) -> None:
        due.append(receipts.due(tx) == {manifest_id: "inbox"})
        steps = manifests.operation_counts(tx, manifest_id)
        receipts.keep(tx, manifest_id, "{}", tx.now(), steps=steps)

    for step in (Step.PLANNED, Step.PLANNED, Step.ACCEPTED, Step.ACCEPTED, Step.DONE):
        with stocked.begin() as tx:
            moving_clock.move(1)
            put_steps(tx, manifest_id, step)
            look(tx)
    with stocked.begin() as tx:
        moving_clock.move(1)
        manifests.finish_ended(tx)
    for _ in range(2):
        with stocked.begin() as tx:
            moving_clock.move(1)
            look(tx)
    assert due == [True, False, True, False, True, True, False]


def test_a_manifest_that_is_being_read_has_no_receipt_yet_and_a_refused_one_has(database: Database) -> None:
    claim(database)
    with database.read() as tx:
        assert receipts.due(tx) == {}
    mark(database, ManifestState.REFUSED)
    with database.begin() as tx:
        assert receipts.due(tx) == {ITEM.manifest_id: ITEM.source}
        receipts.keep(tx, ITEM.manifest_id, '{"a": 1}', tx.now(), steps={})
        assert receipts.due(tx) == {}
        assert manifests.find(tx, ITEM.manifest_id).receipt == '{"a": 1}'


def test_the_receipt_of_a_large_manifest_stays_a_while_unless_it_was_halted_or_has_finished(
    stocked: Database, delivered: Delivered, iccids: Numbers, moving_clock: MovingClock
) -> None:
    manifest_id = delivered("a.txt", iccids(2))

    def is_due(after_seconds: float = 0.0, *, and_kept: bool = False, halt: Halt | None = None) -> bool:
        moving_clock.move(after_seconds)
        with stocked.begin() as tx:
            told = receipts.due(tx) == {manifest_id: "inbox"}
            if and_kept:
                steps = manifests.operation_counts(tx, manifest_id)
                receipts.keep(tx, manifest_id, "{}", tx.now(), steps=steps, halt=halt, halts=1 if halt else 0)
        return told

    def move(step: Step) -> None:
        with stocked.begin() as tx:
            put_steps(tx, manifest_id, step)

    with stocked.begin() as tx:
        tx.execute(update(table).values(accepted=2 * LARGE))
    assert is_due(and_kept=True)
    move(Step.ACCEPTED)
    assert not is_due(PAUSE - 1)
    assert is_due(1, and_kept=True)
    with stocked.begin() as tx:
        assert halting.halt(tx, manifest_id, Halt.PAUSED, reason="Wrong box.", by="ann")
    assert is_due(1, and_kept=True, halt=Halt.PAUSED)
    assert not is_due(1)
    move(Step.DONE)
    assert not is_due(1)
    with stocked.begin() as tx:
        assert manifests.finish_ended(tx) == [manifest_id]
        assert manifests.find(tx, manifest_id).state is ManifestState.FINISHED
    assert is_due(1)
