"""Whoever plans operations, or lets them go on, waits for whoever does so already."""

import threading
from collections.abc import Callable

import pytest

from domain.deciding import Saw, Then
from domain.lifecycle import Action
from engine.acting import Agreed, Asked, act
from engine.context import Context
from engine.deciding import Which, Word, decide
from engine.rerunning import Only, rerun
from storage.turns import take_turn
from tests.engine.rig import Rig, iccids

WORD = Word(Saw.INACTIVE, Then.AGAIN, "seen in the console")
DEEDS: dict[str, Callable[[Context, str], object]] = {
    "rerun": lambda context, manifest_id: rerun(context, manifest_id, Only.FAILED, reason="again", actor="ann"),
    "decide": lambda context, manifest_id: decide(context, Which(manifest_id=manifest_id), WORD, actor="ann"),
    "act": lambda context, _: act(
        context, Asked(Action.DEACTIVATE, iccids(1)), reason="over", actor="ann", agreed=Agreed(beyond_the_brake=True)
    ),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_two_never_do_so_at_the_same_time(scripted_rig: Rig, deed: Callable[[Context, str], object]) -> None:
    context, manifest_id = scripted_rig.context, scripted_rig.load(1)
    is_done = threading.Event()

    def do() -> None:
        deed(context, manifest_id)
        is_done.set()

    other = threading.Thread(target=do)
    with context.database.begin() as tx:
        take_turn(tx)
        other.start()
        assert not is_done.wait(0.3)
    assert is_done.wait(10)
    other.join()
