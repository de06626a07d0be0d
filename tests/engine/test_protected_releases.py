"""A protected product keeps its SIMs, whatever made their release due: a re-run, a resume, a person's evidence."""

import pytest
from sqlalchemy import update

from domain.acting import SENTENCES, Fate
from domain.deciding import Saw, Then
from domain.lifecycle import Action, SimState, Step
from domain.manifests import Halt
from engine.acting import Agreed, Asked, NotAgreed, act
from engine.deciding import Which, Word, decide
from engine.draining import drain
from engine.halting import cancel, pause, resume
from engine.invariants import violations
from engine.receipts import refresh_receipts
from engine.rerunning import Only, rerun
from storage import acting, catalogue, manifests
from storage.schema import operations
from tests.engine.rig import ACCOUNT, Rig, iccids
from tests.engine.scripted import ScriptedCarrier

WHY = SENTENCES[Fate.PROTECTED]


@pytest.fixture
def fleet(scripted_rig: Rig, scripted: ScriptedCarrier) -> Rig:
    """Three active SIMs at a carrier that does everything at once."""
    scripted.can(states=(SimState.ACTIVE, SimState.DEACTIVATED, SimState.RELEASED))
    scripted_rig.load(3)
    drain(scripted_rig.context, ACCOUNT, at_most_seconds=10)
    scripted.submitted.clear()
    return scripted_rig


@pytest.fixture
def release(fleet: Rig) -> str:
    """A release of the three, written down and not sent; its id."""
    asked, agreed = Asked(Action.RELEASE, iccids(3)), Agreed(release=True)
    return act(fleet.context, asked, reason="scrapped", actor="ann", agreed=agreed).id


def protect(rig: Rig, *, protect: bool = True) -> None:
    with rig.context.database.begin() as tx:
        catalogue.protect_from_release(tx, "tracker", protect=protect)


def again(rig: Rig, action_id: str, only: Only = Only.EVERYTHING) -> tuple[int, str]:
    tally = rerun(rig.context, action_id, only, reason="after all", actor="bob", release=True)
    return tally.taken, tally.problem


def test_a_rerun_leaves_what_was_cancelled_and_is_protected_since_and_says_so(
    fleet: Rig, scripted: ScriptedCarrier, release: str
) -> None:
    cancel(fleet.context.database, release, reason="oops", actor="ann")
    protect(fleet)
    assert again(fleet, release) == (0, f"3 left alone: {WHY}")
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert scripted.submitted == []
    with fleet.context.database.read() as tx:
        assert manifests.find(tx, release).halt is Halt.CANCELLED
    protect(fleet, protect=False)
    assert again(fleet, release) == (3, "")
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert [order.action for order in scripted.submitted] == [Action.RELEASE] * 3
    assert violations(fleet.context) == []


def test_what_is_resumed_after_the_protection_is_withdrawn_and_not_sent(
    fleet: Rig, scripted: ScriptedCarrier, release: str
) -> None:
    pause(fleet.context.database, release, reason="look", actor="ann")
    protect(fleet)
    resume(fleet.context.database, release, reason="looked", actor="ann")
    sent = drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert (scripted.submitted, sent.steps[Step.WITHDRAWN.value]) == ([], 3)
    assert fleet.steps() == {Step.DONE: 3, Step.WITHDRAWN: 3}
    assert set(refresh_receipts(fleet.context)) >= {release}
    with fleet.context.database.read() as tx:
        assert {one.detail for one in acting.troubles(tx, release, 9)} == {WHY}
    assert violations(fleet.context) == []


def test_the_sims_of_other_products_and_other_actions_go_on(fleet: Rig, scripted: ScriptedCarrier) -> None:
    one, two, _ = iccids(3)
    for action, iccid in ((Action.RELEASE, one), (Action.DEACTIVATE, two)):
        asked = Asked(action, [iccid])
        act(fleet.context, asked, reason="scrapped", actor="ann", agreed=Agreed(release=True))
    with fleet.context.database.begin() as tx:
        catalogue.protect_from_release(tx, "scooter", protect=True)
    protect(fleet)
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert [order.action for order in scripted.submitted] == [Action.DEACTIVATE]
    protect(fleet, protect=False)
    act(fleet.context, Asked(Action.RELEASE, [two]), reason="scrapped", actor="ann", agreed=Agreed(release=True))
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert [order.action for order in scripted.submitted] == [Action.DEACTIVATE, Action.RELEASE]


def test_a_persons_evidence_does_not_send_a_protected_release_again(fleet: Rig, release: str) -> None:
    with fleet.context.database.begin() as tx:
        is_release = operations.c.action == Action.RELEASE.value
        tx.execute(update(operations).where(is_release).values(step=Step.NEEDS_REVIEW.value))
    protect(fleet)
    word = Word(Saw.ACTIVE, Then.AGAIN, "seen in the console")
    said = decide(fleet.context, Which(manifest_id=release), word, actor="ann")
    assert {(one.target, one.sentence) for one in said} == {(None, WHY)}


def test_a_rerun_of_a_release_wants_its_own_word(fleet: Rig, release: str) -> None:
    cancel(fleet.context.database, release, reason="oops", actor="ann")
    with pytest.raises(NotAgreed, match="cannot be undone"):
        rerun(fleet.context, release, Only.EVERYTHING, reason="after all", actor="bob")
    assert fleet.steps() == {Step.DONE: 3, Step.WITHDRAWN: 3}
    assert rerun(fleet.context, release, Only.UNKNOWN, reason="look", actor="bob").taken == 0
