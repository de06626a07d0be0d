"""An action is taken in like a manifest: it has a receipt that adds up, and is paused, cancelled and run again."""

import pytest

from carriers.contract import Answer, AnswerKind
from domain.lifecycle import Action, SimState, Step
from domain.lines import LineCounts, LineOutcome, Reason, Verdict
from domain.manifests import ACTIONS, ManifestState
from engine.acting import Agreed, Asked, act
from engine.draining import drain
from engine.halting import cancel, pause, resume
from engine.invariants import violations
from engine.receipt_facts import receipt_of
from engine.receipts import refresh_receipts
from engine.rerunning import Only, rerun
from engine.retrying_lines import retry_rejected
from reports.receipt import Receipt
from storage import manifests, outcomes
from tests.engine.rig import ACCOUNT, Rig, iccids
from tests.engine.scripted import ScriptedCarrier


@pytest.fixture
def fleet(scripted_rig: Rig, scripted: ScriptedCarrier) -> Rig:
    """Three active SIMs at a carrier that does everything at once."""
    scripted.can(states=(SimState.ACTIVE, SimState.DEACTIVATED, SimState.RELEASED))
    scripted_rig.load(3)
    drain(scripted_rig.context, ACCOUNT, at_most_seconds=10)
    assert scripted_rig.steps() == {Step.DONE: 3}
    scripted.submitted.clear()
    return scripted_rig


def paused_sims(rig: Rig, *numbers: str) -> str:
    """A deactivation of these SIMs, written down and not sent; its id."""
    unread = LineOutcome(7, Verdict.REJECTED, Reason.NOT_DIGITS, "the blue one")
    asked = Asked(Action.DEACTIVATE, numbers, not_read=[unread])
    return act(rig.context, asked, reason="season over", actor="ann", agreed=Agreed()).id


def receipt(rig: Rig, action_id: str) -> Receipt:
    refresh_receipts(rig.context)
    with rig.context.database.read() as tx:
        return receipt_of(tx, manifests.find(tx, action_id))


def test_every_sim_that_was_named_has_its_end_on_the_receipt(fleet: Rig) -> None:
    first = paused_sims(fleet, iccids(1)[0])
    second = paused_sims(fleet, *iccids(3), "8988307999999999991")
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    told = receipt(fleet, second)
    assert told.counts == LineCounts(lines=5, accepted=2, known=1, rejected=2)
    assert (told.state, told.source, told.name) == (ManifestState.FINISHED, ACTIONS, "deactivate")
    assert (told.reason, told.actor, told.steps) == ("season over", "ann", {Step.DONE: 2})
    assert receipt(fleet, first).counts.lines == 2
    with fleet.context.database.read() as tx:
        left = [(one.line, one.verdict, one.reason, one.iccid) for one in outcomes.outcomes(tx, second)]
        lines = [one.line for one in outcomes.sim_outcomes(tx, second)]
    assert lines == [1, 2]
    assert left == [
        (3, Verdict.REJECTED, Reason.NOT_DIGITS, None),
        (4, Verdict.REJECTED, Reason.LEFT_ALONE, "8988307999999999991"),
        (5, Verdict.KNOWN, Reason.NOTHING_TO_DO, iccids(1)[0]),
    ]
    assert violations(fleet.context, inputs=fleet.inputs) == []


def test_an_action_of_which_nothing_comes_leaves_nothing_behind(fleet: Rig) -> None:
    asked = Asked(Action.ACTIVATE, iccids(3))
    done = act(fleet.context, asked, reason="to be sure", actor="ann", agreed=Agreed())
    with fleet.context.database.read() as tx, pytest.raises(manifests.NoSuchManifest):
        manifests.find(tx, done.id)


def test_a_paused_action_sends_nothing_until_it_is_resumed(fleet: Rig, scripted: ScriptedCarrier) -> None:
    action_id = paused_sims(fleet, *iccids(3))
    pause(fleet.context.database, action_id, reason="wrong season", actor="bob")
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert scripted.submitted == []
    resume(fleet.context.database, action_id, reason="right season", actor="ann")
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert len(scripted.submitted) == 3


def test_a_cancelled_action_withdraws_what_was_not_sent_and_may_be_asked_anew(
    fleet: Rig, scripted: ScriptedCarrier
) -> None:
    action_id = paused_sims(fleet, *iccids(3))
    assert cancel(fleet.context.database, action_id, reason="wrong season", actor="bob").withdrawn == 3
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert scripted.submitted == []
    told = receipt(fleet, action_id)
    assert (told.state, told.steps) == (ManifestState.FINISHED, {Step.WITHDRAWN: 3})
    paused_sims(fleet, *iccids(3))
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert len(scripted.submitted) == 3
    assert violations(fleet.context, inputs=fleet.inputs) == []


def test_what_failed_of_an_action_is_run_again_and_its_lines_are_not(fleet: Rig, scripted: ScriptedCarrier) -> None:
    scripted.answer = lambda order: Answer(order.iccid, AnswerKind.REJECTED, "not_now")
    action_id = paused_sims(fleet, *iccids(2))
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert receipt(fleet, action_id).steps == {Step.REJECTED: 2}
    assert retry_rejected(fleet.context, action_id, actor="ann") is None
    assert rerun(fleet.context, action_id, Only.FAILED, reason="they can now", actor="ann").taken == 2
    assert violations(fleet.context, inputs=fleet.inputs) == []
