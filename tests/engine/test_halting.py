"""A person halts a manifest in mid-run: what was sent is settled, nothing new leaves, nothing is lost."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from carriers.contract import Answer, AnswerKind, Order
from domain.lifecycle import Step
from domain.manifests import Halt, ManifestState
from domain.products import Tier
from engine.halting import CannotHalt, cancel, pause, resume, withdraw_cancelled
from engine.invariants import violations
from engine.receipt_facts import receipt_of
from engine.receipts import refresh_receipts
from engine.rerunning import Only, rerun
from engine.sending import send_due
from engine.settling import settle_due
from reports.receipt import Receipt
from reports.verdict import headline, needs_you
from storage import catalogue, ledger, manifests
from storage.ledger import Lease, Move
from storage.schema import history, products
from tests.engine.rig import ACCOUNT, Rig, iccids, manifest
from tests.engine.scripted import ScriptedCarrier, done


@pytest.fixture
def rig(scripted_rig: Rig, scripted: ScriptedCarrier) -> Rig:
    scripted.can(claims=False, page_size=0)
    return scripted_rig


@pytest.fixture
def half_sent(rig: Rig, scripted: ScriptedCarrier) -> str:
    """A manifest of six SIMs, of which the carrier took two and works on them; its id."""
    manifest_id = rig.load(6)
    with rig.context.database.begin() as tx:
        taken = ledger.take_to_send(tx, ACCOUNT, Lease("f", "w", 60), limit=2, deadline_seconds=86_400)
        ids = tuple(one.id for one in taken)
        ledger.move(tx, Move(Step.INTENT, Step.ACCEPTED, "accepted", ids), actor="w", fence="f")
    return manifest_id


def stop(rig: Rig, manifest_id: str) -> None:
    pause(rig.context.database, manifest_id, reason="wrong pallet", actor="ann")


def receipt(rig: Rig, manifest_id: str) -> Receipt:
    refresh_receipts(rig.context)
    with rig.context.database.read() as tx:
        return receipt_of(tx, manifests.find(tx, manifest_id))


def test_while_it_is_paused_what_was_sent_is_settled_and_nothing_new_leaves(
    rig: Rig, half_sent: str, scripted: ScriptedCarrier
) -> None:
    stop(rig, half_sent)
    assert send_due(rig.context, ACCOUNT).taken == 0
    assert settle_due(rig.context, ACCOUNT).taken == 2
    assert rig.steps() == {Step.DONE: 2, Step.PLANNED: 4}
    assert scripted.submitted == []
    shown = receipt(rig, half_sent)
    assert (shown.state, shown.halt, shown.reason) == (ManifestState.LOADED, Halt.PAUSED, "Paused by ann: wrong pallet")
    assert headline(shown).title == "Paused"


def test_a_resumed_manifest_sends_what_is_left_once_and_nothing_is_lost(
    rig: Rig, half_sent: str, scripted: ScriptedCarrier
) -> None:
    stop(rig, half_sent)
    settle_due(rig.context, ACCOUNT)
    assert resume(rig.context.database, half_sent, reason="sorted", actor="bob").changed
    assert not resume(rig.context.database, half_sent, reason="sorted", actor="bob").changed
    send_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.DONE: 6}
    assert len(scripted.submitted) == 4
    assert headline(receipt(rig, half_sent)).title == "All 6 SIMs are active"
    assert violations(rig.context, inputs=rig.inputs) == []


def test_another_manifest_goes_on_beside_a_paused_one(rig: Rig, half_sent: str, scripted: ScriptedCarrier) -> None:
    stop(rig, half_sent)
    rig.load(3, first=50, name="b.csv")
    send_due(rig.context, ACCOUNT)
    assert {order.iccid for order in scripted.submitted} == set(iccids(3, 50))


def test_pausing_twice_keeps_the_first_reason(rig: Rig, half_sent: str) -> None:
    stop(rig, half_sent)
    again = pause(rig.context.database, half_sent, reason="me too", actor="bob")
    assert not again.changed
    assert receipt(rig, half_sent).reason == "Paused by ann: wrong pallet"


def test_the_receipt_is_made_again_when_a_pause_comes_and_when_it_goes(rig: Rig, half_sent: str) -> None:
    refresh_receipts(rig.context)

    def halt() -> None:
        stop(rig, half_sent)

    def go_on() -> None:
        resume(rig.context.database, half_sent, reason="sorted", actor="bob")

    for changes in ([halt], [go_on], [halt, go_on]):
        for change in changes:
            change()
        assert set(refresh_receipts(rig.context)) == {half_sent}
        assert refresh_receipts(rig.context) == {}


def test_who_stopped_it_who_let_it_go_on_and_why_is_kept_for_good(rig: Rig, half_sent: str) -> None:
    database = rig.context.database
    stop(rig, half_sent)
    stop(rig, half_sent)
    resume(database, half_sent, reason="sorted", actor="bob")
    resume(database, half_sent, reason="sorted", actor="bob")
    cancel(database, half_sent, reason="wrong product", actor="ann")
    rerun(rig.context, half_sent, Only.WITHDRAWN, reason="it was right", actor="bob")
    shown = receipt(rig, half_sent)
    assert [(one.word, one.by, one.reason) for one in shown.halts] == [
        ("pause", "ann", "wrong pallet"),
        ("resume", "bob", "sorted"),
        ("cancel", "ann", "wrong product"),
        ("resume", "bob", "it was right"),
    ]
    assert sorted(shown.halts, key=lambda one: one.at) == list(shown.halts)
    assert shown.halt is None


def test_what_workers_hold_is_told(rig: Rig) -> None:
    manifest_id = rig.load(3)
    with rig.context.database.begin() as tx:
        ledger.take_to_send(tx, ACCOUNT, Lease("f", "w", 60), limit=2, deadline_seconds=86_400)
    held = pause(rig.context.database, manifest_id, reason="wrong pallet", actor="ann").in_hand
    assert (held.count, held.ends_at is not None) == (2, True)


def test_a_cancelled_manifest_withdraws_what_was_not_sent_and_settles_the_rest(
    rig: Rig, half_sent: str, scripted: ScriptedCarrier
) -> None:
    said = cancel(rig.context.database, half_sent, reason="wrong product", actor="ann")
    assert (said.changed, said.withdrawn) == (True, 4)
    shown = receipt(rig, half_sent)
    assert (shown.halt, headline(shown).title) == (Halt.CANCELLED, "Cancelled")
    assert headline(shown).sentence == "0 of 6 SIMs active; 4 withdrawn; 2 in progress."
    settle_due(rig.context, ACCOUNT)
    shown = receipt(rig, half_sent)
    assert (shown.state, shown.steps) == (ManifestState.FINISHED, {Step.DONE: 2, Step.WITHDRAWN: 4})
    assert (shown.reason, needs_you(shown)) == ("Cancelled by ann: wrong product", 0)
    assert scripted.submitted == []
    with rig.context.database.read() as tx:
        rows = tx.execute(select(history).where(history.c.to_step == "withdrawn")).all()
    assert {(row.actor, row.reason, row.detail) for row in rows} == {("ann", "cancelled", "wrong product")}
    assert violations(rig.context, inputs=rig.inputs) == []


def test_cancelling_twice_withdraws_once(rig: Rig, half_sent: str) -> None:
    cancel(rig.context.database, half_sent, reason="wrong product", actor="ann")
    again = cancel(rig.context.database, half_sent, reason="again", actor="bob")
    assert (again.changed, again.withdrawn) == (False, 0)
    assert receipt(rig, half_sent).reason == "Cancelled by ann: wrong product"


def test_what_comes_back_unsent_after_a_cancelling_is_withdrawn_too(rig: Rig, scripted: ScriptedCarrier) -> None:
    scripted.can(claims=True)
    manifest_id = rig.load(2)

    def claimed_and_cancelled(order: Order) -> Answer:
        cancel(rig.context.database, manifest_id, reason="wrong product", actor="ann")
        return done(order)

    scripted.answer = claimed_and_cancelled
    send_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.PLANNED: 2}
    assert receipt(rig, manifest_id).steps == {Step.WITHDRAWN: 2}
    assert send_due(rig.context, ACCOUNT).taken == 0


def test_a_cancelling_that_died_halfway_is_finished_by_whoever_makes_receipts(rig: Rig, half_sent: str) -> None:
    class Died(Exception):
        pass

    def die(_count: int) -> None:
        raise Died

    with pytest.raises(Died):
        cancel(rig.context.database, half_sent, reason="wrong product", actor="ann", watch=die)
    assert send_due(rig.context, ACCOUNT).taken == 0
    withdraw_cancelled(rig.context.database)
    assert rig.steps() == {Step.ACCEPTED: 2, Step.WITHDRAWN: 4}


def test_a_rerun_of_what_was_withdrawn_takes_the_cancelling_back(
    rig: Rig, half_sent: str, scripted: ScriptedCarrier
) -> None:
    cancel(rig.context.database, half_sent, reason="wrong product", actor="ann")
    settle_due(rig.context, ACCOUNT)
    refresh_receipts(rig.context)
    assert rerun(rig.context, half_sent, Only.TIMED_OUT, reason="look", actor="bob").taken == 0
    assert receipt(rig, half_sent).halt is Halt.CANCELLED
    assert rerun(rig.context, half_sent, Only.WITHDRAWN, reason="it was right", actor="bob").taken == 4
    send_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.DONE: 6}
    shown = receipt(rig, half_sent)
    assert (shown.halt, shown.state) == (None, ManifestState.FINISHED)
    assert len(scripted.submitted) == 4
    assert violations(rig.context, inputs=rig.inputs) == []


def test_dropping_a_cancelled_manifest_again_sends_nothing(rig: Rig, scripted: ScriptedCarrier) -> None:
    manifest_id = rig.load(3)
    cancel(rig.context.database, manifest_id, reason="wrong product", actor="ann")
    again = rig.take_in("again.csv", manifest(iccids(3)))
    assert again.counts.known == 3
    assert send_due(rig.context, ACCOUNT).taken == 0
    assert scripted.submitted == []


def test_held_sims_are_withdrawn_and_come_back_only_as_far_as_there_is_room(rig: Rig) -> None:
    with rig.context.database.begin() as tx:
        tx.execute(products.update().values(tier=Tier.FREE.value))
    manifest_id = rig.load(103)
    assert rig.steps() == {Step.PLANNED: 100, Step.HELD: 3}
    assert cancel(rig.context.database, manifest_id, reason="wrong product", actor="ann").withdrawn == 103
    rerun(rig.context, manifest_id, Only.WITHDRAWN, reason="it was right", actor="bob")
    assert rig.steps() == {Step.PLANNED: 100, Step.HELD: 3}
    with rig.context.database.read() as tx:
        assert catalogue.account_device_count(tx, "acme") == 100


@pytest.mark.parametrize("word", ["pause", "resume", "cancel"])
def test_a_word_that_does_not_fit_changes_nothing_and_says_why(rig: Rig, scripted: ScriptedCarrier, word: str) -> None:
    scripted.answer = done
    over = rig.load(1)
    send_due(rig.context, ACCOUNT)
    refresh_receipts(rig.context)
    database = rig.context.database
    words: dict[str, Callable[[str], object]] = {
        "pause": lambda id_: pause(database, id_, reason="stop", actor="ann"),
        "cancel": lambda id_: cancel(database, id_, reason="stop", actor="ann"),
        "resume": lambda id_: resume(database, id_, reason="sorted", actor="bob"),
    }
    if word == "resume":
        assert resume(database, over, reason="sorted", actor="bob").changed is False
    else:
        with pytest.raises(CannotHalt, match="finished: nothing of it waits"):
            words[word](over)
    cancelled = rig.load(1, first=10, name="b.csv")
    words["cancel"](cancelled)
    if word != "cancel":
        with pytest.raises(CannotHalt, match=r"was cancelled by ann: stop .*--only withdrawn"):
            words[word](cancelled)


def test_a_rejected_answer_of_a_paused_manifest_is_kept(rig: Rig, scripted: ScriptedCarrier) -> None:
    manifest_id = rig.load(2)

    def refuse_and_pause(order: Order) -> Answer:
        stop(rig, manifest_id)
        return Answer(order.iccid, AnswerKind.REJECTED, "not_registrable", "Somebody else's.")

    scripted.answer = refuse_and_pause
    send_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.REJECTED: 2}
    with rig.context.database.read() as tx:
        assert tx.execute(select(func.count()).select_from(history)).scalar_one() == 4
