"""The referee sees what is not as described; without that, nothing that it lets pass would prove anything."""

from collections.abc import Callable

import pytest
import requests

from carriers.contract import CarrierAccount, OpenGate
from carriers.errors import CredentialsRefused, ReadFailed
from carriers.registry import open_carrier
from carriers.simulated import supersim
from carriers.simulated.carrier import Options
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.log import Entry
from carriers.simulated.server import SimulatedCarrierServer
from domain.lifecycle import SimState
from tests.carriers.conftest import Referees, Simulate
from tests.carriers.relay import Exchange, Relay
from tests.carriers.test_supersim import ICCID, SUPER_SIM, ByOAuth, basic, oauth

pytestmark = pytest.mark.slow


@pytest.fixture
def referee(referees: Referees) -> Relay:
    return referees(SUPER_SIM.descriptions, SUPER_SIM.base)


@pytest.fixture
def server(simulate: Simulate, referee: Relay) -> SimulatedCarrierServer:
    server = simulate(Options())
    server.carrier.fleet.put(ICCID, SimState.ACTIVE, None)
    referee.stand_before(server)
    return server


def read(referee: Relay, account: Callable[..., CarrierAccount] = basic) -> SimState:
    carrier = open_carrier(account(referee.url, timeout_seconds=2.0))
    try:
        return carrier.read(ICCID, OpenGate()).state
    finally:
        carrier.close()


@pytest.mark.usefixtures("server")
def test_a_status_word_that_is_not_described_is_seen(referee: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(supersim.WORDS, SimState.ACTIVE, "recalibrating")
    assert read(referee) is SimState.UNKNOWN
    assert "VIOLATIONS" in referee.objections()[0]


@pytest.mark.usefixtures("server")
def test_a_request_without_its_credentials_is_seen_and_does_not_reach_the_carrier(
    referee: Relay, server: SimulatedCarrierServer
) -> None:
    requests.get(f"{referee.url}/v1/Sims", timeout=10)
    assert "UNAUTHORIZED" in referee.objections()[0]
    assert server.carrier.log.entries() == []


@pytest.mark.parametrize("fault", [Fault.UNKNOWN_WORD, Fault.ERROR_INSIDE, Fault.TRUNCATED, Fault.RESET])
def test_what_a_fault_has_spoilt_is_not_held_against_the_carrier(
    referee: Relay, server: SimulatedCarrierServer, fault: Fault
) -> None:
    server.carrier.faults = Faults({fault: 1.0}, first=1)
    spoilt = referee.spoilt
    try:
        read(referee)
    except ReadFailed:
        assert fault is Fault.ERROR_INSIDE
    assert (referee.objections(), referee.spoilt) == ([], spoilt + 1)


def test_of_two_alike_at_one_time_each_has_a_note_in_whatever_order_they_were_written(
    referee: Relay, server: SimulatedCarrierServer
) -> None:
    for number, at in ((1, 12.0), (2, 11.0)):
        server.carrier.log.add(Entry(number, at, "GET", "/v1/Sims", RequestKind.LIST, (), 200, reason=f"at {at}"))
    both = [Exchange(server, "GET", "/v1/Sims", [], b"", asked_at) for asked_at in (10.5, 11.5)]
    assert [referee.noted(one) for one in both] == ["at 11.0", "at 12.0"]


def test_beside_a_spoilt_answer_the_request_is_judged_all_the_same(
    referee: Relay, server: SimulatedCarrierServer
) -> None:
    server.carrier.faults = Faults({Fault.RESET: 1.0})
    answer = requests.get(f"{referee.url}/v1/Sims?Status=asleep", auth=("AC", "x"), timeout=10)
    assert answer.status_code == 422
    assert "UNPROCESSABLE_ENTITY" in referee.objections()[0]


def test_a_token_is_bought_around_the_referee_and_what_it_opens_is_judged(
    referee: Relay, server: SimulatedCarrierServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    referee.stand_before(server, ByOAuth.subject.around, ByOAuth.subject.shown)
    assert read(referee, oauth) is SimState.ACTIVE
    assert [entry.kind for entry in server.carrier.log.entries()] == [RequestKind.TOKEN, RequestKind.READ]
    assert referee.objections() == []
    monkeypatch.setitem(supersim.WORDS, SimState.ACTIVE, "recalibrating")
    assert read(referee, oauth) is SimState.UNKNOWN
    assert "VIOLATIONS" in referee.objections()[0]


def test_the_carrier_gets_the_credentials_that_the_adapter_sent_whatever_the_referee_is_shown(
    referee: Relay, server: SimulatedCarrierServer
) -> None:
    referee.stand_before(server, ByOAuth.subject.around, ByOAuth.subject.shown)
    server.carrier.faults = Faults({Fault.TOKEN_EXPIRES: 1.0})
    with pytest.raises(CredentialsRefused):
        read(referee, oauth)
    answer = requests.get(f"{referee.url}/v1/Sims", timeout=10)
    assert (answer.status_code, referee.objections()) == (401, [])


def test_a_token_that_the_referee_sees_as_it_is_does_not_pass(referee: Relay, server: SimulatedCarrierServer) -> None:
    referee.stand_before(server, ByOAuth.subject.around)
    with pytest.raises(CredentialsRefused):
        read(referee, oauth)
    assert "UNAUTHORIZED" in referee.objections()[0]
