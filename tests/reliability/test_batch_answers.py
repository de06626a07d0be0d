"""A request for many SIMs is answered in part: what it leaves out is read, what it refuses ends, none is repeated."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from carriers.contract import Answer, AnswerKind, CarrierSim, Gate, Order
from domain.lifecycle import SimState, Step
from engine.invariants import violations
from engine.sending import send_due
from engine.settling import settle_due
from storage.database import Database
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig, iccids, open_rig, stock
from tests.engine.scripted import REFERENCE, ScriptedCarrier, TurnedStopwatch
from tests.reliability.world import QUIET_SECONDS

UNHEARD, UNDONE, REFUSED, *GOOD = iccids(6)


@dataclass
class Forgetful(ScriptedCarrier):
    """Does all but two of a request's SIMs, refuses one, and in its first answer says nothing of two."""

    active: set[str] = field(default_factory=set)
    requests: list[list[str]] = field(default_factory=list)

    def submit(self, orders: Sequence[Order], gate: Gate) -> Sequence[Answer]:
        gate.wait_for_slot()
        asked = [order.iccid for order in orders]
        is_first = not self.requests
        self.requests.append(asked)
        self.active |= set(asked) - ({UNDONE, REFUSED} if is_first else set())
        return [self._answer(iccid) for iccid in asked if not (is_first and iccid in (UNHEARD, UNDONE))]

    def _answer(self, iccid: str) -> Answer:
        if iccid == REFUSED:
            return Answer(iccid, AnswerKind.REJECTED, reason="barred", detail="It is barred.")
        return Answer(iccid, AnswerKind.DONE, carrier_reference=REFERENCE)

    def read(self, iccid: str, gate: Gate) -> CarrierSim:
        gate.wait_for_slot()
        self.read_iccids.append(iccid)
        state = SimState.ACTIVE if iccid in self.active else SimState.INACTIVE
        return CarrierSim(iccid, state, state.value, REFERENCE, "HF" + "1" * 32)


def opened(database: Database, clock: MovingClock, folder: Path) -> tuple[Rig, Forgetful]:
    stock(database)
    carrier = Forgetful()
    carrier.can(claims=False, orders_per_request=6, page_size=0)
    rig = open_rig(database, carrier, folder, quiet_seconds=QUIET_SECONDS)
    return rig.but(stopwatch=TurnedStopwatch(clock)), carrier


def test_ids_missing_from_a_batchs_answer_are_read_and_only_what_had_no_effect_is_asked_for_again(
    database: Database, moving_clock: MovingClock, tmp_path: Path
) -> None:
    rig, carrier = opened(database, moving_clock, tmp_path)
    rig.load(6)
    send_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.DONE: 3, Step.REJECTED: 1, Step.UNKNOWN: 2}
    moving_clock.move(QUIET_SECONDS - 1)
    settle_due(rig.context, ACCOUNT)
    assert carrier.read_iccids == [], "read before the quiet period was over"
    moving_clock.move(1)
    settle_due(rig.context, ACCOUNT)
    assert sorted(carrier.read_iccids) == [UNHEARD, UNDONE]
    assert rig.steps() == {Step.DONE: 4, Step.REJECTED: 1, Step.UNKNOWN: 1}, (
        "the request may have left late in its lease"
    )
    moving_clock.move(rig.context.timing.lease_seconds)
    settle_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.DONE: 4, Step.REJECTED: 1, Step.PLANNED: 1}
    send_due(rig.context, ACCOUNT)
    assert rig.steps() == {Step.DONE: 5, Step.REJECTED: 1}
    assert [sorted(asked) for asked in carrier.requests] == [sorted(iccids(6)), [UNDONE]]
    assert violations(rig.context, inputs=rig.inputs) == []
