"""Reconciliation from end to end, on simulated carriers over HTTP."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from carriers.simulated.faults import Fault, Faults, RequestKind
from domain.lifecycle import Action, SimState, Step
from engine.reconciling import Scope, last_run
from storage.database import Database
from storage.reconciling_schema import reconciliations
from tests.engine.reconciled import EVERYTHING, Reconciled, now, open_reconciled
from tests.engine.rig import iccids


@pytest.fixture(params=["supersim", "particle"])
def world(request: pytest.FixtureRequest, stocked: Database, tmp_path: Path) -> Iterator[Reconciled]:
    with open_reconciled(request.param, stocked, tmp_path) as opened:
        yield opened


def test_what_agrees_is_ok_and_nothing_is_found(world: Reconciled) -> None:
    world.both(iccids(5))
    run = world.reconcile()
    assert world.all(run) == []
    account = world.account(run)
    assert (account.is_complete, account.sim_count, account.ok_count) == (True, 5, 5)


def test_each_difference_of_states_has_its_class(world: Reconciled) -> None:
    ok, ghost, missing, mismatch, stuck, moving = iccids(6)
    world.both([ok, mismatch, stuck, moving])
    world.at_carrier(ghost)
    world.ours(missing)
    world.at_carrier(mismatch, SimState.DEACTIVATED)
    for iccid, since in ((stuck, timedelta(days=2)), (moving, timedelta(hours=1))):
        world.operation(iccid, Action.DEACTIVATE, Step.ACCEPTED, since=since)
    run = world.reconcile()
    assert world.found(run) == {
        "ghost": {ghost},
        "missing": {missing},
        "state_mismatch": {mismatch},
        "stuck": {stuck},
    }
    assert world.account(run).under_way_count == 1
    assert world.account(run).sim_count == 6


@pytest.mark.parametrize("step", [Step.WITHDRAWN, Step.REJECTED, Step.HELD])
def test_a_sim_of_ours_that_runs_though_nobody_asked_is_a_mismatch(world: Reconciled, step: Step) -> None:
    runs, waits = iccids(2)
    world.at_carrier(runs)
    world.at_carrier(waits, SimState.INACTIVE)
    world.ours(runs, waits, state=SimState.INACTIVE, step=step, first_activated_at=None, last_activated_at=None)
    run = world.reconcile()
    assert world.found(run) == {"state_mismatch": {runs}}
    assert [(one.wanted, one.carrier_state) for one in world.all(run)] == [("", "active")]


def test_traffic_after_a_stop_and_an_active_sim_without_any(world: Reconciled) -> None:
    orphan, zombie, young, busy = iccids(4)
    world.both([zombie, busy])
    world.ours(orphan, state=SimState.DEACTIVATED)
    world.at_carrier(orphan, SimState.DEACTIVATED)
    world.operation(orphan, Action.DEACTIVATE, Step.DONE, since=timedelta(days=20))
    world.at_carrier(young)
    world.ours(young, since=timedelta(days=5))
    world.used(orphan, (now() - timedelta(days=10)).date(), 77)
    world.used(busy, (now() - timedelta(days=10)).date(), 5)
    assert world.found(world.reconcile()) == {"orphan_traffic": {orphan}}  # whether others used nothing is not known
    world.usage_is_known()
    again = world.reconcile()
    assert world.found(again) == {"orphan_traffic": {orphan}, "zombie": {zombie}}
    (told,) = (one for one in world.all(again) if one.kind == "orphan_traffic")
    assert (told.used_bytes, told.change) == (77, "still")


def test_a_sim_on_another_plan_and_one_that_is_ours_at_another_account_have_their_classes(world: Reconciled) -> None:
    ok, other_plan, elsewhere = iccids(3)
    world.both([ok])
    world.at_carrier(other_plan, plan="HF" + "9" * 32)
    world.ours(other_plan)
    world.at_carrier(elsewhere)
    world.ours(elsewhere, carrier_account="another")
    found = world.found(world.reconcile())
    assert found["wrong_product"] == {elsewhere}
    tells_plans = world.carrier == "supersim"  # Particle chooses the plan by the country and lists none
    assert found.get("wrong_plan", set()) == ({other_plan} if tells_plans else set())


def test_what_changed_since_the_last_run_is_new_gone_or_still_there(world: Reconciled) -> None:
    first, second = iccids(2)
    world.at_carrier(first)
    before = world.reconcile()
    assert [(one.iccid, one.change) for one in world.all(before)] == [(first, "new")]
    world.an_hour_later()
    world.at_carrier(second)
    middle = world.reconcile()
    assert [(one.iccid, one.change) for one in world.all(middle)] == [(first, "still"), (second, "new")]
    assert world.all(middle)[0].first_found == before.as_of
    world.an_hour_later()
    world.at_carrier(first, SimState.DEACTIVATED)
    last = world.reconcile()
    assert [(one.iccid, one.change) for one in world.all(last)] == [(first, "gone"), (second, "still")]
    world.an_hour_later()
    world.at_carrier(first)
    assert world.all(world.reconcile())[0].change == "new"


def test_the_last_run_is_the_one_that_was_written_down_last_whatever_the_clocks_say(world: Reconciled) -> None:
    first = world.reconcile()
    with world.database.begin() as tx:
        tx.execute(update(reconciliations).values(as_of=now() + timedelta(days=1)))
    second = world.reconcile()
    assert last_run(world.rig.context, EVERYTHING, first) == second
    assert last_run(world.rig.context, EVERYTHING, second) is None
    assert last_run(world.rig.context, Scope(product="tracker")) is None


def test_a_second_run_within_minutes_asks_the_carrier_for_nothing(world: Reconciled) -> None:
    world.both(iccids(3))
    world.reconcile()
    asked = len(world.server.carrier.log.entries())
    world.reconcile()
    assert len(world.server.carrier.log.entries()) == asked


def test_a_sim_that_no_page_had_is_read_before_it_is_missing(world: Reconciled) -> None:
    here, gone = iccids(2)
    world.both([here])
    world.ours(gone)
    lost = Faults({Fault.PAGE_LOSES: 1.0}, frozenset({RequestKind.LIST}))
    world.server.carrier.faults = lost
    run = world.reconcile()
    assert world.found(run) == {"missing": {gone}}
    assert world.account(run).ok_count == 1


@pytest.fixture
def seven_pages(stocked: Database, tmp_path: Path) -> Iterator[Reconciled]:
    """Nine pages of SIMs at a carrier whose seventh page fails, until `faults` are taken away."""
    with open_reconciled("particle", stocked, tmp_path) as world:
        world.both(iccids(850))
        world.fail_after_pages(6)
        yield world


def test_a_carrier_that_is_down_at_page_7_leaves_the_rest_unknown_and_named(seven_pages: Reconciled) -> None:
    run = seven_pages.reconcile()
    account = seven_pages.account(run)
    assert (account.is_complete, account.page_count, account.ok_count, account.unknown_count) == (False, 6, 600, 250)
    assert "503" in account.problem
    assert {one.kind for one in seven_pages.all(run)} == {"unknown"}
    assert [one.iccid for one in seven_pages.all(run)] == sorted(iccids(250, 600))


def test_the_next_run_goes_on_at_page_7(seven_pages: Reconciled) -> None:
    seven_pages.reconcile()
    seven_pages.carrier_is_up_again()
    before = len(seven_pages.listings())
    run = seven_pages.reconcile()
    assert len(seven_pages.listings()) - before == 3
    assert (seven_pages.account(run).is_complete, seven_pages.account(run).ok_count) == (True, 850)


def test_what_was_found_before_is_not_gone_while_nothing_can_be_said_of_it(seven_pages: Reconciled) -> None:
    ghost = iccids(1, 850)[0]
    seven_pages.carrier_is_up_again()
    seven_pages.at_carrier(ghost)
    assert seven_pages.found(seven_pages.reconcile()) == {"ghost": {ghost}}
    seven_pages.an_hour_later()
    seven_pages.fail_after_pages(6)
    told = [one for one in seven_pages.all(seven_pages.reconcile()) if one.kind == "ghost"]
    assert [(one.iccid, one.change) for one in told] == [(ghost, "not_looked_at")]


def test_two_runs_at_once_list_once_and_find_the_same(world: Reconciled) -> None:
    world.both(iccids(20))
    ghost = iccids(1, 50)[0]
    world.at_carrier(ghost)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: world.reconcile(), range(2)))
    assert [world.found(run) for run in runs] == [{"ghost": {ghost}}] * 2
    assert len(world.listings()) == 1
