"""The ledger against a model of it: workers take, answer, sleep past their leases and wake, in any order."""

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import func, select

from domain.lifecycle import Step
from domain.manifests import ItemIdentity
from storage import audit, ledger, manifests
from storage.database import Database
from storage.ledger import Lease, Move
from storage.loading import LoadBlock, load_block
from storage.schema import history, operations
from tests.conftest import MovingClock

DELIVERY = ItemIdentity("inbox", "a.txt", "1")
SIMS, LEASE, QUIET = 4, 90.0, 300.0
ANSWERS = (Step.PLANNED, Step.ACCEPTED, Step.DONE, Step.UNKNOWN, Step.REJECTED)
LOOKS = {Step.ACCEPTED: (Step.DONE, Step.PLANNED, Step.ACCEPTED), Step.UNKNOWN: (Step.DONE, Step.PLANNED, Step.UNKNOWN)}


@dataclass
class Row:
    """What the model knows of one operation."""

    step: Step = Step.PLANNED
    fence: str | None = None
    due: float = 0.0
    intents: int = 0


@dataclass
class Held:
    """A lease that a worker believes in, whatever became of it."""

    fence: str
    steps: dict[int, Step] = field(default_factory=dict)


class LedgerMachine(RuleBasedStateMachine):
    """Every call of the ledger must do exactly what the model says."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copyfile(self.template, self.folder / "ledger.db")
        self.clock = MovingClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.database = Database(f"sqlite:///{self.folder / 'ledger.db'}", clock=self.clock)
        self.now, self.fences = 0.0, count()
        numbers = [f"8901410{number:012d}0" for number in range(SIMS)]
        block = LoadBlock(numbers, list(range(SIMS)), "tracker", "kore", "kore/eu", "DE")
        with self.database.begin() as tx:
            identity = ItemIdentity("inbox", "a.txt", "1")
            manifests.claim(tx, identity, fence="reader", lease_seconds=60, actor="test")
            load_block(tx, identity.manifest_id, block, tx.now())
        self.model = {number: Row() for number in range(1, SIMS + 1)}
        self.held: list[Held] = []

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)

    def lease(self) -> Lease:
        return Lease(f"fence-{next(self.fences)}", "worker", LEASE)

    def due(self, *steps: Step) -> set[int]:
        return {id_ for id_, row in self.model.items() if row.step in steps and row.due <= self.now}

    @rule(seconds=st.sampled_from([1.0, 30.0, LEASE, QUIET, 4000.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds
        self.clock.move(seconds)

    @rule(limit=st.integers(1, SIMS))
    def take_to_send(self, limit: int) -> None:
        lease, may = self.lease(), self.due(Step.PLANNED)
        with self.database.begin() as tx:
            taken = {one.id for one in ledger.take_to_send(tx, "kore", lease, limit=limit, deadline_seconds=86_400)}
        assert taken <= may
        assert len(taken) == min(limit, len(may))
        for id_ in taken:
            row = self.model[id_]
            row.step, row.fence, row.due, row.intents = Step.INTENT, lease.fence, self.now + LEASE, row.intents + 1
        self.held.append(Held(lease.fence, dict.fromkeys(taken, Step.INTENT)))

    @rule(limit=st.integers(1, SIMS))
    def take_to_settle(self, limit: int) -> None:
        lease, may = self.lease(), self.due(Step.ACCEPTED, Step.UNKNOWN)
        with self.database.begin() as tx:
            taken = {one.id: one.step for one in ledger.take_to_settle(tx, "kore", lease, limit=limit)}
        assert taken.keys() <= may
        assert len(taken) == min(limit, len(may))
        for id_, step in taken.items():
            assert step is self.model[id_].step
            self.model[id_].fence, self.model[id_].due = lease.fence, self.now + LEASE
        self.held.append(Held(lease.fence, taken))

    @precondition(lambda self: any(held.steps for held in self.held))
    @rule(choice=st.data(), seconds=st.sampled_from([0.0, 5.0, QUIET]))
    def answer(self, choice: st.DataObject, seconds: float) -> None:
        """Of the newest leases or of one that was lost long ago."""
        held = choice.draw(st.sampled_from([held for held in self.held if held.steps]))
        id_ = choice.draw(st.sampled_from(sorted(held.steps)))
        source = held.steps.pop(id_)
        target = choice.draw(st.sampled_from(ANSWERS if source is Step.INTENT else LOOKS[source]))
        row = self.model[id_]
        mine = row.fence == held.fence
        with self.database.begin() as tx:
            if source is target:
                moved = ledger.look_again(tx, [id_], fence=held.fence, in_seconds=seconds)
            else:
                change = Move(source, target, "because", (id_,), due_in_seconds=seconds)
                moved = ledger.move(tx, change, actor="worker", fence=held.fence)
        assert moved == ([id_] if mine else [])
        if mine:
            row.step, row.fence, row.due = target, None, self.now + seconds

    @rule()
    def expire(self) -> None:
        lost = self.due(Step.INTENT)
        with self.database.begin() as tx:
            moved = ledger.expire_intents(tx, "kore", quiet_seconds=QUIET, limit=100, actor="worker")
        assert moved == len(lost)
        for id_ in lost:
            self.model[id_].step, self.model[id_].fence, self.model[id_].due = Step.UNKNOWN, None, self.now + QUIET

    @rule()
    def a_person_lets_the_refused_go_on(self) -> None:
        refused = {id_ for id_, row in self.model.items() if row.step is Step.REJECTED}
        with self.database.begin() as tx:
            change = Move(
                Step.REJECTED,
                Step.PLANNED,
                "rerun",
                ledger.at_step(tx, DELIVERY.manifest_id, Step.REJECTED),
            )
            assert set(ledger.move(tx, change, actor="ann", fence=None)) == refused
        for id_ in refused:
            self.model[id_] = Row(due=self.now, intents=self.model[id_].intents)

    @invariant()
    def the_rows_are_as_the_model_says(self) -> None:
        c, h = operations.c, history.c
        with self.database.read() as tx:
            rows = {row.id: (row.step, row.fence) for row in tx.execute(select(c.id, c.step, c.fence))}
            taken = select(h.operation_id, func.count()).where(h.to_step == "intent").group_by(h.operation_id)
            intents = dict(tx.execute(taken).tuples().all())
            assert list(audit.broken_histories(tx)) == []
        assert rows == {id_: (row.step.value, row.fence) for id_, row in self.model.items()}
        assert intents == {id_: row.intents for id_, row in self.model.items() if row.intents}


@pytest.mark.slow
def test_the_ledger_does_what_its_model_says(sqlite_template: Path) -> None:
    LedgerMachine.template = sqlite_template
    calm = settings(
        max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    run_state_machine_as_test(LedgerMachine, settings=calm)
