"""What one simulated carrier says differently from the next: its requests, words, errors, pages and credentials.

The fleet, the clock, the faults, the limit and the log are the same for all of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from carriers.simulated.access import Tokens
from carriers.simulated.callbacks import Calls
from carriers.simulated.faults import Fault
from carriers.simulated.fleet import Fleet
from carriers.simulated.wire import Answer, Request, Wish

ELSEWHERE = "127.0.0.2:9"
"""Nobody listens there, and nobody should ask."""


class Dialect(Protocol):
    """Reads wishes from requests and answers them in one carrier's words. Not thread-safe: its owner holds the lock."""

    url: str
    """Where the server can be reached; set once it listens."""

    def admits(self, request: Request) -> bool:
        """Whether the request's credentials are good, or it asks for some and needs none."""

    def wish(self, request: Request) -> Wish:
        """What the request asks for; a request that makes no sense wishes for its refusal."""

    def unauthorized(self) -> Answer:
        """The answer to bad credentials."""

    def too_many(self, seconds: float | None) -> Answer:
        """429: come back in so many seconds, said as this carrier says it; None says nothing."""

    def broken(self, status: int) -> Answer:
        """An error of the carrier's own, with its usual body."""

    def reworded(self, answer: Answer, word: str | None) -> Answer:
        """The same with this status word for every SIM in it; None: as if a change of each were under way."""

    def repaged(self, answer: Answer, fault: Fault) -> Answer:
        """A page of a listing that repeats itself, that continues on `ELSEWHERE`, or that loses every second SIM.

        Where the carrier's pages cannot fail so, the page as it is.
        """


@dataclass(frozen=True, slots=True)
class Setting:
    """What a dialect works with."""

    fleet: Fleet
    tokens: Tokens
    credentials: Mapping[str, str] = field(repr=False)
    clock: Callable[[], float]
    calls: Calls
    webhook_url: str = field(default="", repr=False)  # whom to call, where that stands in the carrier's portal


@dataclass(frozen=True, slots=True)
class Simulation:
    """One carrier as it is simulated: the credentials that it takes, its own ids of SIMs, and its dialect.

    `bars`: its API has a word for a SIM that it bars by itself, so a SIM can be put into that state.
    """

    credentials: Mapping[str, str] = field(repr=False)
    reference_of: Callable[[str], str]
    open: Callable[[Setting], Dialect]
    bars: bool = False
