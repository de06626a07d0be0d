"""What every adapter reads out of its account, and what it says where that is missing or wrong."""

import pytest

from carriers.accounts import base_of, choice_of, secrets_of
from carriers.contract import CarrierAccount
from carriers.errors import CarrierError


def account(options: dict[str, str] | None = None, secrets: dict[str, str] | None = None) -> CarrierAccount:
    return CarrierAccount("acme", "supersim", "https://example.com", options or {}, secrets or {})


@pytest.mark.parametrize("written", ["https://a.example/api", "https://a.example/api/", "https://a.example/api/v1/"])
def test_an_address_is_the_same_with_and_without_the_apis_version(written: str) -> None:
    assert base_of(written) == "https://a.example/api"


def test_secrets_come_in_the_order_in_which_they_are_asked_for() -> None:
    assert secrets_of(account(secrets={"b": "2", "a": "1"}), "a", "b") == ("1", "2")


def test_every_secret_that_is_missing_or_empty_is_named_and_none_is_shown() -> None:
    with pytest.raises(CarrierError, match=r"acme lacks its secret user and password\.") as lacking:
        secrets_of(account(secrets={"token": "m4rk3r", "password": ""}), "user", "token", "password")
    assert "m4rk3r" not in str(lacking.value)


def test_an_option_that_is_not_set_is_its_first_word() -> None:
    assert choice_of(account(), "auth", "basic", "oauth") == "basic"
    assert choice_of(account({"auth": "oauth"}), "auth", "basic", "oauth") == "oauth"


def test_another_word_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(CarrierError, match=r"acme: option `auth` is 'magic'; it must be basic or oauth\."):
        choice_of(account({"auth": "magic"}), "auth", "basic", "oauth")
