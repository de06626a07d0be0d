"""A ledger that came back from a backup: everything is read before anything is sent."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from carriers.contract import CarrierSim
from domain.lifecycle import SimState, Stage, Step
from engine import restoring
from engine.context import Progress
from engine.restoring import Doubt, StillAtWork, doubts, read_first
from engine.sending import send_due
from engine.settling import settle_due
from storage import audit
from storage.schema import history, operations, sims
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig, iccids
from tests.engine.scripted import REFERENCE, ScriptedCarrier

QUIET_SECONDS, LEASE_SECONDS = 60.0, 90.0
WAIT_SECONDS = QUIET_SECONDS + LEASE_SECONDS


@pytest.fixture
def rig(scripted_rig: Rig, scripted: ScriptedCarrier) -> Rig:
    scripted.can(page_size=0)
    return scripted_rig


def restore(rig: Rig, actor: str = "ann") -> int:
    return read_first(rig.context, reason="Disk lost.", actor=actor).taken


def shows(*states: SimState) -> dict[str, SimState]:
    return dict(zip(iccids(len(states)), states, strict=True))


def test_what_was_planned_is_read_after_the_quiet_period_and_not_sent(
    rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    rig.load(3)
    assert restore(rig) == 3
    assert rig.steps() == {Step.UNKNOWN: 3}
    for seconds in (0, WAIT_SECONDS - 1):
        moving_clock.move(seconds)
        assert (send_due(rig.context, ACCOUNT).taken, settle_due(rig.context, ACCOUNT).taken) == (0, 0)
    moving_clock.move(1)
    settle_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.DONE: 3}
    assert scripted.submitted == []


def test_the_judge_finishes_what_is_done_and_plans_again_what_is_untouched(
    rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    rig.load(4)
    state = shows(SimState.ABSENT, SimState.INACTIVE, SimState.ACTIVATING, SimState.ACTIVE)
    scripted.show = lambda iccid: CarrierSim(iccid, state[iccid], "word", REFERENCE)
    restore(rig)
    moving_clock.move(WAIT_SECONDS)
    settle_due(rig.context, ACCOUNT)
    assert rig.stages() == {
        (Stage.CLAIM, Step.PLANNED): 1,
        (Stage.CHANGE, Step.PLANNED): 1,
        (Stage.CLAIM, Step.ACCEPTED): 1,
        (Stage.CLAIM, Step.DONE): 1,
    }
    with rig.context.database.read() as tx:
        codes = tx.execute(select(sims.c.registration_code).order_by(sims.c.line)).scalars()
        assert [code is not None for code in codes] == [True, False, True, False]
        assert list(audit.broken_histories(tx)) == []


def test_a_wait_cannot_be_cut_short_by_looking_now(
    rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    rig.load(1)
    scripted.show = lambda iccid: CarrierSim(iccid, SimState.ABSENT, "")
    restore(rig)
    with rig.context.database.begin() as tx:
        tx.execute(update(operations).values(due_at=tx.now()))
    moving_clock.move(1)
    assert settle_due(rig.context, ACCOUNT).taken == 1
    assert rig.steps() == {Step.UNKNOWN: 1}


def test_a_carrier_that_cannot_be_read_leaves_its_sims_to_a_person(
    rig: Rig, scripted: ScriptedCarrier, moving_clock: MovingClock
) -> None:
    rig.load(2)
    scripted.can(can_read=False)
    assert [one.can_read for one in doubts(rig.context)] == [False]
    restore(rig)
    moving_clock.move(WAIT_SECONDS)
    settle_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.NEEDS_REVIEW: 2}
    assert scripted.submitted == []


def test_what_would_be_read_is_told_and_nothing_is_changed(rig: Rig) -> None:
    rig.load(3)
    with rig.context.database.begin() as tx:
        tx.execute(update(operations).where(operations.c.line == 2).values(step=Step.ACCEPTED.value))
        tx.execute(update(operations).where(operations.c.line == 3).values(carrier_account="forgotten"))
    before = rig.steps()
    assert doubts(rig.context) == [
        Doubt("forgotten", planned=1, in_progress=0, can_read=None, wait_seconds=0.0),
        Doubt(ACCOUNT, planned=1, in_progress=1, can_read=True, wait_seconds=WAIT_SECONDS),
    ]
    assert rig.steps() == before


def test_an_account_that_is_not_configured_here_sends_nothing_either(rig: Rig) -> None:
    rig.load(1)
    assert restore(rig.but(carriers={})) == 1
    assert rig.steps() == {Step.UNKNOWN: 1}


def test_a_second_time_moves_nothing(rig: Rig) -> None:
    rig.load(3)
    assert [restore(rig), restore(rig)] == [3, 0]
    with rig.context.database.read() as tx:
        told = tx.execute(select(history.c.actor, history.c.detail, history.c.reason)).all()
    assert told == [("ann", "Disk lost.", "restored")] * 3


def test_while_a_worker_holds_a_lease_nothing_is_changed(rig: Rig, moving_clock: MovingClock) -> None:
    rig.load(3)
    with rig.context.database.begin() as tx:
        tx.execute(
            update(operations)
            .where(operations.c.line == 2)
            .values(step=Step.INTENT.value, fence="f", due_at=moving_clock.move(LEASE_SECONDS))
        )
    moving_clock.move(-LEASE_SECONDS)
    with pytest.raises(StillAtWork, match="A worker holds 1 operations"):
        restore(rig)
    assert rig.steps() == {Step.PLANNED: 2, Step.INTENT: 1}
    moving_clock.move(LEASE_SECONDS)
    assert restore(rig) == 2


class Killed(BaseException):
    """The command dies here."""


@pytest.mark.parametrize("nth", range(1, 6))
@pytest.mark.parametrize("label", ["before-restore-commit", "after-restore-commit"])
def test_a_command_that_was_killed_is_started_again_and_moves_each_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, label: str, nth: int
) -> None:
    monkeypatch.setattr(restoring, "BATCH", 2)
    rig.load(5)
    left = nth

    def at(passed: str) -> None:
        nonlocal left
        left -= passed == label
        if left == 0:
            raise Killed(label)

    with pytest.raises(Killed):
        restore(rig.but(at=at))
    restore(rig)
    assert rig.steps() == {Step.UNKNOWN: 5}
    with rig.context.database.read() as tx:
        assert len(tx.execute(select(history)).all()) == 5


def test_who_watches_sees_how_far_it_is(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "BATCH", 2)
    rig.load(5)
    news: list[Progress] = []
    restore(Rig(replace(rig.context, watch=news.append), rig.folder))
    assert [(told.stage, told.done, told.total) for told in news] == [("restore", done, 5) for done in (2, 4, 5)]
