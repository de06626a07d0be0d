"""Everything the engine works with, handed in by whoever calls it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from carriers.contract import Carrier
from channels.contract import Channel
from domain.alert_rules import Thresholds
from domain.brake import Brake
from domain.file_limits import USUAL_LIMITS, FileLimits
from domain.iccid import IssuerProfile
from domain.invoices import InvoiceColumns
from domain.pacing import Pace
from domain.reconciling import ReconciliationRules
from domain.usage import UsageRules
from storage.database import Database, Transaction
from storage.shelf.shelf import Shelf
from storage.sources.contract import Source
from storage.vault import Vault

_AWAKE_OR_NOT: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux stops CLOCK_MONOTONIC, and with it `time.monotonic`, while a laptop or a virtual machine is suspended."""


class Stopwatch(Protocol):
    """Elapsed time and sleep; wall-clock time comes from the database."""

    def monotonic(self) -> float:
        """Seconds that never step."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class RealStopwatch:
    """The machine's."""

    def monotonic(self) -> float:
        """Seconds that never step and go on while the machine sleeps: its leases do not wait for it."""
        return time.clock_gettime(_AWAKE_OR_NOT)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient the engine is. Seconds."""

    lease_seconds: float = 90.0
    lease_margin_seconds: float = 5.0
    file_lease_seconds: float = 900.0
    deadline_seconds: float = 86_400.0
    poll_first_seconds: float = 5.0
    poll_longest_seconds: float = 900.0
    attempts: int = 5  # lost requests of one stage before a person is asked
    circuit_failures: int = 5  # failures in a row that pause a carrier
    circuit_seconds: float = 30.0  # the first pause; doubles with each further failure


@dataclass(frozen=True, slots=True)
class CarrierAtWork:
    """One carrier account with its pace."""

    carrier: Carrier
    pace: Pace
    threads: int = 8
    timeout_seconds: float = 30.0  # of one request, connect and read together
    quiet_seconds: float = 300.0  # request timeout + the carrier's documented lag
    queue_seconds: float = 0.0  # how long a queued change may stay unseen
    poll_first_seconds: float | None = None  # of this carrier; None: the engine's own
    callback_secret: str | None = field(default=None, repr=False)  # in the address of its callbacks; None: none come


@dataclass(frozen=True, slots=True)
class Progress:
    """One piece of news for whoever watches. `total` is None while it is not known."""

    stage: str
    done: int
    total: int | None = None
    manifest_id: str | None = None
    carrier_account: str | None = None


def nobody_watches(_news: Progress) -> None:
    """The default watcher."""


def nobody_stops() -> bool:
    """The default: the work goes on to its own end."""
    return False


def nothing_happens(_label: str) -> None:
    """The default for labelled points; a kill test ends its process here."""


@dataclass(frozen=True)
class Context:
    """What every engine function takes first."""

    database: Database
    carriers: Mapping[str, CarrierAtWork]
    issuers: Sequence[IssuerProfile]
    sources: Mapping[str, Source]
    vault: Vault
    scratch: Path  # where files are read and receipts are made before they go to their source
    worker: str  # host, process and a random part: who holds a lease
    timing: Timing = Timing()
    brake: Brake = field(default_factory=Brake)
    usage_rules: UsageRules = field(default_factory=UsageRules)
    reconciliation: ReconciliationRules = field(default_factory=ReconciliationRules)
    invoices: Mapping[str, InvoiceColumns] = field(default_factory=dict)  # of carrier accounts that send them
    expected_bytes: int = 5_000_000  # a SIM's expected use per month, for the choice among plans
    file_limits: FileLimits = USUAL_LIMITS
    thresholds: Thresholds = field(default_factory=Thresholds)
    channels: Sequence[Channel] = ()  # where alerts go
    shelf: Shelf | None = None  # where reports are kept
    keep_days: int = 400  # and how long
    stopwatch: Stopwatch = field(default_factory=RealStopwatch)
    watch: Callable[[Progress], None] = nobody_watches
    at: Callable[[str], None] = nothing_happens
    is_stopping: Callable[[], bool] = nobody_stops  # asked before each request: once True, none leaves any more
    slots: dict[str, Any] = field(default_factory=dict)  # engine.gate.Slots of each carrier account, made when needed

    def __post_init__(self) -> None:
        for name, work in self.carriers.items():
            if self.timing.lease_seconds <= work.timeout_seconds + self.timing.lease_margin_seconds:
                raise ValueError(
                    f"A lease of {self.timing.lease_seconds:g} s ends before a request to {name} must be answered "
                    f"({work.timeout_seconds:g} s) with the margin ({self.timing.lease_margin_seconds:g} s): nothing "
                    "could ever be sent. Lengthen `lease_seconds` or shorten the account's `timeout_seconds`."
                )

    def poll_first_seconds(self, account: str) -> float:
        """When a SIM is looked at for the first time after its change was accepted."""
        own = self.carriers[account].poll_first_seconds
        return self.timing.poll_first_seconds if own is None else own

    @contextmanager
    def commit(self, what: str) -> Iterator[Transaction]:
        """One transaction, with the labelled points `before-WHAT-commit` and `after-WHAT-commit`."""
        with self.database.begin() as tx:
            yield tx
            self.at(f"before-{what}-commit")
        self.at(f"after-{what}-commit")
