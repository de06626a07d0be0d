"""What passes between the simulated carrier's parts: a request as it came, the wish in it, the answer to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from carriers.simulated.faults import RequestKind
from carriers.simulated.fleet import Fate


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Repeated query or form fields keep their last value."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    authorization: str = field(default="", repr=False)


class Manner(StrEnum):
    """How an answer goes through the socket."""

    WHOLE = "whole"
    HALVED = "halved"  # half of the JSON, with a length that fits
    DRIBBLED = "dribbled"  # byte by byte
    TRUNCATED = "truncated"  # half of it, then the connection ends
    CLOSED = "closed"  # no answer; the connection ends in order
    RESET = "reset"  # no answer; the connection is torn down


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, and how. `effect` and `redundant` as in the log.

    `seconds`: the pause before the answer, or the time that a dribble takes.
    """

    status: int
    document: dict[str, object]
    effect: bool = False
    redundant: bool = False
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = Manner.WHOLE
    seconds: float = 0.0

    @property
    def lost(self) -> bool:
        """Whether the client cannot get all of it."""
        return self.manner in (Manner.CLOSED, Manner.RESET, Manner.TRUNCATED)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks for; `carry_out` has the effect, once."""

    kind: RequestKind
    iccid: str
    carry_out: Callable[[Fate], Answer]


def certain(kind: RequestKind, answer: Answer, iccid: str = "") -> Wish:
    """A wish that has no effect and one answer."""
    return Wish(kind, iccid, lambda _fate: answer)
