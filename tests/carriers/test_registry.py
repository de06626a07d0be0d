import pytest

from carriers.contract import CarrierAccount
from carriers.errors import CarrierError
from carriers.registry import CAPABILITIES, CARRIERS, open_carrier


def test_every_carrier_states_its_capabilities_under_its_own_name() -> None:
    assert CARRIERS.keys() == CAPABILITIES.keys()
    assert all(name == capabilities.carrier for name, capabilities in CAPABILITIES.items())


def test_an_account_opens_the_adapter_of_its_carrier() -> None:
    secrets = {"account_sid": "AC0", "auth_token": "t"}
    carrier = open_carrier(CarrierAccount("main", "supersim", "https://example.com", {}, secrets))
    assert carrier.capabilities is CAPABILITIES["supersim"]


def test_a_carrier_that_does_not_exist_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(CarrierError, match="supersim"):
        open_carrier(CarrierAccount("main", "superism", "https://example.com"))
