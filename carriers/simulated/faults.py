"""What can go wrong at a simulated carrier, how often, and with which requests. Seeded: the same run fails alike."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TypeVar


class RequestKind(StrEnum):
    """What a request is about."""

    CLAIM = "claim"
    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    RELEASE = "release"
    READ = "read"
    LIST = "list"
    FOLLOW = "follow"  # about a job or an action
    USAGE = "usage"
    TOKEN = "token"  # noqa: S105
    OTHER = "other"


class Fault(StrEnum):
    """One way to fail. "Before" and "after" are before and after the effect."""

    ERROR_500 = "error_500"  # before
    ERROR_502 = "error_502"
    ERROR_503 = "error_503"
    ERROR_504 = "error_504"
    ERROR_AFTER_EFFECT = "error_after_effect"  # 500, and yet it was done
    LIMITED = "limited"  # 429 with Retry-After
    LIMITED_SILENT = "limited_silent"  # 429 without
    REDIRECT = "redirect"  # to another host
    TOKEN_EXPIRES = "token_expires"  # noqa: S105 - 401; every token is void
    ERROR_INSIDE = "error_inside"  # 200 around an error body, before
    RESET = "reset"  # connection reset, before
    HANG = "hang"  # silence for `slow_seconds`, then the connection closes; before
    SLOW = "slow"  # done at once, answered after `slow_seconds`
    LOST_REPLY = "lost_reply"  # done, and the connection closes without an answer
    LATE_EFFECT = "late_effect"  # no answer; done `late_seconds` later
    DRIBBLE = "dribble"  # the answer comes byte by byte over `slow_seconds`
    TRUNCATED = "truncated"  # the connection closes in mid-answer
    INVALID_JSON = "invalid_json"
    STUCK = "stuck"  # accepted, then never
    FALLS_BACK = "falls_back"  # accepted, then the old status again
    FLAPS = "flaps"  # a settled SIM shows as changing in this one answer
    UNKNOWN_WORD = "unknown_word"  # the status reads `word`
    PAGE_REPEATS = "page_repeats"  # the next page is this page
    PAGE_FOREIGN = "page_foreign"  # the next page is on another host
    PAGE_LOSES = "page_loses"  # every second SIM is missing


class CallbackFault(StrEnum):
    """One way in which a callback goes wrong."""

    LOST = "lost"
    TWICE = "twice"
    EARLY = "early"  # half-way, before it is true; none comes when it is
    FORGED = "forged"  # early, and signed by somebody else


ANY = frozenset(RequestKind)
CHANGES = frozenset({RequestKind.CLAIM, RequestKind.ACTIVATE, RequestKind.DEACTIVATE, RequestKind.RELEASE})
STATUS_CHANGES = CHANGES - {RequestKind.CLAIM}
SHOWS = frozenset({RequestKind.READ, RequestKind.LIST})
AUTHORIZED = ANY - {RequestKind.TOKEN, RequestKind.OTHER}

MEETS: dict[Fault, frozenset[RequestKind]] = {
    **dict.fromkeys(Fault, ANY),
    Fault.TOKEN_EXPIRES: AUTHORIZED,
    Fault.ERROR_INSIDE: AUTHORIZED,
    Fault.ERROR_AFTER_EFFECT: CHANGES,
    Fault.LATE_EFFECT: CHANGES,
    Fault.STUCK: STATUS_CHANGES,
    Fault.FALLS_BACK: STATUS_CHANGES,
    Fault.FLAPS: SHOWS,
    Fault.UNKNOWN_WORD: AUTHORIZED,
    Fault.PAGE_REPEATS: frozenset({RequestKind.LIST}),
    Fault.PAGE_FOREIGN: frozenset({RequestKind.LIST}),
    Fault.PAGE_LOSES: frozenset({RequestKind.LIST}),
}


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each fault meets a request, and which requests: empty sets mean all; and the same for callbacks.

    `first` n: only the first n requests of a kind for an ICCID can fail, so that every run comes to an end.
    """

    rates: Mapping[Fault, float] = field(default_factory=dict)
    kinds: frozenset[RequestKind] = frozenset()
    iccids: frozenset[str] = frozenset()
    first: int | None = None
    seed: int = 0
    slow_seconds: float = 1.0
    late_seconds: float = 1.0
    retry_after_seconds: int = 1
    word: str = "recalibrating"
    callbacks: Mapping[CallbackFault, float] = field(default_factory=dict)

    def decide(self, kind: RequestKind, iccid: str, nth: int) -> Fault | None:
        """The fault that the `nth` (from 1) request of this kind for this ICCID meets."""
        if not self.rates or not self._concerns(kind, iccid, nth):
            return None
        rates = {fault: rate for fault, rate in self.rates.items() if kind in MEETS[fault]}
        return _drawn(rates, f"{self.seed}|{kind}|{iccid}|{nth}")

    def decide_callback(self, iccid: str, nth: int) -> CallbackFault | None:
        """The fault that the `nth` (from 1) callback about this ICCID meets."""
        if not self.callbacks or not self._reaches(iccid, nth):
            return None
        return _drawn(self.callbacks, f"{self.seed}|callback|{iccid}|{nth}")

    def _concerns(self, kind: RequestKind, iccid: str, nth: int) -> bool:
        return (not self.kinds or kind in self.kinds) and self._reaches(iccid, nth)

    def _reaches(self, iccid: str, nth: int) -> bool:
        return (not self.iccids or iccid in self.iccids) and (self.first is None or nth <= self.first)


_F = TypeVar("_F", bound=StrEnum)


def _drawn(rates: Mapping[_F, float], seed: str) -> _F | None:
    """One of these by its rate, or none; the same for the same seed."""
    draw = random.Random(seed).random()  # noqa: S311
    for fault, rate in rates.items():
        draw -= rate
        if draw < 0:
            return fault
    return None


def faults_from(document: Mapping[str, object]) -> Faults:
    """Faults out of JSON: `{"rates": {"reset": 0.1}, "kinds": ["claim"], "first": 1}`. Raises ValueError.

    >>> faults_from({"rates": {"reset": 1.0}, "first": 1}).decide(RequestKind.READ, "", 1)
    <Fault.RESET: 'reset'>
    >>> faults_from({"rate": {}})
    Traceback (most recent call last):
    ValueError: There is no fault setting 'rate'.
    """
    known = {each.name for each in fields(Faults)}
    for name in document:
        if name not in known:
            raise ValueError(f"There is no fault setting {name!r}.")
    settings: dict[str, object] = dict(document)
    rates, callbacks, kinds, iccids = (settings.pop(name, None) for name in ("rates", "callbacks", "kinds", "iccids"))
    if not isinstance(rates, Mapping | None) or not isinstance(callbacks, Mapping | None):
        raise ValueError("`rates` and `callbacks` are objects.")
    if not isinstance(kinds, list | None):
        raise ValueError("`kinds` is a list.")
    return Faults(
        rates={Fault(name): float(rate) for name, rate in (rates or {}).items()},
        callbacks={CallbackFault(name): float(rate) for name, rate in (callbacks or {}).items()},
        kinds=frozenset(RequestKind(kind) for kind in kinds or ()),
        iccids=frozenset(str(iccid) for iccid in (iccids if isinstance(iccids, list) else ())),
        **settings,  # type: ignore[arg-type]
    )


def faults_as_json(faults: Faults) -> dict[str, object]:
    """The same as JSON."""
    return {
        each.name: sorted(setting) if isinstance(setting := getattr(faults, each.name), frozenset) else setting
        for each in fields(Faults)
    }
