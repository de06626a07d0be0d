"""A carrier that queues imports: until it has come to a SIM, the SIM is absent, and that proves nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from carriers.contract import Answer, AnswerKind, CarrierSim, Gate, Order, Page
from domain.lifecycle import SimState, Step
from engine.sending import send_due
from engine.settling import settle_due
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig, iccids
from tests.engine.scripted import ScriptedCarrier

COUNT = 7
QUIET, QUEUE = 60.0, 3600.0


@dataclass
class QueueCarrier(ScriptedCarrier):
    """Takes every SIM into its queue; `there` says how many have come out of it."""

    there: int = 0

    def submit(self, orders: Sequence[Order], gate: Gate) -> Sequence[Answer]:
        super().submit(orders, gate)
        return [Answer(order.iccid, AnswerKind.QUEUED) for order in orders]

    def read(self, iccid: str, gate: Gate) -> CarrierSim:
        super().read(iccid, gate)
        return CarrierSim(iccid, SimState.ABSENT, "")

    def page(self, query: object, cursor: str | None, gate: Gate) -> Page:  # noqa: ARG002
        gate.wait_for_slot()
        return Page(tuple(CarrierSim(iccid, SimState.ACTIVE, "active") for iccid in iccids(self.there)), None)


@pytest.fixture
def queue() -> QueueCarrier:
    carrier = QueueCarrier()
    carrier.can(claims=False, imports=True, orders_per_request=100, page_size=100, filters_by_state=False)
    return carrier


@pytest.fixture
def rig(scripted_rig: Rig, queue: QueueCarrier) -> Rig:
    work = replace(scripted_rig.context.carriers[ACCOUNT], carrier=queue, quiet_seconds=QUIET, queue_seconds=QUEUE)
    rig = scripted_rig.but(carriers={ACCOUNT: work})
    rig.load(COUNT)
    send_due(rig.context, ACCOUNT)
    return rig


def settle(rig: Rig, clock: MovingClock, seconds: float) -> dict[Step, int]:
    clock.move(seconds)
    settle_due(rig.context, ACCOUNT)
    send_due(rig.context, ACCOUNT)
    return rig.steps()


def test_a_sim_in_the_queue_is_neither_read_by_itself_nor_asked_for_again(
    rig: Rig, queue: QueueCarrier, moving_clock: MovingClock
) -> None:
    assert settle(rig, moving_clock, QUIET + 30) == {Step.SENT: COUNT}
    queue.there = 2
    assert settle(rig, moving_clock, 900) == {Step.DONE: 2, Step.SENT: COUNT - 2}
    assert (len(queue.submitted), queue.read_iccids) == (COUNT, [])


def test_a_sim_that_never_comes_out_of_the_queue_is_read_and_asked_for_again(
    rig: Rig, queue: QueueCarrier, moving_clock: MovingClock
) -> None:
    queue.there = COUNT - 1
    settle(rig, moving_clock, QUEUE + 30)
    assert queue.read_iccids == iccids(COUNT)[-1:]
    assert [order.iccid for order in queue.submitted[COUNT:]] == iccids(COUNT)[-1:]
