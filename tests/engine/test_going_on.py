"""A person lets work go on: re-runs, approvals, rejected lines once more."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from carriers.contract import Answer, AnswerKind, Order
from carriers.errors import OutcomeUnknown
from domain.brake import Brake
from domain.lifecycle import Step
from domain.lines import LineCounts
from domain.manifests import ManifestRefused, ManifestState
from engine.approving import approve
from engine.picking_up import pick_up
from engine.receipts import refresh_receipts
from engine.rerunning import TARGETS, Only, rerun
from engine.retrying_lines import retry_rejected
from engine.sending import send_due
from engine.settling import settle_due
from storage import audit, catalogue, manifests
from storage.schema import history, operations
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, PLAN, Rig, iccids, manifest
from tests.engine.scripted import ScriptedCarrier, done

FRANCE = replace(PLAN, id="kore/fr", name="france", countries=frozenset({"FR"}))


@pytest.fixture
def rig(scripted_rig: Rig, scripted: ScriptedCarrier) -> Rig:
    scripted.can(claims=False, page_size=0)
    return scripted_rig.but(brake=Brake(growth=100))


@pytest.fixture
def ended(rig: Rig, scripted: ScriptedCarrier) -> Callable[[Step], str]:
    """A finished manifest of three SIMs, one of which ended like this; its id."""

    def end(step: Step) -> str:
        manifest_id = rig.load(3)
        send_due(rig.context, ACCOUNT)
        with rig.context.database.begin() as tx:
            tx.execute(update(operations).where(operations.c.line == 3).values(step=step.value, attempt=5))
        refresh_receipts(rig.context)
        scripted.submitted.clear()
        return manifest_id

    return end


def state(rig: Rig, manifest_id: str) -> ManifestState:
    with rig.context.database.read() as tx:
        return manifests.find(tx, manifest_id).state


@pytest.mark.parametrize(
    ("step", "only", "target"),
    [
        (Step.REJECTED, Only.FAILED, Step.PLANNED),
        (Step.WITHDRAWN, Only.FAILED, Step.PLANNED),
        (Step.WITHDRAWN, Only.WITHDRAWN, Step.PLANNED),
        (Step.TIMED_OUT, Only.FAILED, Step.UNKNOWN),
        (Step.TIMED_OUT, Only.TIMED_OUT, Step.UNKNOWN),
        (Step.NEEDS_REVIEW, Only.NEEDS_REVIEW, Step.UNKNOWN),
        (Step.REJECTED, Only.EVERYTHING, Step.PLANNED),
        (Step.NEEDS_REVIEW, Only.EVERYTHING, Step.UNKNOWN),
    ],
)
def test_what_ended_badly_goes_on_and_what_is_done_stays_done(
    rig: Rig, ended: Callable[[Step], str], step: Step, only: Only, target: Step
) -> None:
    manifest_id = ended(step)
    assert state(rig, manifest_id) is ManifestState.FINISHED
    tally = rerun(rig.context, manifest_id, only, reason="Mended.", actor="ann")
    assert (tally.taken, tally.steps[target.value]) == (1, 1)
    assert rig.steps() == {Step.DONE: 2, target: 1}
    assert state(rig, manifest_id) is ManifestState.LOADED
    with rig.context.database.read() as tx:
        (row,) = tx.execute(select(history).where(history.c.reason == "rerun"))
        assert tx.execute(select(operations.c.attempt).where(operations.c.line == 3)).scalar_one() == 0
    assert (row.actor, row.detail, row.to_step) == ("ann", "Mended.", target.value)


@pytest.mark.parametrize("only", Only)
def test_a_rerun_of_what_is_done_moves_nothing_and_sends_nothing(
    rig: Rig, ended: Callable[[Step], str], scripted: ScriptedCarrier, only: Only
) -> None:
    manifest_id = ended(Step.DONE)
    assert rerun(rig.context, manifest_id, only, reason="Again.", actor="ann").taken == 0
    assert state(rig, manifest_id) is ManifestState.FINISHED
    assert send_due(rig.context, ACCOUNT).taken == 0
    assert scripted.submitted == []


def test_a_rerun_that_is_started_twice_moves_once(rig: Rig, ended: Callable[[Step], str]) -> None:
    manifest_id = ended(Step.REJECTED)
    moved = [rerun(rig.context, manifest_id, Only.FAILED, reason="Mended.", actor="ann").taken for _ in range(2)]
    assert moved == [1, 0]


def test_what_may_have_reached_the_carrier_is_read_before_anything_is_sent(
    rig: Rig, ended: Callable[[Step], str], scripted: ScriptedCarrier
) -> None:
    manifest_id = ended(Step.TIMED_OUT)
    rerun(rig.context, manifest_id, Only.FAILED, reason="The carrier was mended.", actor="ann")
    assert send_due(rig.context, ACCOUNT).taken == 0
    settle_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.DONE: 3}
    assert (scripted.submitted, scripted.read_iccids) == ([], [iccids(3)[1]])


@pytest.mark.parametrize("only", [Only.NEEDS_REVIEW, Only.TIMED_OUT, Only.WITHDRAWN])
def test_only_the_chosen_part_goes_on(rig: Rig, ended: Callable[[Step], str], only: Only) -> None:
    manifest_id = ended(Step.REJECTED)
    assert rerun(rig.context, manifest_id, only, reason="Looked at.", actor="ann").taken == 0
    assert rig.steps() == {Step.DONE: 2, Step.REJECTED: 1}


def test_every_choice_has_its_targets() -> None:
    assert set(TARGETS) == set(Only) - {Only.EVERYTHING}


def test_unknown_outcomes_are_looked_at_now_and_still_not_sent_again(
    rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    manifest_id = rig.load(2)

    def lose(order: Order) -> Answer:
        raise OutcomeUnknown("no answer")

    scripted.answer = lose
    send_due(rig.context, ACCOUNT)
    assert settle_due(rig.context, ACCOUNT).taken == 0
    tally = rerun(rig.context, manifest_id, Only.UNKNOWN, reason="Look.", actor="ann")
    assert tally.steps["looked_at_now"] == 2
    settle_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.DONE: 2}


def test_a_refused_sim_that_goes_on_is_sent_once_more(rig: Rig, scripted: ScriptedCarrier) -> None:
    manifest_id = rig.load(2)
    scripted.answer = lambda order: Answer(order.iccid, AnswerKind.REJECTED, "not_registrable", "Somebody else's.")
    send_due(rig.context, ACCOUNT)
    scripted.answer = done
    rerun(rig.context, manifest_id, Only.FAILED, reason="The carrier moved them.", actor="ann")
    send_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.DONE: 2}
    with rig.context.database.read() as tx:
        assert list(audit.broken_histories(tx)) == []


def test_an_approved_manifest_is_read_once(rig: Rig) -> None:
    careful = rig.but(brake=Brake(sims=2))
    waiting = careful.take_in("a.csv", manifest(iccids(3)))
    assert list(pick_up(careful.context)) == []
    intake = approve(careful.context, waiting.manifest_id, by="ann")
    assert intake
    assert (intake.state, intake.manifest_id) == (ManifestState.LOADED, waiting.manifest_id)
    assert approve(careful.context, waiting.manifest_id, by="ann") is None
    assert rig.steps() == {Step.PLANNED: 3}
    assert [path.name for path in (rig.folder / "drop" / "processed").glob("a.csv")] == ["a.csv"]


def test_a_manifest_approved_elsewhere_is_read_by_the_next_sweep(rig: Rig) -> None:
    careful = rig.but(brake=Brake(sims=2))
    waiting = careful.take_in("a.csv", manifest(iccids(3)))
    with rig.context.database.begin() as tx:
        assert manifests.approve(tx, waiting.manifest_id, "ann")
    (intake,) = pick_up(careful.context)
    assert (intake.manifest_id, intake.state) == (waiting.manifest_id, ManifestState.LOADED)


class Killed(BaseException):
    """The person's command dies here."""


def dying_at(rig: Rig, label: str) -> Rig:
    def at(passed: str) -> None:
        if passed == label:
            raise Killed(label)

    return rig.but(at=at)


@pytest.mark.parametrize("label", ["before-approval-commit", "after-approval-commit"])
def test_an_approval_that_was_killed_is_said_again_and_the_manifest_is_read_once(rig: Rig, label: str) -> None:
    careful = rig.but(brake=Brake(sims=2))
    waiting = careful.take_in("a.csv", manifest(iccids(3)))
    with pytest.raises(Killed):
        approve(dying_at(careful, label).context, waiting.manifest_id, by="ann")
    assert approve(careful.context, waiting.manifest_id, by="ann")
    assert rig.steps() == {Step.PLANNED: 3}


@pytest.mark.parametrize(("label", "moved"), [("before-rerun-commit", 1), ("after-rerun-commit", 0)])
def test_a_rerun_that_was_killed_is_started_again_and_moves_once(
    rig: Rig, ended: Callable[[Step], str], label: str, moved: int
) -> None:
    manifest_id = ended(Step.REJECTED)
    with pytest.raises(Killed):
        rerun(dying_at(rig, label).context, manifest_id, Only.FAILED, reason="Mended.", actor="ann")
    assert rerun(rig.context, manifest_id, Only.FAILED, reason="Mended.", actor="ann").taken == moved
    assert rig.steps() == {Step.DONE: 2, Step.PLANNED: 1}


def test_approving_what_does_not_wait_does_nothing(rig: Rig) -> None:
    manifest_id = rig.load(1)
    assert approve(rig.context, manifest_id, by="ann") is None


def rejected(rig: Rig) -> str:
    """A manifest with one line for Germany and two for France, where nothing is offered; its id."""
    rows = [f"{number},{country},code" for number, country in zip(iccids(3), ("DE", "FR", "FR"), strict=True)]
    return rig.take_in("a.csv", "\n".join(["iccid,home_country,registration_code", *rows])).manifest_id


def test_rejected_lines_are_judged_again_after_somebody_mended_the_reason(rig: Rig) -> None:
    manifest_id = rejected(rig)
    with rig.context.database.begin() as tx:
        catalogue.sync_plans(tx, [PLAN, FRANCE])
    intake = retry_rejected(rig.context, manifest_id, actor="ann")
    assert intake
    assert intake.counts == LineCounts(3, ignored=1, accepted=2)
    assert intake.manifest_id != manifest_id
    assert rig.steps() == {Step.PLANNED: 3}


def test_rejected_lines_can_be_tried_as_often_as_it_takes(rig: Rig) -> None:
    manifest_id = rejected(rig)
    for _ in range(2):
        in_vain = retry_rejected(rig.context, manifest_id, actor="ann")
        assert in_vain
        assert in_vain.counts.rejected == 2
    with rig.context.database.begin() as tx:
        catalogue.sync_plans(tx, [PLAN, FRANCE])
    mended = retry_rejected(rig.context, manifest_id, actor="ann")
    assert mended
    assert mended.counts.accepted == 2
    again = retry_rejected(rig.context, manifest_id, actor="ann")
    assert again
    assert (again.counts.accepted, again.counts.known) == (0, 2)


def test_a_manifest_without_rejected_lines_has_nothing_to_judge_again(rig: Rig) -> None:
    assert retry_rejected(rig.context, rig.load(2), actor="ann") is None


def test_rejected_lines_of_an_original_that_is_gone_are_not_made_up(rig: Rig) -> None:
    manifest_id = rejected(rig)
    Path(rig.folder / "drop" / "processed" / "a.csv").unlink()
    with pytest.raises(ManifestRefused, match="Correct its lines and drop them as a new file"):
        retry_rejected(rig.context, manifest_id, actor="ann")
