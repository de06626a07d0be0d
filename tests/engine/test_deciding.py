"""A person's evidence: what becomes of the SIM, what the history says, and what is never done."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from carriers.contract import Answer, AnswerKind
from domain.deciding import Saw, Then
from domain.lifecycle import Stage, Step
from domain.manifests import ManifestState
from engine.deciding import MOVED, NOT_OURS, Decision, Which, Word, decide, preview
from engine.invariants import violations
from engine.receipts import refresh_receipts
from engine.rerunning import Only, rerun
from engine.sending import send_due
from storage import manifests, sims
from storage.schema import history, operations
from storage.schema import sims as sim_rows
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig, iccids
from tests.engine.scripted import ScriptedCarrier, done

REVIEW = Word(Saw.ACTIVE, None, "seen in the console")
AGAIN = Word(Saw.INACTIVE, Then.AGAIN, "seen in the console")
LEAVE = Word(Saw.INACTIVE, Then.LEAVE, "seen in the console")
LONG = 100_000.0


@pytest.fixture
def rig(scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock) -> Rig:
    scripted.can(claims=False, page_size=0)
    assert moving_clock
    return scripted_rig


@pytest.fixture
def stuck(rig: Rig, scripted: ScriptedCarrier) -> str:
    """A finished manifest of three SIMs whose answers need a person; its id."""
    scripted.answer = lambda order: Answer(order.iccid, AnswerKind.REVIEW, "contradiction", "Two answers.")
    manifest_id = rig.load(3)
    send_due(rig.context, ACCOUNT)
    refresh_receipts(rig.context)
    assert rig.steps() == {Step.NEEDS_REVIEW: 3}
    scripted.answer = done
    scripted.submitted.clear()
    return manifest_id


def all_of(manifest_id: str) -> Which:
    return Which(manifest_id=manifest_id)


def targets(decisions: list[Decision]) -> list[Step | None]:
    return [one.target for one in decisions]


def test_what_a_person_saw_active_is_done_with_who_and_why_in_the_history(
    rig: Rig, stuck: str, moving_clock: MovingClock
) -> None:
    moving_clock.move(1)
    assert targets(decide(rig.context, all_of(stuck), REVIEW, actor="ann")) == [Step.DONE] * 3
    assert rig.steps() == {Step.DONE: 3}
    with rig.context.database.read() as tx:
        rows = tx.execute(select(history).where(history.c.reason == "decided")).all()
        one = sims.one(tx, iccids(1)[0])
    assert {(row.actor, row.detail) for row in rows} == {("ann", "Seen active at the carrier: seen in the console")}
    assert one is not None
    assert (one.state.value, one.carrier_word, one.activations_count) == ("active", "seen by a person", 1)
    assert set(refresh_receipts(rig.context)) == {stuck}
    with rig.context.database.read() as tx:
        assert manifests.find(tx, stuck).state is ManifestState.FINISHED
    assert violations(rig.context, inputs=rig.inputs) == []


def test_what_a_person_saw_inactive_is_sent_again_once_the_old_request_is_surely_over(
    rig: Rig, stuck: str, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    early = decide(rig.context, all_of(stuck), AGAIN, actor="ann")
    assert targets(early) == [None] * 3
    assert "may still take effect" in early[0].sentence
    assert rig.steps() == {Step.NEEDS_REVIEW: 3}
    moving_clock.move(LONG)
    assert targets(decide(rig.context, all_of(stuck), AGAIN, actor="ann")) == [Step.PLANNED] * 3
    assert violations(rig.context, inputs=rig.inputs) == []
    send_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.DONE: 3}
    assert sorted(order.iccid for order in scripted.submitted) == iccids(3)


def test_the_checker_would_see_a_decision_that_came_too_early(
    rig: Rig, stuck: str, moving_clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.deciding._since_request", lambda *_: LONG)
    moving_clock.move(10)
    decide(rig.context, all_of(stuck), AGAIN, actor="ann")
    assert {one.invariant for one in violations(rig.context, inputs=rig.inputs)} == {1}


def test_what_is_left_ends_as_rejected_and_a_rerun_can_still_take_it_up(rig: Rig, stuck: str) -> None:
    decide(rig.context, all_of(stuck), LEAVE, actor="ann")
    assert rig.steps() == {Step.REJECTED: 3}
    assert rerun(rig.context, stuck, Only.FAILED, reason="after all", actor="bob").taken == 3


def test_a_decision_said_twice_moves_once(rig: Rig, stuck: str) -> None:
    which = Which(iccids=tuple(iccids(2)))
    assert targets(decide(rig.context, which, REVIEW, actor="ann")) == [Step.DONE] * 2
    again = decide(rig.context, which, REVIEW, actor="ann")
    assert targets(again) == [None] * 2
    assert {one.sentence for one in again} == {"It is done: no word is needed."}
    assert rig.steps() == {Step.DONE: 2, Step.NEEDS_REVIEW: 1}


def test_a_preview_changes_nothing_and_says_the_same(rig: Rig, stuck: str) -> None:
    shown = preview(rig.context, all_of(stuck), REVIEW)
    assert rig.steps() == {Step.NEEDS_REVIEW: 3}
    assert shown == decide(rig.context, all_of(stuck), REVIEW, actor="ann")


def test_strangers_and_sims_at_other_steps_stay_and_are_named(rig: Rig, stuck: str) -> None:
    rig.load(1, first=50, name="b.csv")
    planned, stranger = iccids(1, 50)[0], iccids(1, 99)[0]
    said = decide(rig.context, Which(iccids=(planned, stranger, iccids(1)[0], planned)), REVIEW, actor="ann")
    assert [one.iccid for one in said] == [planned, stranger, iccids(1)[0]]
    assert [one.sentence for one in said] == ["It is planned: no word is needed.", NOT_OURS, ""]
    assert rig.steps() == {Step.PLANNED: 1, Step.DONE: 1, Step.NEEDS_REVIEW: 2}


def test_only_the_chosen_steps_of_a_manifest_are_settled(rig: Rig, stuck: str) -> None:
    which = Which(manifest_id=stuck, steps=(Step.TIMED_OUT,))
    assert decide(rig.context, which, REVIEW, actor="ann") == []


def test_what_somebody_else_holds_or_moved_meanwhile_is_said_to_have_moved(
    rig: Rig, stuck: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing: Callable[..., list[int]] = lambda *_, **__: []  # noqa: E731 - as if each row had gone on by itself
    monkeypatch.setattr("engine.deciding.ledger.move", nothing)
    said = decide(rig.context, all_of(stuck), REVIEW, actor="ann")
    assert {(one.target, one.sentence) for one in said} == {(None, MOVED)}


def test_a_claim_that_a_person_saw_true_needs_its_code_no_longer(
    rig: Rig, stuck: str, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    with rig.context.database.begin() as tx:
        tx.execute(update(operations).values(stage=Stage.CLAIM.value))
        tx.execute(update(sim_rows).values(registration_code=b"sealed"))
    moving_clock.move(LONG)
    decide(rig.context, all_of(stuck), AGAIN, actor="ann")
    assert rig.stages() == {(Stage.CHANGE, Step.PLANNED): 3}
    with rig.context.database.read() as tx:
        assert set(tx.execute(select(sim_rows.c.registration_code)).scalars()) == {None}


def test_an_account_that_is_no_longer_configured_sends_nothing_again_but_can_be_settled(
    rig: Rig, stuck: str, moving_clock: MovingClock
) -> None:
    moving_clock.move(LONG)
    without = rig.but(carriers={}).context
    assert f"carrier account {ACCOUNT}" in decide(without, all_of(stuck), AGAIN, actor="ann")[0].sentence
    assert targets(decide(without, all_of(stuck), LEAVE, actor="ann")) == [Step.REJECTED] * 3
