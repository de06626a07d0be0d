"""What passes between the simulated carrier's parts: a request as it came, the wish in it, the answer to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from carriers.simulated.faults import RequestKind
from carriers.simulated.fleet import Fate


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Repeated query or form fields keep their last value; names of headers are in lower case.

    `document` is a JSON body, None where there is none. `arrived_at` (epoch seconds): None means now.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    document: object = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    arrived_at: float | None = None


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
    """What is answered, and how. `effects` and `redundant` name SIMs, as in the log. A `document` of None has no body.

    `seconds`: the pause before the answer, or the time that a dribble takes.
    """

    status: int
    document: object = None
    effects: tuple[str, ...] = ()
    redundant: tuple[str, ...] = ()
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = Manner.WHOLE
    seconds: float = 0.0

    @property
    def lost(self) -> bool:
        """Whether the client cannot get all of it."""
        return self.manner in (Manner.CLOSED, Manner.RESET, Manner.TRUNCATED)


Fates = Callable[[str], Fate]
"""ICCID -> how its change goes on."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks for, and for which SIMs; `carry_out` has the effect, once."""

    kind: RequestKind
    iccids: tuple[str, ...]
    carry_out: Callable[[Fates], Answer]


def told(answer: Answer, iccid: str, *, effect: bool) -> Answer:
    """The same, as an answer that had its effect on this SIM, or found nothing to change."""
    return replace(answer, effects=(iccid,)) if effect else replace(answer, redundant=(iccid,))


def fields_of(document: object) -> dict[str, object]:
    """A JSON object's fields; none of anything else."""
    return document if isinstance(document, dict) else {}


def certain(kind: RequestKind, answer: Answer, *iccids: str) -> Wish:
    """A wish that has no effect and one answer."""
    return Wish(kind, iccids, lambda _fates: answer)
