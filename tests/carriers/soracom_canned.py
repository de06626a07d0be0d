"""An adapter of Soracom's before a carrier that says what a test tells it to say."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from carriers.contract import CarrierAccount, Order
from carriers.simulated.soracom import CREDENTIALS
from carriers.soracom import Soracom
from domain.lifecycle import Action, Stage
from tests.carriers.canned import Asked, Canned, CannedCarrier
from tests.carriers.contract_suite import Subject, code_of

GROUP, OTHER_GROUP = "11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000"
SORACOM = Subject(
    "soracom",
    "8942310",
    GROUP,
    OTHER_GROUP,
    shows_change=False,
    descriptions=("soracom_sims.json",),
    base="/v1",
)
ICCID, OTHER = SORACOM.iccid(1), SORACOM.iccid(2)
CODE = code_of(ICCID)
TOKEN = Canned(200, {"apiKey": "api-1", "token": "t0k3n", "operatorId": "OP1"})
NOT_THERE = Canned(404, {"code": "SEM0001", "message": "No such SIM"})
REFUSED = Canned(400, {"code": "SEM0002", "message": "no"})
CLAIM = Order(ICCID, Action.ACTIVATE, Stage.CLAIM, plan_reference=GROUP, registration_code=CODE)
CHANGE = Order(ICCID, Action.ACTIVATE, Stage.CHANGE, ICCID, GROUP)
PAUSE, RELEASE = replace(CHANGE, action=Action.DEACTIVATE), replace(CHANGE, action=Action.RELEASE)
MANY = [CHANGE, replace(CHANGE, iccid=OTHER, carrier_reference=OTHER)]


def sim(status: str, sim_id: str = ICCID, **fields: object) -> dict[str, object]:
    return {"simId": sim_id, "status": status, "type": "uicc", "terminationEnabled": True, **fields}


def no(status: int) -> Canned:
    return Canned(status, {"code": f"X{status}", "message": "no"})


@contextmanager
def talking(*replies: Canned, **options: str) -> Iterator[tuple[Soracom, CannedCarrier]]:
    """An adapter before a carrier that gives it a token and then these replies, the last one again and again."""
    with CannedCarrier(TOKEN, *replies) as carrier:
        adapter = Soracom.open(CarrierAccount("test", "soracom", carrier.url, options, CREDENTIALS, 5.0))
        yield adapter, carrier
        adapter.close()


def body_of(asked: Asked) -> object:
    return json.loads(asked.body)
