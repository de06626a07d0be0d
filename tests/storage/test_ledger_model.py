"""The ledger against a model of it: workers take, answer, sleep past their leases and wake, in any order."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from domain.lifecycle import Step
from domain.manifests import ItemIdentity
from storage import audit, hints, ledger, manifests
from storage.database import Database
from storage.ledger import Lease, Move
from storage.loading import LoadBlock, load_block
from storage.schema import history, operations
from tests.conftest import MovingClock
from tests.postgres import postgres_database

DELIVERY = ItemIdentity("inbox", "a.txt", "1")
START = datetime(2026, 3, 1, tzinfo=UTC)
SIMS, LEASE, QUIET, FLOOR = 4, 90.0, 300.0, 5.0
NUMBERS = [f"8901410{number:012d}0" for number in range(SIMS)]
EXAMPLES = {"sqlite": 60, "postgresql": 10}
ANSWERS = (Step.PLANNED, Step.ACCEPTED, Step.DONE, Step.UNKNOWN, Step.REJECTED)
LOOKS = {Step.ACCEPTED: (Step.DONE, Step.PLANNED, Step.ACCEPTED), Step.UNKNOWN: (Step.DONE, Step.PLANNED, Step.UNKNOWN)}


@dataclass
class Row:
    """What the model knows of one operation."""

    step: Step = Step.PLANNED
    fence: str | None = None
    due: float = 0.0
    intents: int = 0
    looked: float = -FLOOR
    hinted: float | None = None

    def let_go(self, step: Step, due: float) -> None:
        """Whoever held it moved it there; a hint that came meanwhile counts where the carrier's word is missing."""
        sooner = [self.hinted] if self.hinted is not None and step is Step.ACCEPTED else []
        self.step, self.fence, self.due, self.hinted = step, None, min([due, *sooner]), None


@dataclass
class Held:
    """A lease that a worker believes in, whatever became of it."""

    fence: str
    steps: dict[int, Step] = field(default_factory=dict)


@dataclass(frozen=True)
class Template:
    """A database that nobody uses, and the server that it is on, if it is on one."""

    url: str
    server: str | None
    folder: Path

    @contextmanager
    def copied(self) -> Iterator[str]:
        """The address of a copy: an example leaves history, and that stays."""
        name = str(make_url(self.url).database)
        if self.server is None:
            shutil.copyfile(name, self.folder / "example.db")
            yield f"sqlite:///{self.folder / 'example.db'}"
            return
        with postgres_database(self.server, f"TEMPLATE {name}") as (_, copy):
            yield copy


class LedgerMachine(RuleBasedStateMachine):
    """Every call of the ledger must do exactly what the model says."""

    template: Template

    def __init__(self) -> None:
        super().__init__()
        self.clock = MovingClock(START)
        self.opened = ExitStack()
        self.database = Database(self.opened.enter_context(self.template.copied()), clock=self.clock)
        self.now, self.fences = 0.0, count()
        block = LoadBlock(NUMBERS, list(range(SIMS)), "tracker", "kore", "kore/eu", "DE")
        with self.database.begin() as tx:
            manifests.claim(tx, DELIVERY, fence="reader", lease_seconds=60, actor="test")
            load_block(tx, DELIVERY.manifest_id, block, tx.now())
            self.numbers = dict(tx.execute(select(operations.c.id, operations.c.iccid)).tuples().all())
        self.model = {id_: Row() for id_ in self.numbers}
        self.held: list[Held] = []

    def teardown(self) -> None:
        """A transition that was not told, or was told wrongly, is so to the end: the history only grows."""
        with self.database.read() as tx:
            assert list(audit.broken_histories(tx)) == []
        self.database.close()
        self.opened.close()

    def lease(self) -> Lease:
        return Lease(f"fence-{next(self.fences)}", "worker", LEASE)

    def due(self, *steps: Step) -> set[int]:
        return {id_ for id_, row in self.model.items() if row.step in steps and row.due <= self.now}

    def some_are(self, *steps: Step) -> bool:
        return any(row.step in steps for row in self.model.values())

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

    @precondition(lambda self: self.some_are(Step.ACCEPTED, Step.UNKNOWN))
    @rule(limit=st.integers(1, SIMS))
    def take_to_settle(self, limit: int) -> None:
        lease, may = self.lease(), self.due(Step.ACCEPTED, Step.UNKNOWN)
        with self.database.begin() as tx:
            taken = {one.id: one.step for one in ledger.take_to_settle(tx, "kore", lease, limit=limit)}
        assert taken.keys() <= may
        assert len(taken) == min(limit, len(may))
        for id_, step in taken.items():
            assert step is self.model[id_].step
            row = self.model[id_]
            row.fence, row.due, row.looked, row.hinted = lease.fence, self.now + LEASE, self.now, None
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
            row.let_go(target, self.now + seconds)

    @precondition(lambda self: self.some_are(Step.INTENT, Step.ACCEPTED))
    @rule(choice=st.data())
    def a_carrier_calls(self, choice: st.DataObject) -> None:
        """A hint: it brings forward what nobody holds, and stands beside what somebody holds, once."""
        id_ = choice.draw(st.sampled_from(sorted(self.model)))
        row = self.model[id_]
        soonest = max(self.now, row.looked + FLOOR)
        free = row.fence is None and row.step is Step.ACCEPTED and row.due > soonest
        held = row.fence is not None and row.step in (Step.INTENT, Step.ACCEPTED) and row.hinted is None
        named = {"iccid": self.numbers[id_], "carrier_reference": None}
        with self.database.begin() as tx:
            assert hints.bring_forward(tx, hints.later_looks(tx, "kore", floor_seconds=FLOOR, **named)) == (
                free or held
            )
        if free:
            row.due = soonest
        if held:
            row.hinted = soonest

    @precondition(lambda self: self.some_are(Step.INTENT))
    @rule()
    def expire(self) -> None:
        lost = self.due(Step.INTENT)
        with self.database.begin() as tx:
            moved = ledger.expire_intents(tx, "kore", quiet_seconds=QUIET, limit=100, actor="worker")
        assert moved == len(lost)
        for id_ in lost:
            self.model[id_].let_go(Step.UNKNOWN, self.now + QUIET)

    @precondition(lambda self: self.some_are(Step.REJECTED))
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
            self.model[id_].let_go(Step.PLANNED, self.now)

    @invariant()
    def the_rows_are_as_the_model_says(self) -> None:
        c, h = operations.c, history.c
        with self.database.read() as tx:
            columns = select(c.id, c.step, c.fence, c.due_at, c.hinted_at)
            rows = {row.id: (row.step, row.fence, row.due_at, row.hinted_at) for row in tx.execute(columns)}
            taken = select(h.operation_id, func.count()).where(h.to_step == "intent").group_by(h.operation_id)
            intents = dict(tx.execute(taken).tuples().all())
        assert rows == {
            id_: (row.step.value, row.fence, _at(row.due), None if row.hinted is None else _at(row.hinted))
            for id_, row in self.model.items()
        }
        assert intents == {id_: row.intents for id_, row in self.model.items() if row.intents}


def _at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.slow
def test_the_ledger_does_what_its_model_says(database_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    backend = make_url(database_url).get_backend_name()
    server = request.getfixturevalue("postgres_server") if backend == "postgresql" else None
    LedgerMachine.template = Template(database_url, server, tmp_path)
    calm = settings(
        max_examples=EXAMPLES[backend],
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(LedgerMachine, settings=calm)
