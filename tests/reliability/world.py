"""An engine and its simulated carrier, seen together: what was asked, what took effect, what the ledger says."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.log import changing_requests, effect_counts
from carriers.simulated.server import SimulatedCarrierServer
from domain.lifecycle import OPEN_STEPS, Step
from domain.pacing import Window
from engine.invariants import CarrierLog, violations
from engine.sending import send_due
from engine.settling import settle_due
from storage import limits
from storage.limits import Circuit
from storage.schema import operations
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig

QUIET_SECONDS = 60.0
LIMITS = (Window(1000, 1),)


@dataclass
class World:
    """What a test of faults sees."""

    rig: Rig
    server: SimulatedCarrierServer
    clock: MovingClock

    def fail(self, *faults: Fault, kinds: Sequence[RequestKind] = (), first: int | None = 1, **settings: float) -> None:
        """From now on the first such requests of each SIM meet one of these faults."""
        rates = {fault: 1.0 / len(faults) for fault in faults}
        self.server.carrier.faults = Faults(rates, frozenset(kinds), first=first, **settings)  # type: ignore[arg-type]

    def heal(self) -> None:
        """Nothing fails any more."""
        self.server.carrier.faults = Faults()

    def send(self) -> dict[Step, int]:
        """One lease; operations by step."""
        send_due(self.rig.context, ACCOUNT)
        return self.rig.steps()

    def settle(self) -> dict[Step, int]:
        """One lease; operations by step."""
        settle_due(self.rig.context, ACCOUNT)
        return self.rig.steps()

    def claim(self) -> None:
        """Send until every SIM is claimed and waits for its change."""
        self.send()

    def go_on(self, seconds: float = 1800.0, step_seconds: float = 15.0) -> dict[Step, int]:
        """Work for so long, or until everything has ended; operations by step."""
        ends = self.clock().timestamp() + seconds
        while self.clock().timestamp() < ends and not self.is_over():
            while send_due(self.rig.context, ACCOUNT).taken or settle_due(self.rig.context, ACCOUNT).taken:
                pass
            self.clock.move(step_seconds)
        return self.rig.steps()

    def is_over(self) -> bool:
        """Whether nothing moves by itself any more."""
        return not set(self.rig.steps()) & {Step.PLANNED, *OPEN_STEPS}

    def requests(self) -> dict[str, int]:
        """Changing requests that reached the carrier, by kind."""
        return dict(Counter(entry.kind.value for entry in changing_requests(self.server.carrier.log.entries())))

    def effects(self) -> set[int]:
        """How often each claim and each activation took effect: {1} when each did once."""
        return set(effect_counts(self.server.carrier.log.entries()).values())

    def attempts(self) -> list[int]:
        """Attempts that counted, by SIM."""
        with self.rig.context.database.read() as tx:
            return list(tx.execute(select(operations.c.attempt).order_by(operations.c.id)).scalars())

    def details(self) -> list[str]:
        """The sentence on each SIM."""
        with self.rig.context.database.read() as tx:
            return list(tx.execute(select(operations.c.detail).order_by(operations.c.id)).scalars())

    def circuit(self) -> Circuit:
        """Whether the carrier is asked."""
        with self.rig.context.database.read() as tx:
            return limits.circuit(tx, ACCOUNT)

    def broken(self) -> list[str]:
        """Every breach of the promise."""
        log = CarrierLog(ACCOUNT, self.server.carrier.log.entries(), LIMITS)
        return [f"{one.invariant}: {one.sentence}" for one in violations(self.rig.context, [log], self.rig.inputs)]
