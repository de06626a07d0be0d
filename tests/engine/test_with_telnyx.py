"""The engine and Telnyx: codes are registered many at once, group by group, then each SIM is enabled and followed."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from carriers.contract import CarrierAccount
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.log import Entry, changing_requests, effect_counts
from carriers.simulated.server import SimulatedCarrierServer, run_server
from carriers.simulated.telnyx import CREDENTIALS, uuid_of
from domain.lifecycle import SimState, Step
from engine.draining import follow
from engine.invariants import CarrierLog, violations
from storage import catalogue, sims
from storage.database import Database
from tests.engine.rig import ACCOUNT, PLAN, TIMEOUT_SECONDS, TIMING, Rig, iccids, open_rig

GERMAN, FRENCH = iccids(24), iccids(12, first=24)
EVERY = (*GERMAN, *FRENCH)
GROUPS = {"DE": uuid_of("germany"), "FR": uuid_of("france")}
PLANS = [
    replace(PLAN, id=f"telnyx/{land}", name=land, countries=frozenset({land}), carrier_reference=group)
    for land, group in GROUPS.items()
]
# Dozens of lost answers in a row would pause the carrier for half a minute.
CLAIM, ACTIVATE = RequestKind.CLAIM, RequestKind.ACTIVATE

OpenRig = Callable[..., Rig]


@pytest.fixture
def server() -> Iterator[SimulatedCarrierServer]:
    """A simulated Telnyx that takes every code which ends with an ICCID."""
    running, _ = run_server(Options(open_registry=True, activation_seconds=0.1), carrier="telnyx")
    yield running
    running.close()


@pytest.fixture
def opened(stocked: Database, server: SimulatedCarrierServer, tmp_path: Path) -> Iterator[OpenRig]:
    """Opens an engine whose one account is at Telnyx, with a group for each of two countries."""
    with stocked.begin() as tx:
        catalogue.sync_plans(tx, PLANS)
    adapters = []

    def open_with(**options: str) -> Rig:
        account = CarrierAccount(ACCOUNT, "telnyx", server.url, options, CREDENTIALS, TIMEOUT_SECONDS)
        adapters.append(open_carrier(account))
        return open_rig(stocked, adapters[-1], tmp_path, timing=TIMING, quiet_seconds=0.4)

    yield open_with
    for adapter in adapters:
        adapter.close()


def provision(rig: Rig, ends: dict[Step, int] | None = None) -> None:
    """A manifest of German and French SIMs, until every operation has ended."""
    lands = dict.fromkeys(GERMAN, "DE") | dict.fromkeys(FRENCH, "FR")
    rows = [f"{iccid},code-{iccid},{land}" for iccid, land in lands.items()]
    rig.take_in("fleet.csv", "\n".join(["iccid,registration_code,home_country", *rows, ""]))
    wanted = ends or {Step.DONE: len(EVERY)}
    follow(rig.context, at_most_seconds=60.0, is_over=lambda: rig.steps() == wanted)
    assert rig.steps() == wanted


def kept(rig: Rig, server: SimulatedCarrierServer, *kinds: RequestKind) -> list[Entry]:
    """One effect of each kind for each SIM, each in its group, and no invariant broken; the changing requests."""
    entries = server.carrier.log.entries()
    assert effect_counts(entries) == {(iccid, kind): 1 for iccid in EVERY for kind in kinds}
    assert violations(rig.context, [CarrierLog(ACCOUNT, entries)], rig.inputs) == []
    there = {sim.iccid: (sim.state, sim.plan) for sim in server.carrier.fleet.listing()}
    german, french = ((SimState.ACTIVE, group) for group in GROUPS.values())
    assert there == dict.fromkeys(GERMAN, german) | dict.fromkeys(FRENCH, french)
    return changing_requests(entries)


def test_two_groups_take_two_registrations_and_one_action_for_each_sim(
    opened: OpenRig, server: SimulatedCarrierServer
) -> None:
    rig = opened()
    provision(rig)
    assert Counter(entry.kind for entry in kept(rig, server, CLAIM, ACTIVATE)) == {CLAIM: 2, ACTIVATE: len(EVERY)}


def test_sims_that_are_registered_enabled_take_no_action_at_all(
    opened: OpenRig, server: SimulatedCarrierServer
) -> None:
    rig = opened(register_as="enabled")
    provision(rig)
    assert [entry.kind for entry in kept(rig, server, CLAIM)] == [CLAIM, CLAIM]


@pytest.mark.parametrize("options", [{}, {"register_as": "enabled"}])
def test_requests_whose_answers_were_lost_are_not_made_again(
    opened: OpenRig, server: SimulatedCarrierServer, options: dict[str, str]
) -> None:
    server.carrier.faults = Faults({Fault.LOST_REPLY: 1.0}, frozenset({CLAIM, ACTIVATE}), first=1)
    rig = opened(**options)
    provision(rig)
    kinds = {CLAIM: 2} if options else {CLAIM: 2, ACTIVATE: len(EVERY)}
    assert Counter(entry.kind for entry in kept(rig, server, *kinds)) == kinds


@pytest.mark.slow
def test_requests_without_an_effect_are_made_once_more(opened: OpenRig, server: SimulatedCarrierServer) -> None:
    server.carrier.faults = Faults({Fault.ERROR_504: 1.0}, frozenset({CLAIM}), first=1)
    rig = opened()
    provision(rig)
    named = Counter(iccid for one in kept(rig, server, CLAIM, ACTIVATE) if one.kind is CLAIM for iccid in one.iccids)
    assert named == dict.fromkeys(EVERY, 2)


def test_an_action_that_failed_gives_its_reason(opened: OpenRig, server: SimulatedCarrierServer) -> None:
    unlucky = GERMAN[3]
    server.carrier.faults = Faults({Fault.FALLS_BACK: 1.0}, frozenset({ACTIVATE}), frozenset({unlucky}))
    rig = opened()
    provision(rig, {Step.DONE: len(EVERY) - 1, Step.REJECTED: 1})
    with rig.context.database.read() as tx:
        (operation,) = sims.story(tx, unlucky)
    assert (operation.reason, operation.detail) == ("action_failed", "The network did not take the change.")
    assert violations(rig.context, [CarrierLog(ACCOUNT, server.carrier.log.entries())], rig.inputs) == []


def test_sims_that_were_registered_in_the_portal_are_enabled_as_if_by_us(
    opened: OpenRig, server: SimulatedCarrierServer
) -> None:
    for iccid in GERMAN:
        server.carrier.fleet.put(iccid, SimState.INACTIVE, GROUPS["DE"])
    rig = opened()
    provision(rig)
    entries = server.carrier.log.entries()
    effects = effect_counts(entries)
    assert {iccid for iccid, kind in effects if kind is CLAIM} == set(FRENCH)
    assert {iccid for iccid, kind in effects if kind is ACTIVATE} == set(EVERY)
    assert violations(rig.context, [CarrierLog(ACCOUNT, entries)], rig.inputs) == []


def test_codes_of_nobody_and_of_others_are_rejected_and_stop_no_one_else(stocked: Database, tmp_path: Path) -> None:
    server, url = run_server(Options(activation_seconds=0.1), carrier="telnyx")
    for iccid in EVERY[1:]:
        server.carrier.fleet.add_card(iccid, f"code-{iccid}", others=iccid in GERMAN[1:3])
    with stocked.begin() as tx:
        catalogue.sync_plans(tx, PLANS)
    adapter = open_carrier(CarrierAccount(ACCOUNT, "telnyx", url, {}, CREDENTIALS, TIMEOUT_SECONDS))
    rig = open_rig(stocked, adapter, tmp_path, timing=TIMING, quiet_seconds=0.4)
    provision(rig, {Step.DONE: len(EVERY) - 3, Step.REJECTED: 3})
    with rig.context.database.read() as tx:
        assert {sims.story(tx, iccid)[0].reason for iccid in GERMAN[:3]} == {"not_registrable"}
    assert violations(rig.context, [CarrierLog(ACCOUNT, server.carrier.log.entries())], rig.inputs) == []
    adapter.close()
    server.close()
