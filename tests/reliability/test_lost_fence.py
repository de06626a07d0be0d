"""An answer that comes after its lease was lost, while the next worker's request is on its way."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import update

from domain.lifecycle import Stage, Step
from engine.sending import send_due
from engine.settling import settle_due
from storage import ledger
from storage.database import Transaction
from storage.ledger import Move
from storage.schema import operations
from tests.engine.rig import ACCOUNT
from tests.reliability.world import QUIET_SECONDS, World

LEASE_SECONDS = 90.0


def a_claim_is_answered_late(world: World) -> None:
    """The first worker sleeps with its claim's answer in hand; the second one has read it and asks for the change.

    The second worker's answer is written last.
    """
    world.rig.load(1)
    asked, may_answer = threading.Event(), threading.Event()

    def second(label: str) -> None:
        if label == "after-request":
            asked.set()
            assert may_answer.wait(30)

    other = replace(world.rig.context, worker="second", slots={}, at=second)
    sending = threading.Thread(target=send_due, args=(other, ACCOUNT))

    def first(label: str) -> None:
        if label == "after-request":
            world.clock.move(LEASE_SECONDS)
            settle_due(other, ACCOUNT)
            world.clock.move(QUIET_SECONDS)
            settle_due(other, ACCOUNT)
            assert world.rig.stages() == {(Stage.CHANGE, Step.PLANNED): 1}
            sending.start()
            assert asked.wait(30)

    send_due(replace(world.rig.context, worker="first", slots={}, at=first), ACCOUNT)
    may_answer.set()
    sending.join(30)
    world.go_on()


def test_an_answer_under_a_lost_fence_asks_for_nothing_twice(world: World) -> None:
    a_claim_is_answered_late(world)
    assert world.rig.steps() == {Step.DONE: 1}
    assert world.requests() == {"claim": 1, "activate": 1}
    assert world.broken() == []


def test_without_the_fence_the_checker_sees_what_is_carried_out_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = ledger.move

    def unfenced(tx: Transaction, change: Move, *, actor: str, fence: str | None) -> list[int]:
        tx.execute(update(operations).where(operations.c.id.in_(change.ids)).values(fence=fence))
        return move(tx, change, actor=actor, fence=fence)

    monkeypatch.setattr(ledger, "move", unfenced)
    a_claim_is_answered_late(world)
    assert [sentence for sentence in world.broken() if "activate was carried out 2 times" in sentence]
