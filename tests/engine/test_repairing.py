"""`reconcile --repair`: only what is ours to mend, through the ledger, each change at most once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from carriers.simulated.log import changing_requests
from domain.acting import Fate
from domain.brake import Brake
from domain.lifecycle import Action, SimState, Step
from engine.acting import Asked, NotAgreed, plan_actions
from engine.draining import follow
from engine.repairing import TooOld, plan_repair, repair
from storage.database import Database
from storage.findings import Run
from storage.reconciling_schema import findings
from storage.schema import operations, sims
from tests.engine.reconciled import Reconciled, open_reconciled
from tests.engine.rig import iccids

OFF, ON, GHOST, BUSY = iccids(4)


@pytest.fixture(params=["supersim", "particle"])
def world(request: pytest.FixtureRequest, stocked: Database, tmp_path: Path) -> Iterator[Reconciled]:
    """One SIM that somebody stopped, one that runs though we stopped it, a ghost, and one that is on its way."""
    with open_reconciled(request.param, stocked, tmp_path) as opened:
        opened.both([OFF, ON, BUSY])
        opened.at_carrier(OFF, SimState.DEACTIVATED)
        opened.operation(ON, Action.DEACTIVATE, Step.DONE, since=timedelta(days=3))
        opened.at_carrier(GHOST)
        opened.at_carrier(BUSY, SimState.DEACTIVATED)
        yield opened


def sent(world: Reconciled) -> list[tuple[str, str]]:
    """Every change that reached the carrier: SIM and kind."""
    return sorted(
        (iccid, str(one.kind)) for one in changing_requests(world.server.carrier.log.entries()) for iccid in one.iccids
    )


def send(world: Reconciled) -> None:
    """Bring everything that is planned to its end."""
    follow(world.rig.context, at_most_seconds=30, is_over=lambda: Step.PLANNED not in world.rig.steps())


def repaired(world: Reconciled, run: Run) -> int:
    plan = plan_repair(world.rig.context, run)
    repair(world.rig.context, plan, actor="ann")
    send(world)
    return plan.sim_count


def test_each_wrong_state_is_asked_for_once_towards_what_was_wanted(world: Reconciled) -> None:
    world.operation(BUSY, Action.DEACTIVATE, Step.ACCEPTED, since=timedelta(hours=1))
    run = world.reconcile()
    assert repaired(world, run) == 2
    assert sent(world) == [(OFF, "activate"), (ON, "deactivate")]
    assert repaired(world, run) == 0
    assert len(sent(world)) == 2
    world.an_hour_later()
    assert world.found(world.reconcile()) == {"ghost": {GHOST}}


def test_planning_alone_sends_nothing_and_leaves_the_rest_to_people(world: Reconciled) -> None:
    plan = plan_repair(world.rig.context, world.reconcile())
    send(world)
    assert sent(world) == []
    assert plan.left_to_people == {"ghost": 1}
    assert {action: one.sim_count for action, one in plan.plans.items()} == {
        Action.ACTIVATE: 2,
        Action.DEACTIVATE: 1,
    }


def test_a_sim_that_got_an_operation_since_is_left_alone(world: Reconciled) -> None:
    run = world.reconcile()
    plan = plan_repair(world.rig.context, run)
    world.operation(BUSY, Action.DEACTIVATE, Step.ACCEPTED, since=timedelta(hours=1))
    acted = repair(world.rig.context, plan, actor="ann")
    assert [one.plan.iccids.get(Fate.BUSY, []) for one in acted] == [[BUSY], []]


def test_what_may_still_take_effect_is_not_asked_for_once_more(world: Reconciled) -> None:
    run = world.reconcile()
    world.operation(ON, Action.DEACTIVATE, Step.TIMED_OUT, generation=2, since=timedelta(hours=1))
    world.operation(OFF, Action.ACTIVATE, Step.NEEDS_REVIEW, generation=2, since=timedelta(hours=1))
    plan = plan_repair(world.rig.context, run)
    unsettled = {action: one.iccids.get(Fate.UNSETTLED) for action, one in plan.plans.items()}
    assert unsettled == {Action.ACTIVATE: [OFF], Action.DEACTIVATE: [ON]}
    assert repaired(world, run) == 1
    assert sent(world) == [(BUSY, "activate")]


def test_of_a_sim_of_which_nothing_is_wanted_a_person_decides(world: Reconciled) -> None:
    run = world.reconcile()
    with world.database.begin() as tx:  # as it is told of a first activation that was withdrawn, refused or held
        tx.execute(update(findings).where(findings.c.iccid == ON).values(wanted=""))
        tx.execute(update(operations).where(operations.c.iccid == ON).values(step=Step.WITHDRAWN.value))
        tx.execute(update(sims).where(sims.c.iccid == ON).values(state=SimState.ABSENT.value))
    plan = plan_repair(world.rig.context, run)
    assert (list(plan.unwanted), plan.sim_count) == ([ON], 2)
    assert repaired(world, run) == 2
    assert [iccid for iccid, _ in sent(world)] == [OFF, BUSY]
    asked = Asked(Action.DEACTIVATE, [ON])  # what the sentence says can be done
    assert plan_actions(world.rig.context, asked).iccids == {Fate.PLANNED: [ON]}


def test_more_than_the_brake_lets_through_want_a_second_word(world: Reconciled) -> None:
    world.rig = world.rig.but(brake=Brake(sims=1))
    plan = plan_repair(world.rig.context, world.reconcile())
    assert plan.asks
    with pytest.raises(NotAgreed):
        repair(world.rig.context, plan, actor="ann")
    assert Step.PLANNED not in world.rig.steps()


def test_an_older_run_is_not_repaired(world: Reconciled) -> None:
    old = world.reconcile()
    world.reconcile()
    with pytest.raises(TooOld, match="Reconcile again"):
        plan_repair(world.rig.context, old)
