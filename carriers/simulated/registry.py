"""Which carriers can be simulated. One line per dialect."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from carriers.simulated.access import Keys
from carriers.simulated.carrier import Options, SimulatedCarrier


@dataclass(frozen=True, slots=True)
class Dialect:
    """A carrier's protocol: the secrets that it takes, which are none, and how it opens."""

    credentials: dict[str, str]
    open: Callable[[Options], SimulatedCarrier]


class NoSuchDialect(Exception):
    """Nobody has simulated this carrier. The sentence says which there are."""


_KEYS = Keys()

DIALECTS: dict[str, Dialect] = {
    "supersim": Dialect(
        {
            "account_sid": _KEYS.account_sid,
            "auth_token": _KEYS.auth_token,
            "client_id": _KEYS.client_id,
            "client_secret": _KEYS.client_secret,
        },
        SimulatedCarrier,
    ),
}


def dialect_of(carrier: str) -> Dialect:
    """The dialect of this name, as carriers.toml writes it. Raises `NoSuchDialect`."""
    if carrier not in DIALECTS:
        near = get_close_matches(carrier, DIALECTS, n=1) or sorted(DIALECTS)
        raise NoSuchDialect(f"There is no simulated carrier {carrier!r}. Known: {', '.join(near)}.")
    return DIALECTS[carrier]
