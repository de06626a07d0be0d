"""Which addresses a webhook may connect to."""

import socket
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import ChannelRefused, NotDelivered
from channels.guard import allowed_addresses, connect, resolve

PRIVATE = ["127.0.0.1", "127.8.9.1", "::1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "fd00::1"]
NEVER = [
    *("169.254.169.254", "fe80::1", "fe80::1%lo", "0.0.0.0", "::", "224.0.0.1", "239.255.255.250", "ff02::1"),
    *("255.255.255.255", "240.0.0.1", "100.64.0.1", "192.0.2.1", "198.18.0.1", "::ffff:127.0.0.1"),
    *("::ffff:169.254.169.254", "::ffff:93.184.216.34", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::1", "fec0::1"),
]


@pytest.mark.parametrize("address", [*PRIVATE, *NEVER])
def test_an_address_that_is_not_of_the_open_internet_is_refused(address: str) -> None:
    with pytest.raises(ChannelRefused, match="nothing was sent"):
        allowed_addresses("hooks.example.com", [address], allow_private=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_network_is_open_to_a_host_that_the_operator_allows(address: str) -> None:
    assert allowed_addresses("hooks.example.com", [address], allow_private=True) == [address]


@pytest.mark.parametrize("address", NEVER)
def test_metadata_and_addresses_in_disguise_stay_closed_to_everybody(address: str) -> None:
    with pytest.raises(ChannelRefused):
        allowed_addresses("hooks.example.com", [address], allow_private=True)


def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    with pytest.raises(ChannelRefused):
        allowed_addresses("hooks.example.com", ["93.184.216.34", "10.0.0.1"], allow_private=False)


@given(st.ip_addresses(v=4))
def test_no_disguise_of_an_ipv4_address_passes(address: object) -> None:
    with pytest.raises(ChannelRefused):
        allowed_addresses("x", [f"::ffff:{address}"], allow_private=True)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "localhost"])
def test_other_spellings_of_this_machine_are_seen_through(host: str) -> None:
    with pytest.raises(ChannelRefused):
        connect(host, 80, allow_private=False, timeout_seconds=1)


def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_is_asked_once() -> None:
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with connect("hooks.example.com", port, allow_private=True, timeout_seconds=2, resolver=rebinding) as made:
            assert made.getpeername() == ("127.0.0.1", port)
    assert asked == ["hooks.example.com"]


def test_a_name_without_an_address_is_a_sentence() -> None:
    with pytest.raises(NotDelivered, match="has no address"):
        resolve("nowhere.invalid", 443)
    with pytest.raises(NotDelivered, match="has no address"):
        allowed_addresses("x", [], allow_private=True)


def test_a_port_where_nobody_listens_is_a_sentence_that_says_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NotDelivered, match="nothing was sent"):
        connect("127.0.0.1", port, allow_private=True, timeout_seconds=1)
