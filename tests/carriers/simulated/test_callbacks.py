"""A simulated Super SIM calls when a change is true: once, signed, on this machine, and wrongly when told to."""

import math
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl

import pytest
import requests

from carriers.callbacks import twilio_signature
from carriers.simulated.callbacks import Call, Calls
from carriers.simulated.carrier import Options
from carriers.simulated.faults import CallbackFault, Faults, faults_as_json, faults_from
from carriers.simulated.server import SimulatedCarrierServer
from carriers.simulated.supersim import CREDENTIALS, reference_of
from domain.lifecycle import SimState
from tests.carriers.canned import Asked, Canned, CannedCarrier

ICCID = "89883070000123456789"
SIM = f"/v1/Sims/{reference_of(ICCID)}"
LOGIN = (CREDENTIALS["account_sid"], CREDENTIALS["auth_token"])
SECONDS = 0.3
Simulate = Callable[..., SimulatedCarrierServer]


@pytest.fixture
def ear() -> Iterator[CannedCarrier]:
    """Somebody who wants to be called."""
    with CannedCarrier(Canned(204)) as listener:
        yield listener


def activated(simulate: Simulate, url: str, **faults: float) -> tuple[SimulatedCarrierServer, float]:
    """A carrier that was just asked to activate its one SIM and to call this address; when it was asked."""
    wanted = Faults(callbacks={CallbackFault(name): rate for name, rate in faults.items()})
    server = simulate(Options(activation_seconds=SECONDS, faults=wanted))
    server.carrier.fleet.put(ICCID, SimState.INACTIVE, "HF1")
    asked_at = time.time()
    form = {"Status": "active", "CallbackUrl": url, "CallbackMethod": "POST"}
    assert requests.post(server.url + SIM, data=form, auth=LOGIN, timeout=5).status_code == 202
    return server, asked_at


def calls(ear: CannedCarrier, count: int, within: float = 3.0) -> list[Asked]:
    """What came in, once it is so many or the time is over."""
    ends = time.monotonic() + within
    while len(ear.asked) < count and time.monotonic() < ends:
        time.sleep(0.01)
    return list(ear.asked)


def is_active(server: SimulatedCarrierServer) -> bool:
    sim: dict[str, str] = requests.get(server.url + SIM, auth=LOGIN, timeout=5).json()
    return sim["status"] == "active"


def is_genuine(call: Asked, url: str) -> bool:
    signature = twilio_signature(CREDENTIALS["auth_token"], url, parse_qsl(call.body.decode()))
    return {name.lower(): value for name, value in call.headers.items()}["x-twilio-signature"] == signature


def test_it_calls_once_when_the_change_is_true_and_signs_as_twilio_does(simulate: Simulate, ear: CannedCarrier) -> None:
    url = f"{ear.url}/a/b?iccid={ICCID}"
    server, asked_at = activated(simulate, url)
    (call,) = calls(ear, 1)
    assert time.time() >= asked_at + SECONDS
    assert is_active(server)
    assert (call.method, call.path, call.query) == ("POST", "/a/b", {"iccid": ICCID})
    assert is_genuine(call, url)
    time.sleep(2 * SECONDS)
    assert len(ear.asked) == 1
    assert server.carrier.calls.outcomes == {"204": 1}


def test_who_asks_for_no_call_gets_none(simulate: Simulate, ear: CannedCarrier) -> None:
    server, _ = activated(simulate, "")
    time.sleep(2 * SECONDS)
    assert is_active(server)
    assert server.carrier.calls.outcomes == {}


def test_a_lost_call_never_comes(simulate: Simulate, ear: CannedCarrier) -> None:
    server, _ = activated(simulate, ear.url, lost=1.0)
    time.sleep(2 * SECONDS)
    assert is_active(server)
    assert ear.asked == []


def test_a_doubled_call_comes_twice(simulate: Simulate, ear: CannedCarrier) -> None:
    activated(simulate, ear.url, twice=1.0)
    assert len(calls(ear, 2)) == 2


def test_an_early_call_comes_before_it_is_true_and_not_again(simulate: Simulate, ear: CannedCarrier) -> None:
    server, _ = activated(simulate, ear.url, early=1.0)
    (call,) = calls(ear, 1)
    assert not is_active(server)
    assert is_genuine(call, ear.url)
    time.sleep(2 * SECONDS)
    assert len(ear.asked) == 1


def test_a_forged_call_is_signed_by_somebody_else(simulate: Simulate, ear: CannedCarrier) -> None:
    activated(simulate, ear.url, forged=1.0)
    (call,) = calls(ear, 1)
    assert not is_genuine(call, ear.url)


@pytest.mark.parametrize("url", ["http://192.0.2.1/x", "https://example.com/x", "http://[", "file:///x"])
def test_nobody_off_this_machine_is_called(simulate: Simulate, url: str) -> None:
    server, _ = activated(simulate, url)
    time.sleep(2 * SECONDS)
    assert server.carrier.calls.outcomes == {}


def test_who_cannot_be_reached_does_not_hold_up_the_next(simulate: Simulate, ear: CannedCarrier) -> None:
    other = Calls(time.time, Faults)
    for url in ("http://127.0.0.1:9/", ear.url):
        other.when_true(ICCID, time.time(), Call(url, b"", {}), Call(url, b"", {}))
    assert len(calls(ear, 1)) == 1
    other.close()
    assert other.outcomes["ConnectionError"] == 1


def test_a_change_that_never_comes_true_is_not_called_about_and_nobody_is_called_after_the_end(
    ear: CannedCarrier,
) -> None:
    one = Call(ear.url, b"", {})
    ended = Calls(time.time, Faults)
    ended.when_true(ICCID, math.inf, one, one)
    ended.when_true(ICCID, time.time() + SECONDS, one, one)
    ended.close()
    time.sleep(2 * SECONDS)
    assert ear.asked == []


def test_a_call_shows_neither_its_address_nor_its_signature() -> None:
    shown = repr(Call("http://127.0.0.1/secret", b"secret", {"X": "secret"}))
    assert "secret" not in shown


def test_the_faults_of_callbacks_go_to_json_and_back_and_keep_their_rates() -> None:
    faults = Faults(callbacks={CallbackFault.LOST: 0.5})
    assert faults_from(faults_as_json(faults)) == faults
    met = [faults.decide_callback(str(number), 1) for number in range(1000)]
    assert 400 < met.count(CallbackFault.LOST) < 600
    assert set(met) == {CallbackFault.LOST, None}
    with pytest.raises(ValueError):
        faults_from({"callbacks": {"typo": 1}})
    with pytest.raises(ValueError):
        faults_from({"callbacks": [1]})
