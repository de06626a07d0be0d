"""The safety net has no hole: with each safeguard taken out, the checker (or the named rule) notices.

Every scenario is run twice, as the engine is and with the bug, so that the bug alone is what is noticed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from carriers.errors import OutcomeUnknown
from carriers.simulated.faults import Fault, RequestKind
from domain import judging
from domain.judging import Asked, Judgement, Patience, Seen
from domain.lifecycle import Step
from engine import answers, sending, settling
from engine.context import Context
from engine.sending import send_due
from storage import ledger, loading
from storage.database import Transaction
from storage.leased import Operation
from storage.ledger import Move
from storage.schema import operations
from tests.engine.rig import ACCOUNT, iccids, manifest
from tests.reliability.world import QUIET_SECONDS, World

ACTIVATE = RequestKind.ACTIVATE
Patch = pytest.MonkeyPatch
SIMS = 3
LEASE = 90.0


class Killed(BaseException):
    """The worker dies here."""


def dies_after_its_first_request(world: World) -> None:
    world.rig.load(SIMS)

    def at(label: str) -> None:
        if label == "after-request":
            raise Killed(label)

    with pytest.raises(Killed):
        send_due(replace(world.rig.context, at=at), ACCOUNT)


def loses_every_first_reply(world: World) -> None:
    world.rig.load(SIMS)
    world.fail(Fault.LOST_REPLY, kinds=[ACTIVATE])
    world.go_on()


def has_late_effects(world: World) -> None:
    world.rig.load(SIMS)
    world.fail(Fault.LATE_EFFECT, kinds=[ACTIVATE], late_seconds=LEASE + 40.0)
    world.go_on(step_seconds=5.0)
    world.clock.move(LEASE + QUIET_SECONDS)
    world.server.carrier.settle()


def goes_well(world: World) -> None:
    world.rig.take_in("a.csv", manifest(iccids(SIMS), "8988307000000000001,code", "", f"{iccids(1)[0]},again"))
    world.go_on()


def plans_a_sim_twice(world: World) -> None:
    """Somebody plans the same generation again; the unique key is what stands in the way."""
    world.rig.load(SIMS)
    with world.rig.context.database.begin() as tx:
        row = tx.execute(select(operations).limit(1)).one()
        newest = tx.execute(text("SELECT max(id) FROM operations")).scalar_one()
        tx.execute(insert(operations).values(dict(row._mapping) | {"id": newest + 1}))
    world.go_on()


def intent_not_committed(patch: Patch) -> None:
    """The intention is forgotten as soon as it was written: a dead worker leaves no trace of what it sent."""
    original = sending._write_intentions

    def forgotten(context: Context, *arguments: Any) -> Any:
        class Undone(Exception):
            pass

        @contextmanager
        def rolled_back(_self: Context, _what: str) -> Iterator[Transaction]:
            try:
                with context.database.begin() as tx:
                    yield tx
                    raise Undone
            except Undone:
                return

        with pytest.MonkeyPatch.context() as within:
            within.setattr(Context, "commit", rolled_back)
            return original(context, *arguments)

    patch.setattr(sending, "_write_intentions", forgotten)


def unknown_treated_as_failed(patch: Patch) -> None:
    """No answer counts as "not sent": the request is made again without a look."""
    original = answers.after_error

    def again(sent: tuple[Operation, ...], error: Any, *, quiet: float) -> Move:
        if isinstance(error, OutcomeUnknown):
            return Move(Step.INTENT, Step.PLANNED, "failed", tuple(one.id for one in sent), counts=False)
        return original(sent, error, quiet=quiet)

    patch.setattr(sending, "after_error", again)


def no_quiet_period(patch: Patch) -> None:
    """A SIM that looks untouched is asked again at once, while the old request may still be on its way."""
    judge, after_error = judging.judge, answers.after_error

    def hasty(asked: Asked, seen: Seen, patience: Patience) -> Judgement:
        return judge(asked, seen, Patience(0.0, patience.attempts))

    patch.setattr(settling, "judge", hasty)
    patch.setattr(sending, "after_error", lambda sent, error, *, quiet: after_error(sent, error, quiet=0.0 * quiet))


def history_forgotten(patch: Patch) -> None:
    """Steps change without a row of history."""

    def silent(tx: Transaction, which: Any, new: dict[Any, Any], _change: Move, _actor: str, *columns: Any) -> Any:
        changing = update(operations).where(which).values(new)
        return tx.execute(changing.returning(operations.c.id, *columns)).all()

    patch.setattr(ledger, "_change", silent)


def a_line_forgotten(patch: Patch) -> None:
    """What became of one line is dropped on the way to the database."""
    original = loading.record_outcomes

    def forgetful(tx: Transaction, manifest_id: str, outcomes: Sequence[Any]) -> None:
        original(tx, manifest_id, outcomes[:-1])

    patch.setattr(loading, "record_outcomes", forgetful)


@pytest.mark.parametrize(
    ("scenario", "bug"),
    [
        (dies_after_its_first_request, intent_not_committed),
        (loses_every_first_reply, unknown_treated_as_failed),
        (has_late_effects, no_quiet_period),
        (goes_well, history_forgotten),
        (goes_well, a_line_forgotten),
    ],
)
def test_the_checker_notices_a_safeguard_that_is_taken_out(
    world: World, monkeypatch: Patch, scenario: Callable[[World], None], bug: Callable[[Patch], None]
) -> None:
    bug(monkeypatch)
    scenario(world)
    assert world.broken() != []


@pytest.mark.parametrize(
    "scenario", [dies_after_its_first_request, loses_every_first_reply, has_late_effects, goes_well]
)
def test_the_checker_is_silent_while_every_safeguard_stands(world: World, scenario: Callable[[World], None]) -> None:
    scenario(world)
    world.go_on()
    assert world.broken() == []
    assert set(world.rig.steps()) == {Step.DONE}


def test_without_the_unique_key_a_sim_planned_twice_is_noticed(world: World) -> None:
    unique = "uq_operations_iccid_action_generation"
    with world.rig.context.database.begin() as tx:
        if not tx.is_postgresql:
            pytest.skip("SQLite cannot drop a table's own key; PostgreSQL shows the same")
        tx.execute(text(f"ALTER TABLE operations DROP CONSTRAINT {unique}"))
    plans_a_sim_twice(world)
    assert world.broken() != []


def test_with_the_unique_key_a_sim_cannot_be_planned_twice(world: World) -> None:
    with pytest.raises(Exception, match=r"(?i)unique"):
        plans_a_sim_twice(world)


@pytest.mark.parametrize("fenced", [True, False])
def test_without_the_fence_a_zombies_answer_overwrites_the_ledger(
    world: World, monkeypatch: Patch, fenced: bool
) -> None:
    """A worker oversleeps its lease; another one takes the SIM to its end; then the first one's answer comes."""
    manifest_id = world.rig.load(1)
    database = world.rig.context.database
    lease = ledger.Lease("zombie", "zombie", 90.0)
    with database.begin() as tx:
        (taken,) = ledger.take_to_send(tx, ACCOUNT, lease, limit=1, deadline_seconds=86_400)
    world.clock.move(100)
    with database.begin() as tx:
        ledger.expire_intents(tx, ACCOUNT, quiet_seconds=60, limit=10, actor="other")
        ids = ledger.at_step(tx, manifest_id, Step.UNKNOWN)
        ledger.move(tx, Move(Step.UNKNOWN, Step.PLANNED, "untouched", ids), actor="other", fence=None)
        ledger.take_to_send(tx, ACCOUNT, ledger.Lease("other", "other", 90.0), limit=1, deadline_seconds=86_400)
    answer = Move(Step.INTENT, Step.ACCEPTED, "accepted", (taken.id,))
    with database.begin() as tx:
        moved = ledger.move(tx, answer, actor="zombie", fence="zombie" if fenced else "other")
    assert bool(moved) is not fenced
