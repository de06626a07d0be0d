"""An operation that timed out, or that needs a person, may still take effect: nothing is asked on top of it, unread."""

import pytest
from sqlalchemy import update

from carriers.contract import Answer, AnswerKind, CarrierSim
from domain.acting import Fate
from domain.deciding import Saw, Then
from domain.lifecycle import Action, SimState, Step
from engine.acting import Agreed, Asked, act
from engine.deciding import OVERTAKEN, Which, Word, decide
from engine.draining import drain, settle
from engine.halting import cancel
from engine.rerunning import Only, rerun
from storage.schema import operations, sims
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig, iccids
from tests.engine.scripted import REFERENCE, ScriptedCarrier, done

UNSETTLED = [Step.TIMED_OUT, Step.NEEDS_REVIEW]
SIM, *_ = iccids(1)
LATER = 100_000.0
AGAIN = Word(Saw.INACTIVE, Then.AGAIN, "seen in the console")


@pytest.fixture
def fleet(scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock) -> Rig:
    """One SIM whose activation is done, a day ago."""
    scripted.can(states=(SimState.ACTIVE, SimState.DEACTIVATED, SimState.RELEASED), page_size=0)
    scripted_rig.manifest_id = scripted_rig.load(1)  # type: ignore[attr-defined]
    drain(scripted_rig.context, ACCOUNT, at_most_seconds=10)
    scripted.submitted.clear()
    moving_clock.move(LATER)
    return scripted_rig


def ask(rig: Rig, action: Action) -> tuple[str, Fate]:
    """Ask for it; the action's id, and what becomes of the SIM."""
    agreed = Agreed(beyond_the_brake=True, release=True)
    acted = act(rig.context, Asked(action, [SIM]), reason="again", actor="ann", agreed=agreed)
    (fate,) = acted.plan.iccids
    return acted.id, fate


def end(rig: Rig, action: Action, step: Step, state: SimState | None = None) -> None:
    """Let the operations of this action stand at this step, and the SIM in this state."""
    with rig.context.database.begin() as tx:
        tx.execute(update(operations).where(operations.c.action == action.value).values(step=step.value))
        if state:
            tx.execute(update(sims).values(state=state.value))


@pytest.mark.parametrize("step", UNSETTLED)
@pytest.mark.parametrize("state", [SimState.INACTIVE, SimState.ACTIVATING])
def test_an_activation_that_may_still_come_true_is_not_asked_for_once_more(
    fleet: Rig, scripted: ScriptedCarrier, step: Step, state: SimState
) -> None:
    end(fleet, Action.ACTIVATE, step, state)
    assert {ask(fleet, action)[1] for action in Action} == {Fate.UNSETTLED}
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert scripted.submitted == []


@pytest.mark.parametrize("step", UNSETTLED)
def test_a_deactivation_that_may_still_come_true_is_not_nothing_to_do(fleet: Rig, step: Step) -> None:
    ask(fleet, Action.DEACTIVATE)
    end(fleet, Action.DEACTIVATE, step, SimState.ACTIVE)
    assert ask(fleet, Action.ACTIVATE)[1] is Fate.UNSETTLED


@pytest.mark.parametrize("step", UNSETTLED)
def test_a_rerun_reads_it_and_then_anything_may_be_asked(fleet: Rig, scripted: ScriptedCarrier, step: Step) -> None:
    action_id, _ = ask(fleet, Action.DEACTIVATE)
    end(fleet, Action.DEACTIVATE, step)
    assert rerun(fleet.context, action_id, Only.EVERYTHING, reason="look", actor="ann").taken == 1
    scripted.show = lambda number: CarrierSim(number, SimState.DEACTIVATED, "inactive", REFERENCE)
    settle(fleet.context, ACCOUNT, at_most_seconds=10)
    assert (fleet.steps(), scripted.submitted) == ({Step.DONE: 2}, [])
    assert ask(fleet, Action.ACTIVATE)[1] is Fate.PLANNED


@pytest.mark.parametrize("step", UNSETTLED)
def test_a_persons_evidence_settles_it_and_then_anything_may_be_asked(fleet: Rig, step: Step) -> None:
    end(fleet, Action.ACTIVATE, step, SimState.INACTIVE)
    left = Word(Saw.INACTIVE, Then.LEAVE, "seen in the console")
    (decision,) = decide(fleet.context, Which((SIM,)), left, actor="ann")
    assert decision.target is Step.REJECTED
    assert ask(fleet, Action.ACTIVATE)[1] is Fate.PLANNED


def test_what_was_taken_back_behind_it_does_not_hide_it_from_anybody(fleet: Rig, scripted: ScriptedCarrier) -> None:
    end(fleet, Action.ACTIVATE, Step.ACCEPTED, SimState.ACTIVATING)
    action_id, fate = ask(fleet, Action.DEACTIVATE)
    assert fate is Fate.QUEUED
    cancel(fleet.context.database, action_id, reason="oops", actor="ann")
    end(fleet, Action.ACTIVATE, Step.TIMED_OUT)
    assert ask(fleet, Action.ACTIVATE)[1] is Fate.UNSETTLED
    (decision,) = decide(fleet.context, Which((SIM,)), AGAIN, actor="ann")
    assert decision.target is Step.PLANNED
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert [order.action for order in scripted.submitted] == ["activate"]


@pytest.mark.parametrize("step", UNSETTLED)
def test_what_waits_behind_it_goes_on_waiting_until_it_is_settled(
    fleet: Rig, scripted: ScriptedCarrier, step: Step
) -> None:
    end(fleet, Action.ACTIVATE, Step.ACCEPTED, SimState.ACTIVATING)
    assert ask(fleet, Action.DEACTIVATE)[1] is Fate.QUEUED
    end(fleet, Action.ACTIVATE, step)
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert scripted.submitted == []
    manifest_id = fleet.manifest_id  # type: ignore[attr-defined]
    assert rerun(fleet.context, manifest_id, Only.EVERYTHING, reason="look", actor="ann").taken == 1
    settle(fleet.context, ACCOUNT, at_most_seconds=10)
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert [order.action for order in scripted.submitted] == ["deactivate"]
    assert fleet.steps() == {Step.DONE: 2}


def test_what_waits_behind_a_claim_that_fails_is_withdrawn_and_the_claim_can_be_tried_again(
    scripted_rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    scripted.can(states=(SimState.ACTIVE, SimState.DEACTIVATED, SimState.RELEASED), page_size=0)
    assert moving_clock
    manifest_id = scripted_rig.load(1)
    actions = [ask(scripted_rig, action) for action in (Action.DEACTIVATE, Action.RELEASE)]
    assert [fate for _, fate in actions] == [Fate.QUEUED] * 2
    scripted.answer = lambda order: Answer(order.iccid, AnswerKind.REJECTED, "not_registrable", "Another's.")
    drain(scripted_rig.context, ACCOUNT, at_most_seconds=10)
    assert scripted_rig.steps() == {Step.REJECTED: 1, Step.WITHDRAWN: 2}
    assert len(scripted.submitted) == 1
    scripted.answer = done
    assert rerun(scripted_rig.context, manifest_id, Only.FAILED, reason="it is ours", actor="ann").taken == 1
    drain(scripted_rig.context, ACCOUNT, at_most_seconds=10)
    assert scripted_rig.steps() == {Step.DONE: 1, Step.WITHDRAWN: 2}


def test_an_old_operation_is_not_sent_again_over_what_was_done_since(fleet: Rig) -> None:
    ask(fleet, Action.DEACTIVATE)
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    end(fleet, Action.ACTIVATE, Step.TIMED_OUT)
    of_file = Which(manifest_id=fleet.manifest_id)  # type: ignore[attr-defined]
    (decision,) = decide(fleet.context, of_file, AGAIN, actor="ann")
    assert (decision.target, decision.sentence) == (None, OVERTAKEN)
    seen = Word(Saw.ACTIVE, None, "seen in the console")
    assert [one.target for one in decide(fleet.context, of_file, seen, actor="ann")] == [Step.DONE]
