"""Every carrier's simulated fleet takes what people may ask of it: pause, resume and, where it is offered, release."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from carriers.contract import CarrierAccount
from carriers.registry import open_carrier
from carriers.simulated import onence, particle, soracom, supersim, telnyx
from carriers.simulated.carrier import Options
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.log import effect_counts
from carriers.simulated.server import SimulatedCarrierServer, run_server
from carriers.simulated.soracom_jobs import BATCH_GROUPS
from domain.acting import Fate
from domain.iccid import IssuerProfile
from domain.judging import WANTED
from domain.lifecycle import Action, SimState, Step
from engine.acting import Agreed, Asked, act
from engine.draining import follow
from engine.invariants import CarrierLog, violations
from storage import catalogue, sims
from storage.database import Database
from tests.engine.rig import ACCOUNT, PLAN, TIMEOUT_SECONDS, TIMING, Rig, iccids, open_rig

FLEET = iccids(6)


@dataclass(frozen=True)
class Site:
    """One carrier: how its account is opened, on which plan its SIMs are, and whether it releases."""

    carrier: str
    secrets: dict[str, str]
    plan: str = PLAN.carrier_reference
    options: dict[str, str] = field(default_factory=dict)
    releases: bool = True


SITES = [
    Site("particle", particle.CREDENTIALS, "DE", {"product": "tracker"}),
    Site("telnyx", telnyx.CREDENTIALS, telnyx.uuid_of("germany")),
    Site("soracom", soracom.CREDENTIALS, BATCH_GROUPS["g"], {"batch_group": BATCH_GROUPS["g"]}),
    Site("1nce", onence.CREDENTIALS, releases=False),
    Site("supersim", supersim.CREDENTIALS, options={"auth": "basic"}, releases=False),
]


@pytest.fixture(params=SITES, ids=lambda site: str(site.carrier))
def site(request: pytest.FixtureRequest) -> Site:
    """Each carrier in turn."""
    chosen: Site = request.param
    return chosen


@pytest.fixture
def server(site: Site) -> Iterator[SimulatedCarrierServer]:
    """Its simulated side, which has or takes every SIM."""
    running, _ = run_server(Options(open_registry=True, activation_seconds=0.1), carrier=site.carrier)
    if site.carrier == "1nce":
        for iccid in FLEET:
            running.carrier.fleet.put(iccid, SimState.INACTIVE, None)
    yield running
    running.close()


@pytest.fixture
def rig(site: Site, stocked: Database, server: SimulatedCarrierServer, tmp_path: Path) -> Iterator[Rig]:
    """An engine with six active SIMs at that carrier."""
    with stocked.begin() as tx:
        catalogue.sync_plans(tx, [replace(PLAN, carrier_reference=site.plan)])
    carrier = open_carrier(
        CarrierAccount(ACCOUNT, site.carrier, server.url, site.options, site.secrets, TIMEOUT_SECONDS)
    )
    rig = open_rig(stocked, carrier, tmp_path, timing=TIMING, quiet_seconds=0.4)
    rig = rig.but(issuers=[IssuerProfile("89", "any", carrier_account=ACCOUNT)])
    rows = "".join(f"{iccid},code-{iccid}\n" for iccid in FLEET)
    rig.take_in("fleet.csv", f"iccid,registration_code\n{rows}")
    ends_done(rig, len(FLEET))
    yield rig
    carrier.close()


def ends_done(rig: Rig, count: int) -> None:
    follow(rig.context, at_most_seconds=30.0, is_over=lambda: rig.steps() == {Step.DONE: count})
    assert rig.steps() == {Step.DONE: count}


def ask(rig: Rig, action: Action) -> dict[Fate, int]:
    """Ask it of the whole fleet; how many SIMs met which fate."""
    agreed = Agreed(beyond_the_brake=True, release=True)
    plan = act(rig.context, Asked(action, FLEET), reason="season over", actor="ann", agreed=agreed).plan
    return {fate: len(numbers) for fate, numbers in plan.iccids.items()}


def states(rig: Rig) -> set[SimState]:
    """The states of the fleet in our ledger."""
    with rig.context.database.read() as tx:
        found = [sims.one(tx, iccid) for iccid in FLEET]
    return {sim.state for sim in found if sim}


def kept(rig: Rig, server: SimulatedCarrierServer, *kinds: RequestKind) -> None:
    """So many effects of these kinds for each SIM as they stand here, and no invariant broken."""
    entries = server.carrier.log.entries()
    counts = effect_counts(entries)
    assert {kind: counts.get((FLEET[0], kind), 0) for kind in set(kinds)} == {
        kind: kinds.count(kind) for kind in set(kinds)
    }
    assert violations(rig.context, [CarrierLog(ACCOUNT, entries)], rig.inputs) == []


def test_a_fleet_is_paused_and_resumed(rig: Rig, server: SimulatedCarrierServer) -> None:
    count = len(FLEET)
    for times, action in ((2, Action.DEACTIVATE), (3, Action.ACTIVATE)):
        assert ask(rig, action) == {Fate.PLANNED: count}
        assert ask(rig, action) == {Fate.NOTHING_TO_DO: count}
        ends_done(rig, times * count)
        assert states(rig) <= WANTED[action]
        assert {sim.state for sim in server.carrier.fleet.listing()} <= WANTED[action]
    kept(rig, server, RequestKind.ACTIVATE, RequestKind.DEACTIVATE, RequestKind.ACTIVATE)


def test_a_fleet_is_released_where_that_is_offered(rig: Rig, server: SimulatedCarrierServer, site: Site) -> None:
    if not site.releases:
        assert ask(rig, Action.RELEASE) == {Fate.NOT_OFFERED: len(FLEET)}
        return
    assert ask(rig, Action.RELEASE) == {Fate.PLANNED: len(FLEET)}
    ends_done(rig, 2 * len(FLEET))
    assert states(rig) == {SimState.RELEASED}
    with rig.context.database.read() as tx:
        assert {sim.carrier_reference for iccid in FLEET if (sim := sims.one(tx, iccid))} == {None}
        assert sims.fleet_count(tx, "tracker") == 0
    kept(rig, server, RequestKind.RELEASE)


def test_a_lost_answer_is_no_second_request(rig: Rig, server: SimulatedCarrierServer, site: Site) -> None:
    action = Action.RELEASE if site.releases else Action.DEACTIVATE
    kind = RequestKind(action.value)
    server.carrier.faults = Faults({Fault.LOST_REPLY: 1.0}, frozenset({kind}), first=1)
    ask(rig, action)
    ends_done(rig, 2 * len(FLEET))
    kept(rig, server, kind)


@pytest.mark.parametrize("site", [one for one in SITES if one.carrier != "1nce"], indirect=True)
def test_sims_that_somebody_removed_at_the_carrier_come_back_by_an_import_or_go_to_people(
    rig: Rig, server: SimulatedCarrierServer
) -> None:
    count = len(FLEET)
    ask(rig, Action.DEACTIVATE)
    ends_done(rig, 2 * count)
    for iccid in FLEET:
        server.carrier.fleet.put(iccid, SimState.RELEASED, None)
    ask(rig, Action.ACTIVATE)
    imports = rig.context.carriers[ACCOUNT].carrier.capabilities.imports
    ended = {Step.DONE: 3 * count} if imports else {Step.DONE: 2 * count, Step.NEEDS_REVIEW: count}
    follow(rig.context, at_most_seconds=30.0, is_over=lambda: rig.steps() == ended)
    assert rig.steps() == ended
    kept(rig, server, *[RequestKind.ACTIVATE] * (2 if imports else 1))


@pytest.mark.parametrize("site", [one for one in SITES if one.carrier in ("particle", "telnyx")], indirect=True)
def test_what_a_product_released_is_taken_in_again_where_a_person_names_it(
    rig: Rig, server: SimulatedCarrierServer, site: Site
) -> None:
    ask(rig, Action.RELEASE)
    ends_done(rig, 2 * len(FLEET))
    if site.carrier == "telnyx":
        assert ask(rig, Action.ACTIVATE) == {Fate.NEEDS_CODE: len(FLEET)}
    codes = {iccid: f"code-{iccid}" for iccid in FLEET}
    asked = Asked(Action.ACTIVATE, FLEET, codes=codes)
    acted = act(rig.context, asked, reason="sold by mistake", actor="ann", agreed=Agreed())
    assert acted.plan.count(Fate.TAKEN_BACK) == len(FLEET)
    ends_done(rig, 3 * len(FLEET))
    assert states(rig) == {SimState.ACTIVE}
    kept(rig, server, RequestKind.ACTIVATE, RequestKind.RELEASE, RequestKind.ACTIVATE)


@pytest.mark.parametrize("site", [one for one in SITES if one.carrier in ("particle", "telnyx")], indirect=True)
def test_what_one_product_released_another_one_claims_anew(rig: Rig, server: SimulatedCarrierServer) -> None:
    ask(rig, Action.RELEASE)
    ends_done(rig, 2 * len(FLEET))
    rows = "".join(f"{iccid},code-{iccid},scooter\n" for iccid in FLEET)
    assert rig.take_in("again.csv", f"iccid,registration_code,product\n{rows}").counts.accepted == len(FLEET)
    ends_done(rig, 3 * len(FLEET))
    assert states(rig) == {SimState.ACTIVE}
    kept(rig, server, RequestKind.ACTIVATE, RequestKind.RELEASE, RequestKind.ACTIVATE)
