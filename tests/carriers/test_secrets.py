"""Marker secrets go through everything that fails; none may come out anywhere."""

import base64
import logging
import traceback
from dataclasses import replace

import pytest

from carriers.contract import CarrierAccount, OpenGate, Order
from carriers.errors import CarrierError
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.faults import Fault
from carriers.simulated.supersim import CREDENTIALS
from domain.lifecycle import Action, Stage
from tests.carriers.canned import Canned, CannedCarrier
from tests.carriers.contract_secrets import FAULTS

PASSWORD, CLIENT_SECRET, CODE = "p4ssw0rd-marker", "cl13nt-s3cr3t-marker", "r3g-c0d3-marker"
KEYS = CREDENTIALS | {"auth_token": PASSWORD, "client_secret": CLIENT_SECRET}
BASIC = base64.b64encode(f"{KEYS['account_sid']}:{PASSWORD}".encode()).decode()
MARKERS = (PASSWORD, CLIENT_SECRET, CODE, BASIC)
ORDER = Order("89883070000123456789", Action.ACTIVATE, Stage.CLAIM, registration_code=CODE)


def accounts(url: str) -> list[CarrierAccount]:
    basic = CarrierAccount("a", "supersim", url, {}, KEYS, timeout_seconds=0.4)
    token = {"auth": "oauth", "token_url": f"{url}/oauth/token"}
    return [basic, replace(basic, options=token)]


def shown_by(account: CarrierAccount) -> str:
    """Everything that a claim under this account lets people see: the answer or the error with its whole trace."""
    carrier = open_carrier(account)
    try:
        answer = str(carrier.submit([ORDER], OpenGate()))
    except CarrierError as error:
        answer = "".join(traceback.format_exception(error)) + repr(error)
    finally:
        carrier.close()
    return answer + repr(carrier) + repr(account) + repr(ORDER) + repr(vars(carrier))


def test_a_carrier_that_repeats_our_secrets_in_its_refusal_is_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    echo = {"code": 20001, "message": f"bad code {CODE} with {BASIC} and {PASSWORD}"}
    with CannedCarrier(Canned(400, echo)) as carrier, caplog.at_level(logging.DEBUG):
        shown = shown_by(accounts(carrier.url)[0])
    assert "[secret]" in shown
    for marker in MARKERS:
        assert marker not in shown + caplog.text


def test_a_token_endpoint_that_repeats_our_secrets_is_not_quoted() -> None:
    with CannedCarrier(Canned(400, {"code": 1, "message": f"{CLIENT_SECRET}"})) as carrier:
        assert CLIENT_SECRET not in shown_by(accounts(carrier.url)[1])


def test_a_secret_that_cannot_stand_in_a_header_is_not_quoted() -> None:
    with CannedCarrier(Canned(200, {"access_token": "t0k3n-m4rk3r\r\n"})) as carrier:
        assert "t0k3n" not in shown_by(accounts(carrier.url)[1])


def test_the_options_of_a_simulated_carrier_do_not_show_its_keys() -> None:
    assert PASSWORD not in repr(Options(credentials=KEYS))


def test_every_fault_is_among_those_that_the_contract_has_secrets_meet() -> None:
    met = [fault for faults in FAULTS.values() for fault in faults if fault]
    assert sorted(met) == sorted(Fault)
