"""The engine and Soracom: codes registered one by one, then a job for each coverage, which tells its end by itself."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from stdnum import luhn

from carriers.contract import CarrierAccount
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.log import changing_requests, effect_counts
from carriers.simulated.server import SimulatedCarrierServer, run_server
from carriers.simulated.soracom import CREDENTIALS
from carriers.simulated.soracom_jobs import BATCH_GROUPS
from domain.acting import Fate
from domain.iccid import IssuerProfile
from domain.lifecycle import Action, SimState, Stage, Step
from engine.acting import Agreed, Asked, act
from engine.draining import follow
from engine.invariants import CarrierLog, violations
from engine.sending import send_due
from storage import catalogue, sims
from storage.database import Database
from tests.engine.rig import ACCOUNT, PLAN, TIMEOUT_SECONDS, TIMING, Rig, open_rig

GLOBALS, JAPANS = "8942310", "8981100"
GROUP = "11111111-2222-3333-4444-555555555555"
GROUPED = replace(PLAN, id="soracom/any", countries=frozenset({"DE", "JP"}), carrier_reference=GROUP)


def numbers(issuer: str, count: int, first: int = 1001) -> list[str]:
    """So many ICCIDs of 19 digits."""
    bodies = [f"{issuer}{number:011d}" for number in range(first, first + count)]
    return [body + str(luhn.calc_check_digit(body)) for body in bodies]


ABROAD, AT_HOME = numbers(GLOBALS, 200), numbers(JAPANS, 30)
FLEET = [*ABROAD, *AT_HOME]


def manifest(fleet: list[str]) -> str:
    """Each SIM with its code, and Japan's with their home country."""
    rows = (f"{iccid},{iccid[-8:]},{'JP' if iccid.startswith(JAPANS) else 'DE'}" for iccid in fleet)
    return "\n".join(["iccid,registration_code,home_country", *rows, ""])


@pytest.fixture
def server() -> Iterator[SimulatedCarrierServer]:
    """Both coverages of a simulated Soracom that registers every SIM; its jobs end at once."""
    running, _ = run_server(Options(open_registry=True, activation_seconds=0.0), carrier="soracom")
    yield running
    running.close()


@pytest.fixture
def engine(stocked: Database, server: SimulatedCarrierServer, tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Opens an engine whose one account is at both coverages; what is given are further options."""
    with stocked.begin() as tx:
        catalogue.sync_plans(tx, [GROUPED])
    japan = {"japan_url": server.url.replace("127.0.0.1", "localhost")}
    groups = {"batch_group": BATCH_GROUPS["g"], "japan_batch_group": BATCH_GROUPS["jp"]}
    issuers = [IssuerProfile(prefix, "Soracom", carrier_account=ACCOUNT) for prefix in (GLOBALS, JAPANS)]
    with ExitStack() as opened:

        def open_engine(**options: str) -> Rig:
            account = CarrierAccount(
                ACCOUNT, "soracom", server.url, japan | groups | options, CREDENTIALS, TIMEOUT_SECONDS
            )
            carrier = open_carrier(account)
            opened.callback(carrier.close)
            rig = open_rig(stocked, carrier, tmp_path, timing=TIMING, quiet_seconds=0.4)
            return rig.but(issuers=issuers)

        yield open_engine


def provision(rig: Rig, fleet: list[str], **ends: int) -> None:
    """A manifest of these SIMs, until they have ended so: how many of them at which step."""
    rig.take_in("fleet.csv", manifest(fleet))
    wanted = {Step(step): count for step, count in ends.items()}
    follow(rig.context, at_most_seconds=40.0, is_over=lambda: rig.steps() == wanted)
    assert rig.steps() == wanted


def asked(server: SimulatedCarrierServer) -> Counter[RequestKind]:
    """How many requests of each kind."""
    return Counter(entry.kind for entry in server.carrier.log.entries())


def named(server: SimulatedCarrierServer, kind: RequestKind) -> Counter[str]:
    """In how many requests of this kind each SIM was named."""
    return Counter(iccid for entry in server.carrier.log.entries() if entry.kind is kind for iccid in entry.iccids)


def promise_is_kept(rig: Rig, server: SimulatedCarrierServer, *kinds: RequestKind) -> None:
    """Each of these kinds took effect once for every SIM, and the ledger agrees."""
    entries = server.carrier.log.entries()
    assert effect_counts(entries) == {(iccid, kind): 1 for iccid in FLEET for kind in kinds}
    assert violations(rig.context, [CarrierLog(ACCOUNT, entries)], rig.inputs) == []


def test_each_code_is_registered_once_and_jobs_of_each_coverage_activate_all(
    engine: Callable[..., Rig], server: SimulatedCarrierServer
) -> None:
    rig = engine().but(timing=replace(TIMING, lease_seconds=30.0))  # all registrations are of one lease
    provision(rig, FLEET, done=230)
    promise_is_kept(rig, server, RequestKind.CLAIM, RequestKind.ACTIVATE)
    jobs = [entry for entry in changing_requests(server.carrier.log.entries()) if entry.kind is RequestKind.ACTIVATE]
    assert sum(len(entry.iccids) for entry in jobs) == 230
    assert len(jobs) <= 4  # two; what a busy machine registers in a second lease has jobs of its own
    assert len(changing_requests(server.carrier.log.entries())) == 230 + len(jobs)
    there = {(sim.state, sim.plan) for sim in server.carrier.fleet.listing()}
    assert there == {(SimState.ACTIVE, GROUP)}


def test_sims_that_are_delivered_registered_take_two_requests_for_each_coverage(
    engine: Callable[..., Rig], server: SimulatedCarrierServer
) -> None:
    for iccid in FLEET:
        server.carrier.fleet.put(iccid, SimState.INACTIVE, None)
    rig = engine(registration="done")
    provision(rig, FLEET, done=230)
    promise_is_kept(rig, server, RequestKind.ACTIVATE)
    sent = asked(server)
    assert sent[RequestKind.TOKEN] == sent[RequestKind.ACTIVATE] == 2
    assert sent[RequestKind.FOLLOW] + sent[RequestKind.LIST] <= 4  # on a busy machine one is listed instead


@pytest.mark.slow
def test_lost_answers_to_registrations_and_jobs_are_settled_by_reading(
    engine: Callable[..., Rig], server: SimulatedCarrierServer
) -> None:
    server.carrier.faults = Faults(
        {Fault.LOST_REPLY: 1.0}, frozenset({RequestKind.CLAIM, RequestKind.ACTIVATE}), first=1
    )
    rig = engine().but(timing=replace(TIMING, circuit_failures=1000))
    provision(rig, FLEET, done=230)
    promise_is_kept(rig, server, RequestKind.CLAIM, RequestKind.ACTIVATE)
    assert named(server, RequestKind.CLAIM) == named(server, RequestKind.ACTIVATE) == dict.fromkeys(FLEET, 1)


@pytest.mark.slow
def test_a_job_that_was_lost_on_its_way_is_made_once_more(
    engine: Callable[..., Rig], server: SimulatedCarrierServer
) -> None:
    server.carrier.faults = Faults({Fault.ERROR_504: 1.0}, frozenset({RequestKind.ACTIVATE}), first=1)
    rig = engine()
    provision(rig, FLEET, done=230)
    promise_is_kept(rig, server, RequestKind.CLAIM, RequestKind.ACTIVATE)
    assert named(server, RequestKind.ACTIVATE) == dict.fromkeys(FLEET, 2)


def test_what_a_job_refuses_is_rejected_with_its_reason_and_the_rest_is_done(
    engine: Callable[..., Rig], server: SimulatedCarrierServer
) -> None:
    barred = frozenset(FLEET[5:8])
    server.carrier.faults = Faults({Fault.FALLS_BACK: 1.0}, frozenset({RequestKind.ACTIVATE}), barred)
    rig = engine()
    provision(rig, FLEET, done=227, rejected=3)
    assert {operation_of(rig, iccid)[:2] for iccid in barred} == {(Step.REJECTED, "refused")}
    assert violations(rig.context, [CarrierLog(ACCOUNT, server.carrier.log.entries())], rig.inputs) == []


def test_sims_that_a_stopped_job_left_out_are_read_and_asked_for_again(
    engine: Callable[..., Rig], server: SimulatedCarrierServer
) -> None:
    left_out = frozenset(FLEET[5:8])
    server.carrier.faults = Faults({Fault.STUCK: 1.0}, frozenset({RequestKind.ACTIVATE}), left_out, first=1)
    rig = engine()
    provision(rig, FLEET, done=230)
    promise_is_kept(rig, server, RequestKind.CLAIM, RequestKind.ACTIVATE)


def test_sims_that_find_another_job_at_work_wait_without_an_attempt(
    engine: Callable[..., Rig], server: SimulatedCarrierServer
) -> None:
    server.carrier.fleet.activation_seconds = 60.0
    rig = engine()
    early, late = ABROAD[:20], ABROAD[20:50]
    for name, fleet in (("early.csv", early), ("late.csv", late)):
        rig.take_in(name, manifest(fleet))
        for _ in range(2):  # the registrations, then the job
            send_due(rig.context, ACCOUNT)
    assert rig.stages() == {(Stage.CHANGE, Step.ACCEPTED): 20, (Stage.CHANGE, Step.PLANNED): 30}
    step, reason, detail = operation_of(rig, late[0])
    assert (step, reason) == (Step.PLANNED, "not_sent")
    assert "one job of an action at a time" in detail
    changed = {iccid for iccid, kind in effect_counts(server.carrier.log.entries()) if kind is RequestKind.ACTIVATE}
    assert changed == set(early)
    assert send_due(rig.context, ACCOUNT).taken == 0


def test_registered_sims_whose_activation_was_refused_are_deactivated_for_they_would_connect(
    engine: Callable[..., Rig], server: SimulatedCarrierServer
) -> None:
    fleet = ABROAD[:3]
    server.carrier.faults = Faults({Fault.FALLS_BACK: 1.0}, frozenset({RequestKind.ACTIVATE}), frozenset(fleet[:2]))
    rig = engine()
    provision(rig, fleet, done=1, rejected=2)
    asked_for = Asked(Action.DEACTIVATE, fleet)
    plan = act(rig.context, asked_for, reason="season over", actor="ann", agreed=Agreed()).plan
    assert {fate: len(iccids) for fate, iccids in plan.iccids.items()} == {Fate.PLANNED: 3}
    ended = {Step.DONE: 4, Step.REJECTED: 2}
    follow(rig.context, at_most_seconds=20.0, is_over=lambda: rig.steps() == ended)
    assert rig.steps() == ended
    assert {sim.state for sim in server.carrier.fleet.listing()} == {SimState.DEACTIVATED}


def operation_of(rig: Rig, iccid: str) -> tuple[Step, str, str]:
    """How the SIM's one operation stands, why, and the sentence."""
    with rig.context.database.read() as tx:
        (operation,) = sims.story(tx, iccid)
    assert operation.action == Action.ACTIVATE
    return Step(operation.step), str(operation.reason), str(operation.detail)
