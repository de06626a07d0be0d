"""A sixth carrier takes an adapter, a dialect and two lines of registry: the contract and the engine do the rest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from carriers import registry
from carriers.contract import AnswerKind, OpenGate, Order
from carriers.simulated import registry as simulated
from carriers.simulated.carrier import Options
from carriers.simulated.log import changing_requests
from domain.lifecycle import Action, Stage, Step
from engine.context import Timing
from engine.draining import follow
from engine.invariants import CarrierLog, violations
from storage.database import Database
from tests.carriers.canned import Canned, CannedCarrier
from tests.carriers.conftest import Simulate
from tests.carriers.contract_suite import (
    CarrierContract,
    CarrierFaultsContract,
    Contract,
    SecretsContract,
    Subject,
)
from tests.carriers.sixth import adapter, dialect
from tests.engine.rig import ACCOUNT, open_rig, stock

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The two lines."""
    monkeypatch.setitem(registry.CARRIERS, "toy", adapter.Toy)
    monkeypatch.setitem(registry.CAPABILITIES, "toy", adapter.CAPABILITIES)
    monkeypatch.setitem(simulated.SIMULATIONS, "toy", dialect.SIMULATION)
    yield


class Toy(Contract):
    subject = Subject("toy", "8999900", plan="small", renews_tokens=False)


ORDER = Order(Toy.subject.iccid(1), Action.ACTIVATE, Stage.CHANGE, plan_reference="small")


class TestToy(Toy, CarrierContract):
    pass


class TestToyWithFaults(Toy, CarrierFaultsContract):
    pass


class TestToySecrets(Toy, SecretsContract):
    pass


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ({"sims": [{"iccid": Toy.subject.iccid(1), "result": "starting"}]}, AnswerKind.ACCEPTED),
        ({"sims": [{"iccid": Toy.subject.iccid(1), "result": "same"}]}, AnswerKind.DONE),
        ({"sims": [{"iccid": Toy.subject.iccid(1), "result": "refused", "why": "barred"}]}, AnswerKind.REJECTED),
        ({"sims": [{"iccid": Toy.subject.iccid(2), "result": "starting"}]}, AnswerKind.UNKNOWN),
        ({"sims": []}, AnswerKind.UNKNOWN),
        ({}, AnswerKind.UNKNOWN),
    ],
)
def test_each_reply_has_its_meaning(reply: object, kind: AnswerKind) -> None:
    with CannedCarrier(Canned(202, reply)) as canned:
        contract = Toy()
        carrier = registry.open_carrier(contract.account(canned.url))
        assert carrier.submit([ORDER], OpenGate())[0].kind is kind
        carrier.close()


def test_the_engine_brings_a_manifest_to_life_with_one_request_per_fifty_sims(
    database: Database, simulate: Simulate, tmp_path: Path
) -> None:
    stock(database)
    server = simulate(Options(open_registry=True, activation_seconds=0.05), carrier="toy")
    carrier = registry.open_carrier(Toy().account(server.url))
    rig = open_rig(database, carrier, tmp_path, timing=Timing(poll_first_seconds=0.1))
    rig.load(120)
    follow(rig.context, at_most_seconds=60, is_over=lambda: rig.steps() == {Step.DONE: 120})
    entries = server.carrier.log.entries()
    assert sorted(len(entry.iccids) for entry in changing_requests(entries)) == [20, 50, 50]
    assert violations(rig.context, [CarrierLog(ACCOUNT, entries)], rig.inputs) == []
    carrier.close()


def test_nothing_else_was_needed() -> None:
    assert {file.name for file in HERE.glob("*.py")} == {"adapter.py", "dialect.py", "test_sixth_carrier.py"}
