"""The flow of a person's action: shown first, done when confirmed, and twice is once."""

import pytest
from sqlalchemy import update

from domain.lifecycle import Action, Step
from engine.acting import Agreed, Asked, NotAgreed
from engine.acting import act as write_down
from engine.halting import cancel
from flows.act import act
from flows.pick_up import pick_up
from flows.rerun import rerun
from flows.settle import settle
from storage.schema import manifests, operations
from tasks.parameters import ActParameters, Confirmation, RerunParameters
from tests.configured import iccids
from tests.flows.conftest import Until
from tests.flows.workshop import Workshop

pytestmark = [pytest.mark.usefixtures("prefect_records"), pytest.mark.slow]


def asked(**more: object) -> ActParameters:
    """Pause the whole product."""
    usual = {"action": Action.DEACTIVATE, "product": "tracker", "reason": "season over", "actor": "ann"}
    return ActParameters.model_validate(usual | more)


@pytest.fixture
def active(workshop: Workshop, until: Until) -> Workshop:
    """A workshop with four active SIMs."""
    workshop.drop("batch.csv", count=4)
    pick_up()
    until(lambda: _settled(workshop))
    assert workshop.states() == {"active": 4}
    return workshop


def _settled(workshop: Workshop) -> bool:
    settle()
    return set(workshop.steps()) == {Step.DONE}


def test_a_product_is_shown_then_paused_and_the_second_run_changes_nothing(active: Workshop, until: Until) -> None:
    before = len(active.changes())
    assert act(asked()) == 4
    assert len(active.changes()) == before
    assert act(asked(confirmation=Confirmation.YES)) == 4
    until(lambda: _settled(active))
    assert active.states() == {"deactivated": 4}
    assert len(active.changes()) == before + 4
    assert act(asked(confirmation=Confirmation.YES)) == 0
    assert len(active.changes()) == before + 4


def test_an_iccid_in_any_spelling_is_acted_on_and_one_that_is_none_is_left_alone(active: Workshop) -> None:
    (iccid,) = iccids("supersim", 1)
    spelled = [f"{iccid[:4]} {iccid[4:]}", "8988"]
    assert act(asked(product=None, iccids=spelled, confirmation=Confirmation.YES)) == 1


def test_a_release_wants_its_own_word(workshop: Workshop, until: Until) -> None:
    (iccid,) = iccids("supersim", 1)
    workshop.carriers["supersim"].carrier.fleet.add_card(iccid, "another code")
    workshop.drop("batch.csv", count=1)
    pick_up()
    until(lambda: settle() == 0 and workshop.steps() == {Step.REJECTED: 1})
    wanted = asked(action=Action.RELEASE, confirmation=Confirmation.YES)
    with pytest.raises(NotAgreed, match="cannot be undone"):
        act(wanted)
    assert workshop.states() == {"absent": 1}
    assert act(wanted.model_copy(update={"release_for_good": True})) == 1
    assert workshop.states() == {"released": 1}


def test_a_rerun_of_a_release_wants_its_own_word_too(active: Workshop) -> None:
    asked = Asked(Action.DEACTIVATE, iccids("supersim", 1))
    action_id = write_down(active.context, asked, reason="scrapped", actor="ann", agreed=Agreed()).id
    cancel(active.context.database, action_id, reason="oops", actor="ann")
    with active.context.database.begin() as tx:  # no simulated carrier of the workshop takes SIMs back
        tx.execute(update(operations).where(operations.c.manifest_id == action_id).values(action="release"))
        tx.execute(update(manifests).where(manifests.c.id == action_id).values(item_key="release"))
    again = RerunParameters(manifest_id=action_id, reason="after all", actor="ann")
    with pytest.raises(NotAgreed, match="cannot be undone"):
        rerun(again)
    assert active.steps()[Step.WITHDRAWN] == 1
    assert rerun(again.model_copy(update={"release_for_good": True})) == 1
