"""Two accounts of one carrier side by side, each with its own secrets, Fleet and limit; the row says whose a SIM is."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from carriers.contract import Carrier, CarrierAccount, OpenGate
from carriers.errors import CredentialsRefused
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.faults import RequestKind
from carriers.simulated.log import changing_requests, effect_counts, most_in_any_window
from carriers.simulated.server import SimulatedCarrierServer, run_server
from domain.iccid import IssuerProfile
from domain.lifecycle import SimState, Step
from domain.lines import LineCounts, LineOutcome, Reason, Verdict
from domain.manifests import ManifestState
from domain.pacing import Window, pace_of
from engine.context import CarrierAtWork, Timing
from engine.draining import drain, follow
from engine.invariants import CarrierLog, violations
from engine.placing import Defaults
from engine.preview import preview
from engine.receipts import refresh_receipts
from engine.retrying_lines import retry_rejected
from storage import catalogue, manifests, outcomes
from storage.database import Database
from storage.schema import operations, sims
from tests.engine.rig import ISSUER, PLAN, Rig, iccids, open_rig

LIMITS = {"east": Window(20, 1), "west": Window(10, 1)}
SECRETS = {name: {"account_sid": "AC" + name[0] * 32, "auth_token": f"token-of-{name}"} for name in LIMITS}
PLANS = [
    replace(PLAN, id=f"{name}/de", carrier_account=name, carrier_reference="HF" + str(at) * 32)
    for at, name in enumerate(LIMITS, 1)
]
HEADER = "iccid,registration_code,carrier account"


def account(name: str, url: str) -> CarrierAccount:
    return CarrierAccount(name, "supersim", url, {"auth": "basic"}, SECRETS[name], 5.0)


@pytest.fixture
def servers() -> Iterator[dict[str, SimulatedCarrierServer]]:
    """The carrier's side of both accounts: each takes its own secrets and refuses what exceeds its own limit."""
    with ExitStack() as running:
        opened = {}
        for name, limit in LIMITS.items():
            options = Options([limit], open_registry=True, activation_seconds=0.05, credentials=SECRETS[name])
            opened[name], _ = run_server(options)
            running.callback(opened[name].close)
        yield opened


@pytest.fixture
def carriers(servers: dict[str, SimulatedCarrierServer]) -> Iterator[dict[str, Carrier]]:
    opened = {name: open_carrier(account(name, server.url)) for name, server in servers.items()}
    yield opened
    for carrier in opened.values():
        carrier.close()


@pytest.fixture
def rig(stocked: Database, carriers: dict[str, Carrier], tmp_path: Path) -> Rig:
    """An engine with both accounts; the issuer's SIMs are the eastern one's where nobody says otherwise."""
    with stocked.begin() as tx:
        catalogue.sync_plans(tx, PLANS)
    at_work = {name: CarrierAtWork(carriers[name], pace_of([limit]), 4, 5.0, 60.0) for name, limit in LIMITS.items()}
    one = open_rig(stocked, carriers["east"], tmp_path, timing=Timing(poll_first_seconds=0.1))
    return one.but(carriers=at_work, issuers=[IssuerProfile(ISSUER, "KORE", carrier_account="east")])


def manifest(rows: Sequence[tuple[str, str]]) -> str:
    """A manifest of (ICCID, carrier account as written), from line 2 on, each with a code of its own."""
    return "\n".join([HEADER, *(f"{iccid},code-{iccid},{word}" for iccid, word in rows), ""])


def told(rig: Rig, manifest_id: str, verdict: Verdict) -> list[LineOutcome]:
    with rig.context.database.read() as tx:
        return list(outcomes.outcomes(tx, manifest_id, verdict=verdict))


def accounts(rig: Rig) -> dict[str, str]:
    """ICCID -> its account, where its operation agrees."""
    both = select(sims.c.iccid, sims.c.carrier_account).join(operations, operations.c.iccid == sims.c.iccid)
    with rig.context.database.read() as tx:
        agreeing = both.where(operations.c.carrier_account == sims.c.carrier_account)
        return dict(tx.execute(agreeing).tuples().all())


def test_a_manifest_that_mixes_two_accounts_makes_each_sim_active_at_its_own(
    rig: Rig, servers: dict[str, SimulatedCarrierServer]
) -> None:
    words = ["west", "EAST", "", "West", "east", "west"] * 4
    numbers = iccids(len(words))
    own = {
        "east": [iccid for iccid, word in zip(numbers, words, strict=True) if word.lower() != "west"],
        "west": [iccid for iccid, word in zip(numbers, words, strict=True) if word.lower() == "west"],
    }
    taken = rig.take_in("mixed.csv", manifest(list(zip(numbers, words, strict=True))))
    assert taken.counts == LineCounts(25, ignored=1, accepted=24)
    follow(rig.context, at_most_seconds=60, is_over=lambda: rig.steps() == {Step.DONE: 24})
    refresh_receipts(rig.context)
    logs = {name: server.carrier.log.entries() for name, server in servers.items()}
    for name, entries in logs.items():
        once = {(iccid, kind): 1 for iccid in own[name] for kind in (RequestKind.CLAIM, RequestKind.ACTIVATE)}
        assert effect_counts(entries) == once
        assert {entry.reason for entry in entries} == {""}  # nothing exceeded the limit or had the other's secrets
        (plan,) = (plan.carrier_reference for plan in PLANS if plan.carrier_account == name)
        there = {sim.iccid: (sim.state, sim.plan) for sim in servers[name].carrier.fleet.listing()}
        assert there == dict.fromkeys(own[name], (SimState.ACTIVE, plan))
    assert (
        violations(rig.context, [CarrierLog(name, logs[name], [limit]) for name, limit in LIMITS.items()], rig.inputs)
        == []
    )
    with rig.context.database.read() as tx:
        assert manifests.find(tx, taken.manifest_id).state is ManifestState.FINISHED


def test_two_accounts_send_side_by_side_and_each_uses_its_own_limit(
    rig: Rig, servers: dict[str, SimulatedCarrierServer]
) -> None:
    words = ["east", "east", "west"] * 10
    rig.take_in("mixed.csv", manifest(list(zip(iccids(30), words, strict=True))))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: drain(rig.context, name, at_most_seconds=30), LIMITS))
    follow(rig.context, at_most_seconds=60, is_over=lambda: rig.steps() == {Step.DONE: 30})
    logs = {name: server.carrier.log.entries() for name, server in servers.items()}
    assert {name: sum(effect_counts(log).values()) for name, log in logs.items()} == {"east": 40, "west": 20}
    entries = {name: changing_requests(log) for name, log in logs.items()}
    heard = {name: [entry for entry in asked if entry.status != 429] for name, asked in entries.items()}
    assert {name: len(asked) for name, asked in heard.items()} == {"east": 40, "west": 20}
    most = {name: most_in_any_window(entries[name], 1.0) for name in LIMITS}
    assert most["west"] <= LIMITS["west"].count < most["east"] <= LIMITS["east"].count
    (first_east, last_east), (first_west, last_west) = ((found[0].at, found[-1].at) for found in entries.values())
    assert min(last_east, last_west) - max(first_east, first_west) > 0.5 * (last_west - first_west)


def test_an_account_is_not_let_in_with_the_secrets_of_the_other(servers: dict[str, SimulatedCarrierServer]) -> None:
    crossed = open_carrier(account("east", servers["west"].url))
    with pytest.raises(CredentialsRefused):
        crossed.read(iccids(1)[0], OpenGate())
    crossed.close()


def test_the_dry_run_puts_each_sim_where_the_run_does(rig: Rig) -> None:
    path = rig.folder / "a.csv"
    path.write_text(manifest(list(zip(iccids(4), ["west", "", "EAST", "nobody"], strict=True))))
    seen = preview(rig.context, path, path.name, Defaults("tracker", "DE"))
    assert {plan.carrier_account: plan.sim_count for plan in seen.plans} == {"west": 1, "east": 2}
    assert [(one.reason, one.first_line) for one in seen.reasons if one.verdict is Verdict.REJECTED] == [
        (Reason.UNKNOWN_CARRIER_ACCOUNT, 5)
    ]
    assert accounts(rig) == {}
    forced = preview(rig.context, path, path.name, Defaults("tracker", "DE", "west"))
    assert {plan.carrier_account: plan.sim_count for plan in forced.plans} == {"west": 2, "east": 1}


def test_a_rejected_account_goes_on_when_the_account_is_there_at_last(rig: Rig) -> None:
    one, two = iccids(2)
    taken = rig.take_in("a.csv", manifest([(one, "south"), (two, "west")]))
    (rejected,) = told(rig, taken.manifest_id, Verdict.REJECTED)
    assert (rejected.line, rejected.reason) == (2, Reason.UNKNOWN_CARRIER_ACCOUNT)
    assert rejected.detail == "The accounts are: east, west."
    south = replace(PLANS[0], id="south/de", carrier_account="south")
    with rig.context.database.begin() as tx:
        catalogue.sync_plans(tx, [*PLANS, south])
    wider = rig.but(carriers={**rig.context.carriers, "south": rig.context.carriers["east"]})
    again = retry_rejected(wider.context, taken.manifest_id, actor="ann")
    assert again is not None
    assert again.counts.accepted == 1
    assert accounts(rig) == {one: "south", two: "west"}


def test_a_known_sim_stays_at_its_account_and_the_line_says_so(rig: Rig) -> None:
    one, two = iccids(2)
    rig.take_in("a.csv", manifest([(one, "west"), (two, "")]))
    again = rig.take_in("b.csv", manifest([(one, "east"), (two, "east")]))
    assert [(known.iccid, known.detail) for known in told(rig, again.manifest_id, Verdict.KNOWN)] == [
        (one, "It stays at carrier account west."),
        (two, ""),
    ]
    assert accounts(rig) == {one: "west", two: "east"}


def test_a_code_for_another_account_does_not_correct_a_refused_one(
    rig: Rig, servers: dict[str, SimulatedCarrierServer]
) -> None:
    one, two = iccids(2)
    for iccid in (one, two):
        servers["west"].carrier.fleet.add_card(iccid, "right")
    rig.take_in("a.csv", manifest([(one, "west"), (two, "west")]))
    follow(rig.context, at_most_seconds=30, is_over=lambda: rig.steps() == {Step.REJECTED: 2})
    again = rig.take_in("b.csv", f"{HEADER}\n{one},right,east\n{two},right,west\n")
    assert [known.reason for known in told(rig, again.manifest_id, Verdict.KNOWN)] == [
        Reason.ALREADY_KNOWN,
        Reason.CODE_CORRECTED,
    ]
    follow(rig.context, at_most_seconds=30, is_over=lambda: rig.steps() == {Step.REJECTED: 1, Step.DONE: 1})
    assert servers["east"].carrier.log.entries() == []


def test_a_long_list_of_sims_that_stay_elsewhere_takes_no_longer_than_one_of_sims_that_are_in_place(rig: Rig) -> None:
    numbers = iccids(9_000)
    rig.take_in("a.csv", manifest([(one, "west") for one in numbers]))

    def seconds(name: str, word: str) -> float:
        started = time.perf_counter()
        assert rig.take_in(name, manifest([(one, word) for one in numbers])).counts.known == len(numbers)
        return time.perf_counter() - started

    in_place = seconds("b.csv", "west")
    assert seconds("c.csv", "east") < 2.5 * in_place
