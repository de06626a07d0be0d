"""The contract that every carrier keeps. The engine knows carriers only through this file.

Three rules hold for every adapter:

* one call of `submit`, `read` or `page` makes at most one changing request (and, for carriers with short-lived
  tokens, first one request for a token; a request that a 401 turned away for its old token is made once more with a
  new one); each request passes the `Gate` before it leaves;
* `submit` never raises for a single SIM: it answers once per order, in the order given; `OutcomeUnknown`, `NotSent`
  and `LimitReached` are raised only when they hold for the whole request;
* an adapter never repeats a changing request by itself; reads may be repeated within a bound.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol, runtime_checkable

from domain.lifecycle import Action, SimState, Stage


class Gate(Protocol):
    """Holds a request back until the carrier's limit allows it. One gate belongs to one lease."""

    def wait_for_slot(self) -> None:
        """Return when one request may leave now. Raise `NotSent` when none may before the lease ends."""

    def told_to_wait(self, seconds: float) -> None:
        """The carrier said (429, reset header) that nothing may leave for `seconds`; holds for every worker."""


class OpenGate:
    """No limit and no lease: for reads by people and for tests."""

    def wait_for_slot(self) -> None:
        """Return at once."""

    def told_to_wait(self, seconds: float) -> None:
        """Nobody else is told."""


@dataclass(frozen=True, slots=True)
class Order:
    """One SIM's next changing request. `registration_code` is opened only here and never logged."""

    iccid: str
    action: Action
    stage: Stage
    carrier_reference: str | None = None  # the carrier's own id of the SIM, once known
    plan_reference: str | None = None  # the carrier's id of the plan (Super SIM: the Fleet's SID)
    home_country: str | None = None
    registration_code: str | None = field(default=None, repr=False)


class AnswerKind(StrEnum):
    """What the carrier made of one order."""

    DONE = "done"  # true already: nothing to wait for at this stage
    ACCEPTED = "accepted"  # this SIM's change is under way
    QUEUED = "queued"  # the request was taken; not a word about this SIM
    REJECTED = "rejected"  # refused for good
    REVIEW = "review"  # the answer contradicts itself or needs a person (somebody else's SIM)
    UNKNOWN = "unknown"  # no usable answer for this SIM


@dataclass(frozen=True, slots=True)
class Answer:
    """The carrier's answer for one order. `reason` is a stable word, `detail` a sentence without secrets."""

    iccid: str
    kind: AnswerKind
    reason: str = ""
    detail: str = ""
    carrier_reference: str | None = None
    carrier_request: str | None = None  # the carrier's own id of the job or action, to ask about it later
    state: SimState | None = None  # of a SIM whose claim is done, where the answer shows it; None: inactive


@dataclass(frozen=True, slots=True)
class CarrierSim:
    """What the carrier says of one SIM now. `word` is the carrier's own status word, kept for people."""

    iccid: str
    state: SimState
    word: str
    carrier_reference: str | None = None
    plan_reference: str | None = None
    msisdn: str | None = None
    imsi: str | None = None


@dataclass(frozen=True, slots=True)
class SimQuery:
    """Which SIMs to list. A carrier that cannot filter by `state` lists all; presence is evidence, absence is not."""

    state: SimState | None = None
    plan_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing. `next_cursor` is None on the last page."""

    sims: tuple[CarrierSim, ...]
    next_cursor: str | None


class UsageScope(StrEnum):
    """Whose usage one request can ask for."""

    NONE = "none"  # the carrier tells no usage
    SIM = "sim"  # of one SIM
    ACCOUNT = "account"  # of all SIMs, in pages


class UsageUnit(StrEnum):
    """How the carrier writes an amount of usage; adapters make whole bytes of it, and a megabyte is 1,000,000."""

    BYTES = "bytes"
    MB_TEXT = "MB as text"  # decimal digits in a string
    MB_NUMBER = "MB as a number"


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Whole days of `capabilities.usage_day_zone`, both ends included; of one SIM, or of all: see `usage`."""

    first: date
    last: date
    iccid: str | None = None
    carrier_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes of one SIM from `first` to `last`, days as in `UsageQuery`, both ends included. No answer is not zero.

    The SIM is named by its ICCID or, where the carrier's answer does not say it, by the carrier's own id.
    """

    first: date
    last: date
    total_bytes: int
    iccid: str | None = None
    carrier_reference: str | None = None


@dataclass(frozen=True, slots=True)
class UsagePage:
    """One page of usage. `next_cursor` is None on the last page.

    Where days are not UTC's, all that was asked for of one SIM stands on one page: a UTC day is made of two of them.
    """

    usages: tuple[Usage, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a carrier offers, as data: the engine chooses the cheapest way by it and `simline carriers` prints it."""

    carrier: str
    claims: bool  # a SIM must be claimed (Stage.CLAIM) before its state can change
    needs_registration_code: bool
    orders_per_request: int  # SIMs that one request for a change of state can name
    can_read: bool  # one SIM by its ICCID; without it an unknown outcome goes to a person
    page_size: int  # SIMs per page of the listing; 0: cannot list
    filters_by_state: bool
    quiet_seconds: float  # how long a lost request can still take effect after its timeout
    poll_first_seconds: float  # the first look after an acceptance
    states: tuple[SimState, ...]  # what can be requested
    repeatable: bool  # asking for a state that already holds changes nothing
    claims_per_request: int = 1  # SIMs that one claim can name
    alone: tuple[Action, ...] = ()  # actions of which one request names one SIM, whatever `orders_per_request` says
    imports: bool = False  # an activation brings the SIM into the account: until then it is absent
    follows: bool = False  # an answer may name a job or an action that can be asked about: keeps `Following` too
    calls_back: bool = False  # it can call us when something has changed: a hint, never a fact
    queue_seconds: float = 0.0  # a queued change may stay unseen so long, if that is longer than `quiet_seconds`
    reset_header: str = "Retry-After"  # where a 429 says when to come back; empty: nowhere
    usage: UsageScope = UsageScope.NONE  # other than NONE: keeps `Metering` too
    usage_unit: UsageUnit = UsageUnit.BYTES  # what the carrier writes; `Metering` tells bytes
    usage_by_day: bool = True  # False: one sum for the billing period so far
    usage_day_zone: str = "UTC"  # whose midnight ends a day that is told: the engine makes UTC days of others
    usage_kept_days: int = 0  # so far back can be asked; 0: the present billing period alone
    usage_lag_hours: float = 0.0  # so late can usage still be booked

    def at_most(self, stage: Stage, action: Action = Action.ACTIVATE) -> int:
        """SIMs that one changing request of this stage and action can name."""
        if stage is Stage.CLAIM:
            return self.claims_per_request
        return 1 if action in self.alone else self.orders_per_request


class Carrier(Protocol):
    """One carrier account, ready to talk to. Thread-safe: each thread has its own connection."""

    @property
    def capabilities(self) -> Capabilities:
        """What this carrier offers."""

    def submit(self, orders: Sequence[Order], gate: Gate) -> Sequence[Answer]:
        """Make the one changing request that asks for these orders: one stage, one action, all of one `batch_of`.

        Safe to repeat only as `capabilities.repeatable` says; the ledger decides, never the adapter.
        Raises `NotSent`, `LimitReached`, `OutcomeUnknown`, `CredentialsRefused`.
        """

    def batch_of(self, order: Order) -> str:
        """Orders may share a request where this word is the same; where a request names one SIM, any word will do."""

    def read(self, iccid: str, gate: Gate) -> CarrierSim:
        """What the carrier says of this SIM now; `SimState.ABSENT` when it is not in this account.

        Safe to repeat. Raises `ReadFailed`, `NotSent`, `LimitReached`, `CredentialsRefused`.
        """

    def page(self, query: SimQuery, cursor: str | None, gate: Gate) -> Page:
        """One page of the SIMs in this account. Safe to repeat; raises as `read` does."""

    def check(self) -> str:
        """One harmless read that proves address and credentials; a sentence for people. Raises `CarrierError`."""

    def close(self) -> None:
        """Give the connections back."""


@runtime_checkable
class Following(Protocol):
    """A carrier whose answers may name a job or an action that can be asked about (`capabilities.follows`)."""

    def follow(self, carrier_request: str, iccids: Sequence[str], gate: Gate) -> Sequence[Answer]:
        """How a job or action stands, for these of its SIMs. Safe to repeat; raises as `Carrier.read` does.

        DONE and REJECTED are final, with the carrier's reason; ACCEPTED is under way; UNKNOWN tells nothing.
        """


@runtime_checkable
class Metering(Protocol):
    """A carrier that tells how much its SIMs used (`capabilities.usage`)."""

    def usage(self, query: UsageQuery, cursor: str | None, gate: Gate) -> UsagePage:
        """One page of usage in whole bytes, whatever unit the carrier speaks. Safe to repeat; raises as `page` does."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A carrier's call as it came in, whoever made it. `query` is undecoded; names of headers are in lower case."""

    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    received_at: float = 0.0  # epoch seconds


@dataclass(frozen=True, slots=True)
class Heard:
    """The SIM that a callback is about, by its ICCID or by the carrier's own id. What happened to it must be read."""

    iccid: str | None = None
    carrier_reference: str | None = None


@runtime_checkable
class Calling(Protocol):
    """A carrier that can call us when something has changed (`capabilities.calls_back`)."""

    def heard(self, callback: Callback) -> Heard | None:
        """Which SIM the callback is about; None when it names none. Sends nothing.

        Raises `Forged` where the carrier signs its calls and this signature is not right.
        """


@dataclass(frozen=True, slots=True)
class CarrierAccount:
    """How to reach one account of one carrier. Several accounts of one carrier stand side by side.

    `options` are the carrier's own settings (auth kind, host); `secrets` are opened only by the adapter.
    """

    name: str
    carrier: str
    base_url: str
    options: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = 30.0
