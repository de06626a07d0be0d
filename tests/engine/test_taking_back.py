"""A SIM that its own product released comes back only where a person names it; and then as a new one, once."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from domain.acting import SENTENCES, Fate
from domain.lifecycle import Action, SimState, Stage, Step
from domain.products import SANDBOX_DEVICES, Tier
from engine.acting import Acted, Agreed, Asked, act, plan_actions
from engine.draining import drain
from engine.invariants import violations
from engine.naming import named_in
from storage import catalogue, sims
from storage.schema import former_placements
from storage.schema import sims as table
from storage.sims import Choice
from tests.engine.rig import ACCOUNT, Rig, iccids, manifest
from tests.engine.scripted import ScriptedCarrier

SIM, OTHER, _ = iccids(3)
CODE = "a code of its own"


@pytest.fixture
def fleet(scripted_rig: Rig, scripted: ScriptedCarrier) -> Rig:
    """Three SIMs at a carrier that claims by codes; the first was released again."""
    scripted.can(states=(SimState.ACTIVE, SimState.DEACTIVATED, SimState.RELEASED))
    rows = [f"{number},code-{number},{device}" for number, device in zip(iccids(3), "abc", strict=True)]
    scripted_rig.take_in("a.csv", "\n".join(("iccid,registration_code,device_name", *rows, "")))
    drain(scripted_rig.context, ACCOUNT, at_most_seconds=10)
    ask(scripted_rig, Asked(Action.RELEASE, [SIM]))
    drain(scripted_rig.context, ACCOUNT, at_most_seconds=10)
    scripted.submitted.clear()
    return scripted_rig


def ask(rig: Rig, asked: Asked) -> Acted:
    return act(rig.context, asked, reason="sold by mistake", actor="ann", agreed=Agreed(release=True))


def fates(rig: Rig, asked: Asked) -> dict[Fate, int]:
    return {fate: len(numbers) for fate, numbers in plan_actions(rig.context, asked).iccids.items()}


def named(*numbers: str, **codes: str) -> Asked:
    return Asked(Action.ACTIVATE, numbers, codes={SIM: CODE} | codes)


def test_it_is_claimed_with_its_code_and_activated_as_the_next_generation(
    fleet: Rig, scripted: ScriptedCarrier
) -> None:
    acted = ask(fleet, named(SIM))
    assert acted.plan.count(Fate.TAKEN_BACK) == 1
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    sent = [(order.iccid, order.stage, order.registration_code) for order in scripted.submitted]
    assert sent == [(SIM, Stage.CLAIM, CODE), (SIM, Stage.CHANGE, None)]
    with fleet.context.database.read() as tx:
        now, newest = sims.one(tx, SIM), sims.story(tx, SIM)[-1]
        (former,) = tx.execute(select(former_placements.c.iccid, former_placements.c.product_id)).all()
    assert now
    assert (now.state, now.product_id, now.device_name, now.activations_count) == (SimState.ACTIVE, "tracker", "a", 1)
    assert (newest.action, newest.generation, newest.manifest_id) == (Action.ACTIVATE, 2, acted.id)
    assert (newest.transitions[0].actor, newest.transitions[0].detail) == ("ann", "sold by mistake")
    assert tuple(former) == (SIM, "tracker")
    assert violations(fleet.context) == []


def test_twice_is_once(fleet: Rig) -> None:
    ask(fleet, named(SIM))
    assert fates(fleet, named(SIM)) == {Fate.NOTHING_TO_DO: 1}


def test_without_the_code_that_its_carrier_wants_it_stays_and_the_way_is_named(fleet: Rig) -> None:
    asked = Asked(Action.ACTIVATE, [SIM])
    assert fates(fleet, asked) == {Fate.NEEDS_CODE: 1}
    assert "not kept" in SENTENCES[Fate.NEEDS_CODE]
    assert "simline activate --file" in SENTENCES[Fate.NEEDS_CODE]
    file = fleet.folder / "back.csv"
    file.write_text(manifest([SIM]))
    assert named_in(fleet.context, file, file.name).codes == {SIM: f"code-{SIM}"}
    assert f"code-{SIM}" not in repr(named_in(fleet.context, file, file.name))
    assert CODE not in repr(named(SIM))


def test_a_carrier_that_wants_no_code_gets_it_back_by_its_iccid(fleet: Rig, scripted: ScriptedCarrier) -> None:
    scripted.can(claims=False, needs_registration_code=False)
    ask(fleet, Asked(Action.ACTIVATE, [SIM]))
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert [(order.iccid, order.stage) for order in scripted.submitted] == [(SIM, Stage.CHANGE)]
    assert violations(fleet.context) == []


@pytest.mark.parametrize(
    "asked", [Asked(Action.ACTIVATE, choice=Choice(product="tracker")), replace(named(SIM), leaves_busy_alone=True)]
)
def test_a_choice_and_a_repair_bring_nothing_back(fleet: Rig, asked: Asked) -> None:
    assert fates(fleet, asked).get(Fate.TAKEN_BACK) is None
    assert fates(fleet, asked)[Fate.RELEASED] == 1


def test_what_a_sandbox_has_no_room_for_is_held_and_the_others_go_on(fleet: Rig, scripted: ScriptedCarrier) -> None:
    with fleet.context.database.begin() as tx:
        catalogue.change_tier(tx, "tracker", Tier.FREE)
        catalogue.count_other_devices(tx, "acme", SANDBOX_DEVICES - 2)
        tx.execute(update(table).where(table.c.iccid == OTHER).values(state=SimState.DEACTIVATED.value))
    assert fates(fleet, named(SIM, OTHER)) == {Fate.TAKEN_BACK: 1, Fate.PLANNED: 1}
    ask(fleet, named(SIM, OTHER))
    assert fleet.steps() == {Step.DONE: 4, Step.HELD: 1, Step.PLANNED: 1}
    drain(fleet.context, ACCOUNT, at_most_seconds=10)
    assert [order.iccid for order in scripted.submitted] == [OTHER]
