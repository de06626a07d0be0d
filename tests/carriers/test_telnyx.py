"""Telnyx: the contract, and the wire in a table."""

from carriers.simulated.telnyx import uuid_of
from tests.carriers.contract_suite import CarrierContract, CarrierFaultsContract, Contract, SecretsContract, Subject
import pytest
from tests.carriers.referee import RefereedContract
GROUP = uuid_of("a group")
TELNYX = Subject("telnyx", "8931041", GROUP, uuid_of("another group"), renews_tokens=False)


class OfTelnyx(Contract):
    subject = TELNYX


class TestTelnyx(OfTelnyx, CarrierContract):
    pass


class TestTelnyxWithFaults(OfTelnyx, CarrierFaultsContract):
    timeout_seconds = 0.6


class TestTelnyxSecrets(OfTelnyx, SecretsContract):
    timeout_seconds = 0.4

@pytest.mark.slow
class TestBeforeTheReferee(OfTelnyx, RefereedContract):
    description = "telnyx_wireless.json"
