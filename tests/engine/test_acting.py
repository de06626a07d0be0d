"""Actions of people: planned once, sent one at a time for each SIM, and a released SIM is free for another product."""

import threading
from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from carriers.contract import Answer, AnswerKind, CarrierSim, Order
from carriers.simulated.log import changing_requests
from carriers.simulated.server import SimulatedCarrierServer
from domain.acting import Fate
from domain.brake import Brake
from domain.lifecycle import OPEN_STEPS, Action, SimState, Step
from domain.lines import Verdict
from engine.acting import Acted, Agreed, Asked, NotAgreed, act, plan_actions
from engine.draining import drain, follow, settle
from engine.invariants import CarrierLog, violations
from engine.naming import named_in
from engine.rerunning import Only, rerun
from engine.restoring import read_first
from storage import catalogue, sims
from storage.schema import history, operations
from storage.sims import Choice, OperationStory, SimRow
from tests.engine.rig import ACCOUNT, Rig, iccids, manifest
from tests.engine.scripted import REFERENCE, ScriptedCarrier

ALL = (SimState.ACTIVE, SimState.DEACTIVATED, SimState.RELEASED)
YES = Agreed(beyond_the_brake=True, release=True)


def ask(rig: Rig, action: Action, *numbers: str, agreed: Agreed = YES) -> Acted:
    return act(rig.context, Asked(action, numbers), reason="device returned", actor="ann", agreed=agreed)


def fates(acted: Acted) -> dict[Fate, int]:
    return {fate: len(numbers) for fate, numbers in acted.plan.iccids.items()}


def the(rig: Rig, iccid: str) -> SimRow:
    with rig.context.database.read() as tx:
        found = sims.one(tx, iccid)
    assert found
    return found


def story(rig: Rig, iccid: str) -> list[OperationStory]:
    with rig.context.database.read() as tx:
        return sims.story(tx, iccid)


@pytest.fixture
def fleet(scripted_rig: Rig, scripted: ScriptedCarrier) -> Rig:
    """Three active SIMs at a carrier that does everything at once."""
    scripted.can(states=ALL)
    scripted_rig.load(3)
    drain(scripted_rig.context, ACCOUNT, at_most_seconds=10)
    assert scripted_rig.steps() == {Step.DONE: 3}
    scripted.submitted.clear()
    return scripted_rig


def test_deactivate_activate_and_deactivate_again_are_three_operations_each_sent_once(
    fleet: Rig, scripted: ScriptedCarrier
) -> None:
    (iccid, *_) = iccids(1)
    for action in (Action.DEACTIVATE, Action.ACTIVATE, Action.DEACTIVATE):
        assert fates(ask(fleet, action, iccid)) == {Fate.PLANNED: 1}
        drain(fleet.context, ACCOUNT, at_most_seconds=10)
    asked = [(order.action, order.stage) for order in scripted.submitted]
    assert asked == [("deactivate", "change"), ("activate", "change"), ("deactivate", "change")]
    told = [(one.action, one.generation, one.step) for one in story(fleet, iccid)]
    activate, pause = Action.ACTIVATE, Action.DEACTIVATE
    assert told == [(activate, 1, "done"), (pause, 1, "done"), (activate, 2, "done"), (pause, 2, "done")]
    assert the(fleet, iccid).state is SimState.DEACTIVATED
    assert violations(fleet.context, inputs=fleet.inputs) == []


def test_who_asked_and_why_begin_the_history(fleet: Rig) -> None:
    (iccid, *_) = iccids(1)
    acted = ask(fleet, Action.DEACTIVATE, iccid)
    operation = story(fleet, iccid)[-1]
    first = operation.transitions[0]
    assert (first.actor, first.reason, first.detail, first.to_step) == ("ann", "asked", "device returned", "planned")
    assert (operation.manifest_id, operation.line) == (acted.id, 1)


def test_what_is_so_already_is_no_request_and_no_operation(fleet: Rig, scripted: ScriptedCarrier) -> None:
    numbers = iccids(3)
    assert fates(ask(fleet, Action.ACTIVATE, *numbers)) == {Fate.NOTHING_TO_DO: 3}
    assert fates(ask(fleet, Action.DEACTIVATE, numbers[0], numbers[0])) == {Fate.PLANNED: 1}
    assert fates(ask(fleet, Action.DEACTIVATE, *numbers)) == {Fate.NOTHING_TO_DO: 1, Fate.PLANNED: 2}
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert len(scripted.submitted) == 3


def test_an_unknown_iccid_is_named(fleet: Rig) -> None:
    stranger = iccids(1, first=99)[0]
    plan = ask(fleet, Action.DEACTIVATE, iccids(1)[0], stranger).plan
    assert plan.iccids[Fate.UNKNOWN] == [stranger]
    assert plan.needs_you


def test_the_plan_says_what_the_deed_does_and_changes_nothing(fleet: Rig) -> None:
    asked = Asked(Action.DEACTIVATE, choice=Choice(product="tracker", carrier_account=ACCOUNT))
    plan = plan_actions(fleet.context, asked)
    assert fleet.steps() == {Step.DONE: 3}
    assert act(fleet.context, asked, reason="season over", actor="ann", agreed=Agreed()).plan == plan
    (group,) = plan.groups
    assert (group.carrier_account, group.product_id, group.home_country, group.sim_count) == (
        *(ACCOUNT, "tracker", "DE"),
        3,
    )
    assert plan.seconds == pytest.approx(3 / 970, rel=0.01)


def test_a_choice_that_no_sim_fits_does_nothing(fleet: Rig) -> None:
    plan = plan_actions(fleet.context, Asked(Action.DEACTIVATE, choice=Choice(carrier_account="elsewhere")))
    assert (plan.sim_count, plan.needs_you) == (0, False)


def test_beyond_the_brake_nothing_is_changed_without_a_second_yes(fleet: Rig) -> None:
    careful = Rig(replace(fleet.context, brake=Brake(sims=2)), fleet.folder)
    with pytest.raises(NotAgreed, match="3 SIMs are more than the 2"):
        ask(careful, Action.DEACTIVATE, *iccids(3), agreed=Agreed())
    assert careful.steps() == {Step.DONE: 3}
    assert ask(careful, Action.DEACTIVATE, *iccids(3), agreed=Agreed(beyond_the_brake=True)).plan.sim_count == 3


def test_a_release_needs_a_word_of_its_own(fleet: Rig) -> None:
    with pytest.raises(NotAgreed, match="cannot be undone"):
        ask(fleet, Action.RELEASE, *iccids(1), agreed=Agreed(beyond_the_brake=True))
    assert fleet.steps() == {Step.DONE: 3}


def test_a_protected_product_keeps_its_sims_until_the_protection_is_lifted(fleet: Rig) -> None:
    for protect, fate in ((True, Fate.PROTECTED), (False, Fate.PLANNED)):
        with fleet.context.database.begin() as tx:
            catalogue.protect_from_release(tx, "tracker", protect=protect)
        assert fates(ask(fleet, Action.RELEASE, *iccids(1))) == {fate: 1}


def test_a_carrier_that_releases_nothing_is_not_asked(scripted_rig: Rig, scripted: ScriptedCarrier) -> None:
    scripted_rig.load(1)
    drain(scripted_rig.context, ACCOUNT, at_most_seconds=10)
    assert fates(ask(scripted_rig, Action.RELEASE, *iccids(1))) == {Fate.NOT_OFFERED: 1}


def test_an_action_waits_behind_the_operation_under_way(fleet: Rig, scripted: ScriptedCarrier) -> None:
    (iccid, *_) = iccids(1)
    scripted.answer = lambda order: Answer(order.iccid, AnswerKind.ACCEPTED, carrier_reference=REFERENCE)
    ask(fleet, Action.DEACTIVATE, iccid)
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert fates(ask(fleet, Action.ACTIVATE, iccid)) == {Fate.QUEUED: 1}
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert [order.action for order in scripted.submitted] == ["deactivate"]
    scripted.show = lambda number: CarrierSim(number, SimState.DEACTIVATED, "inactive", REFERENCE)
    with fleet.context.database.begin() as tx:
        tx.execute(update(operations).where(operations.c.step == "accepted").values(due_at=tx.now()))
    settle(fleet.context, ACCOUNT, at_most_seconds=10)
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert [order.action for order in scripted.submitted] == ["deactivate", "activate"]


def test_a_release_that_is_done_frees_the_sim_and_forgets_the_carriers_id(fleet: Rig) -> None:
    (iccid, *_) = iccids(1)
    assert the(fleet, iccid).carrier_reference == REFERENCE
    ask(fleet, Action.RELEASE, iccid)
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    released = the(fleet, iccid)
    assert (released.state, released.carrier_reference) == (SimState.RELEASED, None)
    assert fates(ask(fleet, Action.DEACTIVATE, iccid)) == {Fate.RELEASED: 1}
    with fleet.context.database.read() as tx:
        assert sims.fleet_count(tx, "tracker") == 2


def test_a_release_that_is_seen_done_frees_the_sim_too(fleet: Rig, scripted: ScriptedCarrier) -> None:
    (iccid, *_) = iccids(1)
    scripted.answer = lambda order: Answer(order.iccid, AnswerKind.ACCEPTED, carrier_reference=REFERENCE)
    scripted.show = lambda number: CarrierSim(number, SimState.ABSENT, "not found", REFERENCE)
    ask(fleet, Action.RELEASE, iccid)
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    with fleet.context.database.begin() as tx:
        tx.execute(update(operations).where(operations.c.step == "accepted").values(due_at=tx.now()))
    settle(fleet.context, ACCOUNT, at_most_seconds=10)
    assert (the(fleet, iccid).state, the(fleet, iccid).carrier_reference) == (SimState.RELEASED, None)


def test_a_sim_that_the_carrier_never_had_is_freed_without_a_request(
    scripted_rig: Rig, scripted: ScriptedCarrier
) -> None:
    scripted.answer = lambda order: Answer(order.iccid, AnswerKind.REJECTED, "not_registrable")
    manifest_id = scripted_rig.load(1)
    drain(scripted_rig.context, ACCOUNT, at_most_seconds=10)
    assert fates(ask(scripted_rig, Action.RELEASE, *iccids(1))) == {Fate.FREED: 1}
    assert the(scripted_rig, iccids(1)[0]).state is SimState.RELEASED
    assert rerun(scripted_rig.context, manifest_id, Only.FAILED, reason="Again.", actor="bob").taken == 0
    assert len(scripted.submitted) == 1
    assert violations(scripted_rig.context, inputs=scripted_rig.inputs) == []


def scooters(rig: Rig, *numbers: str) -> dict[str, int]:
    """A manifest of these SIMs for the other product; its verdicts."""
    rows = ["iccid,registration_code,product", *(f"{number},code-{number},scooter" for number in numbers), ""]
    counts = rig.take_in("b.csv", "\n".join(rows)).counts
    return {verdict.value: getattr(counts, verdict.value) for verdict in Verdict if getattr(counts, verdict.value)}


def test_another_product_imports_a_released_sim_among_new_and_foreign_ones(
    fleet: Rig, scripted: ScriptedCarrier
) -> None:
    released, theirs, _ = iccids(3)
    ask(fleet, Action.RELEASE, released)
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    both = scooters(fleet, *iccids(1, first=50), released, *iccids(1, first=51), theirs)
    assert both == {"ignored": 1, "accepted": 3, "rejected": 1}
    now = the(fleet, released)
    assert (now.product_id, now.state, now.line, now.seen_at) == ("scooter", SimState.ABSENT, 3, None)
    newest = story(fleet, released)[-1]
    assert (newest.action, newest.generation, newest.line, newest.stage) == ("activate", 2, 3, "claim")
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    again = [order.registration_code for order in scripted.submitted if order.iccid == released]
    assert again == [None, f"code-{released}", None]
    assert the(fleet, released).state is SimState.ACTIVE
    assert violations(fleet.context, inputs=fleet.inputs) == []


def test_the_product_that_released_a_sim_does_not_take_it_back_by_an_old_file(fleet: Rig) -> None:
    (iccid, *_) = iccids(1)
    ask(fleet, Action.RELEASE, iccid)
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    counts = fleet.take_in("again.csv", manifest(iccids(3), "")).counts
    assert (counts.accepted, counts.known) == (0, 3)
    assert the(fleet, iccid).state is SimState.RELEASED


def test_a_rerun_of_the_manifest_leaves_alone_what_was_asked_for_since(fleet: Rig, scripted: ScriptedCarrier) -> None:
    manifest_id, (iccid, *_) = the(fleet, iccids(1)[0]).manifest_id, iccids(1)
    ask(fleet, Action.DEACTIVATE, iccid)
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    with fleet.context.database.begin() as tx:
        is_first = (operations.c.iccid == iccid, operations.c.action == "activate")
        tx.execute(update(operations).where(*is_first).values(step=Step.TIMED_OUT.value))
    assert rerun(fleet.context, manifest_id, Only.EVERYTHING, reason="Again.", actor="bob").taken == 0


def test_a_restored_backup_reads_the_first_operation_and_leaves_the_next_behind_it(fleet: Rig) -> None:
    (iccid, *_) = iccids(1)
    ask(fleet, Action.DEACTIVATE, iccid)
    ask(fleet, Action.ACTIVATE, iccid)
    assert read_first(fleet.context, reason="disk lost", actor="ann").taken == 1
    assert [one.step for one in story(fleet, iccid)] == ["done", "unknown", "planned"]


@pytest.mark.parametrize("seed", [1, 2])
def test_two_workers_and_people_never_have_two_operations_of_one_sim_in_flight(
    fleet: Rig, scripted: ScriptedCarrier, seed: int
) -> None:
    """People change their minds all the while; each change of a step is looked at in the database itself."""
    numbers, over = iccids(3), threading.Event()
    scripted.show = lambda number: CarrierSim(number, wanted.get(number, SimState.ACTIVE), "so", REFERENCE)
    wanted: dict[str, SimState] = {}
    kinds = [AnswerKind.ACCEPTED, AnswerKind.DONE, AnswerKind.ACCEPTED]

    def answer(order: Order) -> Answer:
        wanted[order.iccid] = SimState.ACTIVE if order.action is Action.ACTIVATE else SimState.DEACTIVATED
        return Answer(order.iccid, kinds[len(scripted.submitted) % 3], carrier_reference=REFERENCE)

    scripted.answer = answer
    broken: list[object] = []

    def work(name: str) -> None:
        worker = fleet.but(worker=name, timing=replace(fleet.context.timing, poll_first_seconds=0.05))
        follow(worker.context, at_most_seconds=20.0, is_over=over.is_set)

    def watch() -> None:
        c = operations.c
        while not over.wait(0.005):  # looking all the time it would take the others' time away
            with fleet.context.database.read() as tx:
                flying = tx.execute(select(c.iccid).where(c.step.in_([step.value for step in OPEN_STEPS])))
                broken.extend(iccid for iccid, count in Counter(flying.scalars()).items() if count > 1)

    threads = [threading.Thread(target=work, args=(f"worker-{n}",)) for n in (1, 2)] + [threading.Thread(target=watch)]
    for thread in threads:
        thread.start()
    for turn in range(12):
        chosen = numbers[(turn * seed) % 3 :]
        ask(fleet, Action.DEACTIVATE if turn % 2 == 0 else Action.ACTIVATE, *chosen)
    follow(fleet.context, at_most_seconds=20.0, is_over=lambda: set(fleet.steps()) == {Step.DONE})
    over.set()
    for thread in threads:
        thread.join()
    assert set(fleet.steps()) == {Step.DONE}
    assert broken == []
    assert len(scripted.submitted) == fleet.steps()[Step.DONE] - 3
    assert violations(fleet.context, inputs=fleet.inputs) == []


def test_two_operations_in_flight_are_a_broken_promise(fleet: Rig) -> None:
    (iccid, *_) = iccids(1)
    ask(fleet, Action.DEACTIVATE, iccid)
    ask(fleet, Action.ACTIVATE, iccid)
    with fleet.context.database.begin() as tx:
        ids = tx.execute(select(operations.c.id).where(operations.c.step == "planned")).scalars().all()
        under_way = {"step": "intent", "transitions": 2, "deadline_at": tx.now()}
        tx.execute(update(operations).values(under_way).where(operations.c.id.in_(ids)))
        told = {"stage": "change", "from_step": "planned", "to_step": "intent", "reason": "taken", "actor": "x"}
        tx.execute(history.insert(), [{"operation_id": id_, "nth": 2, "at": tx.now(), **told} for id_ in ids])
    (found,) = violations(fleet.context, inputs=fleet.inputs)
    assert (found.invariant, found.sentence) == (
        1,
        f"SIM {iccid}: two of its operations were under way at the same time.",
    )


def test_a_file_in_any_format_names_sims_and_tells_its_bad_lines(scripted_rig: Rig) -> None:
    good = iccids(3)
    file = scripted_rig.folder / "returns.csv"
    file.write_text("note;ICCID\n" + "".join(f"x;{number}\n" for number in (*good, good[0], "890000")))
    named = named_in(scripted_rig.context, file, file.name)
    assert named.iccids == good
    assert [(outcome.line, outcome.text) for outcome in named.not_read] == [(6, "890000")]


def test_super_sims_are_deactivated_and_activated_again_over_the_wire(rig: Rig, server: SimulatedCarrierServer) -> None:
    rig.load(5)
    follow(rig.context, at_most_seconds=30, is_over=lambda: rig.steps() == {Step.DONE: 5})
    before = len(changing_requests(server.carrier.log.entries()))
    for action, count in ((Action.DEACTIVATE, 10), (Action.ACTIVATE, 15)):
        ask(rig, action, *iccids(5))
        follow(rig.context, at_most_seconds=30, is_over=lambda: rig.steps() == {Step.DONE: count})  # noqa: B023
    assert {sim.state for sim in server.carrier.fleet.listing()} == {SimState.ACTIVE}
    assert len(changing_requests(server.carrier.log.entries())) == before + 10
    assert the(rig, iccids(1)[0]).deactivations_count == 1
    assert violations(rig.context, [CarrierLog(ACCOUNT, server.carrier.log.entries())], rig.inputs) == []
