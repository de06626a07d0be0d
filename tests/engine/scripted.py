"""A carrier without a wire, which answers as the test says, and a stopwatch that tests turn."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from carriers.contract import Answer, AnswerKind, Capabilities, CarrierSim, Gate, Order, Page, SimQuery
from carriers.supersim import CAPABILITIES
from domain.lifecycle import SimState
from tests.conftest import MovingClock

REFERENCE = "HS" + "0" * 32


def done(order: Order) -> Answer:
    """The order is true already."""
    return Answer(order.iccid, AnswerKind.DONE, carrier_reference=REFERENCE)


def active(iccid: str) -> CarrierSim:
    """The SIM is active."""
    return CarrierSim(iccid, SimState.ACTIVE, "active", REFERENCE, "HF" + "1" * 32)


@dataclass
class ScriptedCarrier:
    """Keeps `carriers.contract.Carrier`; every request passes the gate and is remembered."""

    answer: Callable[[Order], Answer] = done
    show: Callable[[str], CarrierSim] = active
    capabilities: Capabilities = CAPABILITIES
    pages: Sequence[Page] = ()
    submitted: list[Order] = field(default_factory=list)
    read_iccids: list[str] = field(default_factory=list)
    queries: list[SimQuery] = field(default_factory=list)

    def can(self, **changes: object) -> "ScriptedCarrier":
        """With other capabilities."""
        self.capabilities = replace(self.capabilities, **changes)  # type: ignore[arg-type]
        return self

    def submit(self, orders: Sequence[Order], gate: Gate) -> Sequence[Answer]:
        gate.wait_for_slot()
        self.submitted.extend(orders)
        return [self.answer(order) for order in orders]

    def batch_of(self, order: Order) -> str:
        return order.home_country or ""

    def read(self, iccid: str, gate: Gate) -> CarrierSim:
        gate.wait_for_slot()
        self.read_iccids.append(iccid)
        return self.show(iccid)

    def page(self, query: SimQuery, cursor: str | None, gate: Gate) -> Page:
        gate.wait_for_slot()
        self.queries.append(query)
        return self.pages[int(cursor or 0)]

    def check(self) -> str:
        return "It is there."

    def close(self) -> None:
        pass


class TurnedStopwatch:
    """Stands still but for sleeps, which take no time at all; the database's clock goes with it, if it is given."""

    def __init__(self, clock: MovingClock | None = None) -> None:
        self.time = 1000.0
        self._clock = clock
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        """Let time go by."""
        self.time += seconds
        if self._clock:
            self._clock.move(seconds)
