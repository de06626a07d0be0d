"""What everything in the engine is given."""

import time
from dataclasses import replace

import pytest

from engine.context import RealStopwatch, Timing
from storage.schema import accounts
from tests.engine.rig import ACCOUNT, Rig


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux has two clocks for it")
def test_the_stopwatch_goes_on_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = 3600.0
    clocks = {time.CLOCK_MONOTONIC: 100.0, time.CLOCK_BOOTTIME: 100.0 + asleep}
    monkeypatch.setattr(time, "clock_gettime", clocks.__getitem__)
    assert RealStopwatch().monotonic() == 100.0 + asleep


@pytest.mark.parametrize("lease", [10.0, 9.0])
def test_a_lease_in_which_nothing_could_be_sent_is_refused(scripted_rig: Rig, lease: float) -> None:
    timeout = scripted_rig.context.carriers[ACCOUNT].timeout_seconds
    with pytest.raises(ValueError, match=rf"lease of {lease:g} s .* to kore .*Lengthen `lease_seconds`"):
        replace(scripted_rig.context, timing=Timing(lease_seconds=lease, lease_margin_seconds=10.0 - timeout))


def test_a_commit_has_a_point_before_and_a_point_after_it(scripted_rig: Rig) -> None:
    seen: list[tuple[str, int]] = []

    def note(label: str) -> None:
        with scripted_rig.context.database.read() as tx:
            seen.append((label, len(tx.execute(accounts.select()).all())))

    context = scripted_rig.but(at=note).context
    with context.commit("test") as tx:
        tx.execute(accounts.insert().values(id="b", name="B", created_at=tx.now()))
    assert seen == [("before-test-commit", 1), ("after-test-commit", 2)]


def test_work_that_is_killed_before_its_commit_is_not_kept(scripted_rig: Rig) -> None:
    context = scripted_rig.but(at=lambda label: 1 / 0 if label == "before-test-commit" else None).context
    with pytest.raises(ZeroDivisionError), context.commit("test") as tx:
        tx.execute(accounts.insert().values(id="b", name="B", created_at=tx.now()))
    with context.database.read() as tx:
        assert len(tx.execute(accounts.select()).all()) == 1
