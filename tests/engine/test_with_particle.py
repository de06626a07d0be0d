"""The engine and Particle: an import is queued for a whole country at once, and seen in the product SIM by SIM."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from carriers.contract import CarrierAccount
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.log import Entry, changing_requests, effect_counts
from carriers.simulated.particle import CREDENTIALS
from carriers.simulated.server import SimulatedCarrierServer, run_server
from domain.lifecycle import Action, SimState, Step
from engine.acting import Agreed, Asked, act
from engine.draining import follow
from engine.invariants import CarrierLog, violations
from storage import catalogue
from storage.database import Database
from tests.engine.rig import ACCOUNT, PLAN, TIMEOUT_SECONDS, TIMING, Rig, iccids, open_rig

GERMAN, FRENCH = iccids(24), iccids(12, first=24)
FRANCE = replace(PLAN, id="particle/fr", name="france", countries=frozenset({"FR"}), carrier_reference="FR")


@pytest.fixture
def server() -> Iterator[SimulatedCarrierServer]:
    """A simulated Particle that takes every SIM."""
    running, _ = run_server(Options(open_registry=True, activation_seconds=0.1), carrier="particle")
    yield running
    running.close()


@pytest.fixture
def rig(stocked: Database, server: SimulatedCarrierServer, tmp_path: Path) -> Iterator[Rig]:
    """An engine whose one account is a product at Particle, with plans for two countries."""
    with stocked.begin() as tx:
        catalogue.sync_plans(tx, [PLAN, FRANCE])
    account = CarrierAccount(ACCOUNT, "particle", server.url, {"product": "tracker"}, CREDENTIALS, TIMEOUT_SECONDS)
    carrier = open_carrier(account)
    yield open_rig(stocked, carrier, tmp_path, timing=TIMING, quiet_seconds=0.4)
    carrier.close()


def provision(rig: Rig) -> None:
    """A manifest of German and French SIMs, until every operation has ended."""
    rows = [*(f"{iccid},DE" for iccid in GERMAN), *(f"{iccid},FR" for iccid in FRENCH)]
    rig.take_in("fleet.csv", "\n".join(["iccid,home_country", *rows, ""]))
    ends_done(rig, len(GERMAN) + len(FRENCH))


def ends_done(rig: Rig, count: int) -> None:
    follow(rig.context, at_most_seconds=30.0, is_over=lambda: rig.steps() == {Step.DONE: count})
    assert rig.steps() == {Step.DONE: count}


def promise_is_kept(rig: Rig, server: SimulatedCarrierServer) -> list[Entry]:
    """One effect for each SIM, and no invariant broken; the changing requests."""
    entries = server.carrier.log.entries()
    assert effect_counts(entries) == {(iccid, RequestKind.ACTIVATE): 1 for iccid in (*GERMAN, *FRENCH)}
    assert violations(rig.context, [CarrierLog(ACCOUNT, entries)], rig.inputs) == []
    return changing_requests(entries)


def test_a_manifest_of_two_countries_takes_two_imports(rig: Rig, server: SimulatedCarrierServer) -> None:
    provision(rig)
    assert len(promise_is_kept(rig, server)) == 2
    countries = {sim.iccid: sim.plan for sim in server.carrier.fleet.listing()}
    assert countries == dict.fromkeys(GERMAN, "DE") | dict.fromkeys(FRENCH, "FR")


def test_imports_whose_answers_were_lost_are_not_made_again(rig: Rig, server: SimulatedCarrierServer) -> None:
    server.carrier.faults = Faults({Fault.LOST_REPLY: 1.0}, frozenset({RequestKind.ACTIVATE}), first=1)
    provision(rig)
    assert len(promise_is_kept(rig, server)) == 2


@pytest.mark.slow
def test_sims_whose_import_timed_out_without_effect_are_imported_once_more(
    rig: Rig, server: SimulatedCarrierServer
) -> None:
    server.carrier.faults = Faults({Fault.ERROR_504: 1.0}, frozenset({RequestKind.ACTIVATE}), first=1)
    provision(rig)
    named = Counter(iccid for entry in promise_is_kept(rig, server) for iccid in entry.iccids)
    assert named == dict.fromkeys((*GERMAN, *FRENCH), 2)


def test_a_listing_shows_the_imported_sims_a_hundred_a_request(rig: Rig, server: SimulatedCarrierServer) -> None:
    server.carrier.fleet.activation_seconds = 0.0
    provision(rig)
    asked = [entry.kind for entry in server.carrier.log.entries()]
    assert asked == [RequestKind.ACTIVATE, RequestKind.ACTIVATE, RequestKind.LIST]


def test_a_sim_that_somebody_deleted_at_particle_is_imported_when_it_is_activated_again(
    rig: Rig, server: SimulatedCarrierServer
) -> None:
    iccid = GERMAN[0]
    rig.take_in("one.csv", f"iccid,home_country\n{iccid},DE\n")
    ends_done(rig, 1)
    act(rig.context, Asked(Action.DEACTIVATE, [iccid]), reason="season over", actor="ann", agreed=Agreed())
    ends_done(rig, 2)
    server.carrier.fleet.put(iccid, SimState.RELEASED, None)
    act(rig.context, Asked(Action.ACTIVATE, [iccid]), reason="season begins", actor="ann", agreed=Agreed())
    ends_done(rig, 3)
    asked = changing_requests(server.carrier.log.entries())
    assert [entry.method for entry in asked] == ["POST", "PUT", "PUT", "POST"]
    assert violations(rig.context, [CarrierLog(ACCOUNT, server.carrier.log.entries())]) == []
