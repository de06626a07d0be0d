"""Which addresses a webhook may connect to: the one that was checked is the one that is used.

An address in the settings may be anybody's idea, and a name may point anywhere by the time we ask. So the name is
resolved once, every address it has is judged, and the connection goes to one of them by number.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence

from channels.contract import ChannelRefused, NotDelivered

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

MOST_ADDRESSES = 3
"""So many addresses of a name are tried: each may take the whole timeout, and a lease has an end."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_OUR_OWN = [
    ipaddress.ip_network(network)
    for network in ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
]
"""What `allow_private` opens. Link-local, with the clouds' metadata, and multicast stay closed."""


def resolve(host: str, port: int) -> list[str]:
    """Every address of this name, by number. Raises `NotDelivered`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotDelivered(f"The name {host} has no address here. Correct it, or look at this machine's DNS.") from None
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def is_public(address: Address) -> bool:
    """Whether this is an address of the open internet, and none in the clothes of one.

    >>> [is_public(ipaddress.ip_address(text)) for text in ("93.184.216.34", "10.0.0.1", "::ffff:93.184.216.34")]
    [True, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address) and (
        address.ipv4_mapped or address.sixtofour or address.teredo or address in _NAT64 or address.is_site_local
    ):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def is_our_own(address: Address) -> bool:
    """Whether this is loopback or a private network, which an operator may open for one host."""
    return any(address in network for network in _OUR_OWN if network.version == address.version)


def allowed_addresses(host: str, found: Sequence[str], *, allow_private: bool) -> list[str]:
    """These addresses, where every one of them may be connected to. Raises `ChannelRefused` when one may not."""
    for text in found:
        address = ipaddress.ip_address(text.partition("%")[0])
        if not (is_public(address) or (allow_private and "%" not in text and is_our_own(address))):
            raise ChannelRefused(
                f"{host} is {address}, which is not an address of the open internet: nothing was sent. Correct the "
                "webhook's `url`; for a receiver in your own network set `allow_private = true`."
            )
    if not found:
        raise NotDelivered(f"The name {host} has no address here. Correct it, or look at this machine's DNS.")
    return list(found)


def connect(
    host: str, port: int, *, allow_private: bool, timeout_seconds: float, resolver: Resolve = resolve
) -> socket.socket:
    """A connection to one of the addresses that were judged. Raises `ChannelRefused` and `NotDelivered`."""
    trouble = ""
    found = allowed_addresses(host, resolver(host, port), allow_private=allow_private)
    for address in found[:MOST_ADDRESSES]:
        try:
            return socket.create_connection((address, port), timeout_seconds)
        except OSError as error:
            trouble = type(error).__name__
    raise NotDelivered(f"{host} cannot be reached on port {port} ({trouble}); nothing was sent.")
