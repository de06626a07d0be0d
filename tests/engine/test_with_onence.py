"""The engine and 1NCE: SIMs are there already, a change of a hundred is queued, and pages show when it is true."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from carriers.contract import CarrierAccount
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.log import Entry, changing_requests, effect_counts
from carriers.simulated.onence import CREDENTIALS, OneNceDialect
from carriers.simulated.server import SimulatedCarrierServer, run_server
from domain.lifecycle import SimState, Step
from engine.draining import follow
from engine.invariants import CarrierLog, violations
from engine.sending import send_due
from storage import sims
from storage.database import Database
from tests.engine.rig import ACCOUNT, TIMEOUT_SECONDS, TIMING, Rig, iccids, open_rig

FLEET = iccids(230)


@pytest.fixture
def server() -> Iterator[SimulatedCarrierServer]:
    """A simulated 1NCE with a fleet that was ordered there; every third SIM is locked, each has a label."""
    running, _ = run_server(Options(activation_seconds=0.1), carrier="1nce")
    for iccid in FLEET:
        running.carrier.fleet.put(iccid, SimState.INACTIVE, None)
    dialect = dialect_of(running)
    dialect.locks |= {iccid: at % 3 == 0 for at, iccid in enumerate(FLEET)}
    dialect.labels |= {iccid: f"DX-{at}" for at, iccid in enumerate(FLEET)}
    yield running
    running.close()


@pytest.fixture
def rig(stocked: Database, server: SimulatedCarrierServer, tmp_path: Path) -> Iterator[Rig]:
    """An engine whose one account is at 1NCE."""
    carrier = open_carrier(CarrierAccount(ACCOUNT, "1nce", server.url, {}, CREDENTIALS, TIMEOUT_SECONDS))
    yield open_rig(stocked, carrier, tmp_path, timing=TIMING, quiet_seconds=0.4)
    carrier.close()


def dialect_of(server: SimulatedCarrierServer) -> OneNceDialect:
    dialect = server.carrier.dialect
    assert isinstance(dialect, OneNceDialect)
    return dialect


def provision(rig: Rig, *numbers: str, **ends: int) -> None:
    """A manifest of these SIMs, until they have ended so: how many of them at which step."""
    rig.take_in("fleet.csv", "\n".join(["iccid", *numbers, ""]))
    wanted = {Step(step): count for step, count in ends.items()}
    follow(rig.context, at_most_seconds=30.0, is_over=lambda: rig.steps() == wanted)
    assert rig.steps() == wanted


def promise_is_kept(rig: Rig, server: SimulatedCarrierServer, *activated: str) -> list[Entry]:
    """One effect for each of these, none for another, locks and labels as before; the changing requests."""
    entries = server.carrier.log.entries()
    assert effect_counts(entries) == {(iccid, RequestKind.ACTIVATE): 1 for iccid in activated}
    assert violations(rig.context, [CarrierLog(ACCOUNT, entries)], rig.inputs) == []
    dialect = dialect_of(server)
    assert dialect.locks == {iccid: at % 3 == 0 for at, iccid in enumerate(FLEET)}
    assert dialect.labels == {iccid: f"DX-{at}" for at, iccid in enumerate(FLEET)}
    return changing_requests(entries)


def story(rig: Rig, iccid: str) -> tuple[Step, str]:
    """How the SIM's one operation stands, and why."""
    with rig.context.database.read() as tx:
        (operation,) = sims.story(tx, iccid)
    return Step(operation.step), str(operation.reason)


def test_a_manifest_takes_a_request_for_each_hundred_sims(rig: Rig, server: SimulatedCarrierServer) -> None:
    provision(rig, *FLEET, done=230)
    requests = promise_is_kept(rig, server, *FLEET)
    assert sorted((entry.method, len(entry.iccids)) for entry in requests) == [
        ("POST", 30),
        ("POST", 100),
        ("POST", 100),
    ]


def test_one_listing_comes_before_the_changes_and_one_confirms_them(rig: Rig, server: SimulatedCarrierServer) -> None:
    server.carrier.fleet.activation_seconds = 0.0
    provision(rig, *FLEET, done=230)
    asked = Counter(entry.kind for entry in server.carrier.log.entries())
    assert asked == {RequestKind.TOKEN: 1, RequestKind.LIST: 3 + 3, RequestKind.ACTIVATE: 3}


def test_sims_that_are_enabled_already_are_done_without_a_request(rig: Rig, server: SimulatedCarrierServer) -> None:
    for iccid in FLEET[:200]:
        server.carrier.fleet.put(iccid, SimState.ACTIVE, None)
    provision(rig, *FLEET, done=230)
    named = [iccid for entry in promise_is_kept(rig, server, *FLEET[200:]) for iccid in entry.iccids]
    assert sorted(named) == FLEET[200:]


def test_changes_whose_answers_were_lost_are_not_made_again(rig: Rig, server: SimulatedCarrierServer) -> None:
    server.carrier.faults = Faults({Fault.LOST_REPLY: 1.0}, frozenset({RequestKind.ACTIVATE}), first=1)
    provision(rig, *FLEET, done=230)
    assert len(promise_is_kept(rig, server, *FLEET)) == 3


@pytest.mark.slow
def test_changes_that_were_lost_on_their_way_are_made_once_more(rig: Rig, server: SimulatedCarrierServer) -> None:
    server.carrier.faults = Faults({Fault.ERROR_504: 1.0}, frozenset({RequestKind.ACTIVATE}), first=1)
    provision(rig, *FLEET, done=230)
    named = Counter(iccid for entry in promise_is_kept(rig, server, *FLEET) for iccid in entry.iccids)
    assert named == dict.fromkeys(FLEET, 2)


def test_a_sim_that_is_not_in_the_account_is_rejected_before_anything_is_sent(
    rig: Rig, server: SimulatedCarrierServer
) -> None:
    strangers = iccids(5, first=1000)
    provision(rig, *strangers, *FLEET[:20], done=20, rejected=5)
    promise_is_kept(rig, server, *FLEET[:20])
    assert {story(rig, iccid) for iccid in strangers} == {(Step.REJECTED, "not_in_account")}


def test_a_sim_that_leaves_the_account_after_its_change_was_queued_comes_to_a_person(
    rig: Rig, server: SimulatedCarrierServer
) -> None:
    server.carrier.fleet.activation_seconds = 60.0
    rig.take_in("fleet.csv", "\n".join(["iccid", *FLEET[:2], ""]))
    send_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.SENT: 2}
    for iccid in FLEET[:2]:
        server.carrier.fleet.put(iccid, SimState.RELEASED, None)
    over = {Step.NEEDS_REVIEW: 2}
    follow(rig.context, at_most_seconds=10.0, is_over=lambda: rig.steps() == over)
    assert story(rig, FLEET[0]) == (Step.NEEDS_REVIEW, "gone")


def test_one_sim_that_spoils_a_request_is_found_and_the_others_become_active(
    rig: Rig, server: SimulatedCarrierServer
) -> None:
    spoiling = FLEET[42]
    dialect_of(server).refused.add(spoiling)
    provision(rig, *FLEET[:100], done=99, rejected=1)
    requests = promise_is_kept(rig, server, *(iccid for iccid in FLEET[:100] if iccid != spoiling))
    assert story(rig, spoiling) == (Step.REJECTED, "refused")
    assert len(requests) <= 2 * 7 + 1
