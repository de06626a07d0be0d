"""The safety net has no hole: with each safeguard taken out, the checker (or the named rule) notices.

Every scenario is run twice, as the engine is and with the bug, so that the bug alone is what is noticed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, select, text, update

from carriers.errors import OutcomeUnknown
from carriers.simulated.faults import Fault, RequestKind
from domain import judging
from domain.judging import Asked, Judgement, Patience, Seen
from domain.lifecycle import Step
from engine import answers, intake, sending, settling, surveying
from engine.context import Context
from engine.sending import send_due
from storage import ledger, loading
from storage.database import Transaction
from storage.leased import Operation
from storage.ledger import Move
from storage.readers import read_blocks
from storage.readers.block import Block, ReadingRules
from storage.schema import operations
from storage.sources.contract import Item
from storage.sources.folder import FolderSource
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
        return tx.execute(changing.returning(*columns)).all()

    patch.setattr(ledger, "_change", silent)


def a_line_forgotten(patch: Patch) -> None:
    """What became of one line is dropped on the way to the database."""
    original = loading.record_outcomes

    def forgetful(tx: Transaction, manifest_id: str, outcomes: Sequence[Any]) -> None:
        original(tx, manifest_id, outcomes[:-1])

    patch.setattr(loading, "record_outcomes", forgetful)


def a_reader_forgets_a_line(patch: Patch) -> None:
    """The last SIM of each block is read by neither reading, so all that we counted ourselves adds up."""
    read_otherwise(patch, _without_the_last)


def a_reader_shifts_its_lines(patch: Patch) -> None:
    """Each SIM is told as the one of the line above, so a receipt points at the wrong rows."""
    read_otherwise(patch, lambda block: replace(block, keys=np.roll(block.keys, 1)))


def read_otherwise(patch: Patch, change: Callable[[Block], Block]) -> None:
    def changed(path: Path, name: str, rules: ReadingRules) -> Iterator[Block]:
        return map(change, read_blocks(path, name, rules))

    for reading in (intake, surveying):
        patch.setattr(reading, "read_blocks", changed)


def _without_the_last(block: Block) -> Block:
    cells = {column: texts[:-1] for column, texts in block.cells.items()}
    return replace(block, line_count=block.line_count - 1, lines=block.lines[:-1], keys=block.keys[:-1], cells=cells)


def an_original_is_rewritten(patch: Patch) -> None:
    """Whoever takes a file mends its line ends while it is at it."""
    take = FolderSource.take

    def mended(self: FolderSource, item: Item, scratch: Path) -> Path:
        path = take(self, item, scratch)
        path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        return path

    patch.setattr(FolderSource, "take", mended)


@pytest.mark.parametrize(
    ("scenario", "bug", "invariant"),
    [
        (dies_after_its_first_request, intent_not_committed, 3),
        (loses_every_first_reply, unknown_treated_as_failed, 1),
        (has_late_effects, no_quiet_period, 1),
        (goes_well, history_forgotten, 8),
        (goes_well, a_line_forgotten, 2),
        (goes_well, a_reader_forgets_a_line, 2),
        (goes_well, a_reader_shifts_its_lines, 2),
        (goes_well, an_original_is_rewritten, 9),
    ],
)
def test_the_checker_notices_a_safeguard_that_is_taken_out(
    world: World, monkeypatch: Patch, scenario: Callable[[World], None], bug: Callable[[Patch], None], invariant: int
) -> None:
    bug(monkeypatch)
    scenario(world)
    assert invariant in {int(sentence.partition(":")[0]) for sentence in world.broken()}


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
