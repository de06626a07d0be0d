"""Each breach of the promise is named when the database or a carrier's log is broken by hand."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import delete, select, update

from carriers.simulated.faults import RequestKind
from carriers.simulated.log import Entry
from carriers.simulated.server import SimulatedCarrierServer
from domain.manifests import ManifestState
from domain.pacing import Window
from engine.draining import follow
from engine.invariants import CarrierLog, Violation, violations
from engine.receipts import refresh_receipts
from storage.schema import manifests, operations, rejections, sims
from tests.engine.rig import ACCOUNT, Rig, iccids, manifest

COUNT = 4
LIMIT = Window(1000, 1)


class Kept:
    """A run that kept the promise, with the carrier's log of it."""

    def __init__(self, rig: Rig, entries: Sequence[Entry]) -> None:
        self.rig = rig
        self.entries = list(entries)

    def changes(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind in (RequestKind.CLAIM, RequestKind.ACTIVATE)]

    def found(self, entries: Sequence[Entry] | None = None, window: Window = LIMIT) -> list[Violation]:
        log = CarrierLog(ACCOUNT, self.entries if entries is None else entries, [window])
        return violations(self.rig.context, [log])

    def breaks(self, statement: object) -> list[Violation]:
        with self.rig.context.database.begin() as tx:
            tx.execute(statement)
        return self.found()


@pytest.fixture
def kept(rig: Rig, server: SimulatedCarrierServer) -> Kept:
    rig.take_in("a.csv", manifest(iccids(COUNT), "", "890000,x"))
    wanted = {"done": COUNT}
    follow(rig.context, at_most_seconds=30, is_over=lambda: {k.value: n for k, n in rig.steps().items()} == wanted)
    refresh_receipts(rig.context)
    return Kept(rig, server.carrier.log.entries())


def numbers(found: Sequence[Violation]) -> set[int]:
    return {one.invariant for one in found}


def test_a_run_that_kept_the_promise_breaks_nothing(kept: Kept) -> None:
    assert kept.found() == []
    assert len(kept.changes()) == 2 * COUNT


def test_an_effect_too_many_is_named(kept: Kept) -> None:
    twice = replace(kept.changes()[-1], number=99)
    (found,) = [one for one in kept.found([*kept.entries, twice]) if one.invariant == 1]
    assert found.sentence == f"SIM {twice.iccids[0]}: activate was carried out 2 times at {ACCOUNT}; 1 allowed."


def test_an_effect_for_a_sim_that_nobody_planned_is_named(kept: Kept) -> None:
    unplanned = iccids(99)[-1]
    stranger = replace(kept.changes()[-1], iccids=(unplanned,), effects=(unplanned,))
    assert numbers(kept.found([*kept.entries, stranger])) == {1, 3}


def test_a_request_without_an_intention_is_named(kept: Kept) -> None:
    more = replace(kept.changes()[0], effects=(), at=kept.entries[-1].at + 1)
    (found,) = kept.found([*kept.entries, more])
    assert found == Violation(3, f"SIM {more.iccids[0]}: request 3 reached {ACCOUNT} without an older intention.")


def test_a_request_that_came_before_its_intention_is_named(kept: Kept) -> None:
    first = kept.changes()[0]
    early = [replace(entry, at=entry.at - 5) if entry is first else entry for entry in kept.entries]
    assert numbers(kept.found(early)) == {3}


def test_a_request_turned_away_for_its_token_and_made_again_breaks_nothing(kept: Kept) -> None:
    first = kept.changes()[0]
    turned_away = replace(first, status=401, effects=(), at=first.at - 0.001)
    assert kept.found([turned_away, *kept.entries]) == []


def test_a_limit_that_was_exceeded_is_named(kept: Kept) -> None:
    (found,) = kept.found(window=Window(2, 3600))
    assert found.invariant == 6
    assert "at most 2 are allowed" in found.sentence


def test_a_sim_on_another_plan_is_named(kept: Kept) -> None:
    (found,) = kept.breaks(update(sims).where(sims.c.line == 2).values(carrier_plan_reference="HF2"))
    assert (found.invariant, "HF2" in found.sentence) == (7, True)


def test_a_sim_in_a_country_that_nobody_planned_is_named(kept: Kept) -> None:
    (found,) = kept.breaks(update(sims).where(sims.c.line == 2).values(home_country="FR"))
    assert (found.invariant, "that nobody planned for it" in found.sentence) == (7, True)


def test_a_lost_line_is_named(kept: Kept) -> None:
    assert numbers(kept.breaks(delete(rejections))) == {2}


def test_a_lost_sim_is_named(kept: Kept) -> None:
    assert numbers(kept.breaks(delete(sims).where(sims.c.line == 2))) == {11}


def test_a_lost_operation_is_named(kept: Kept) -> None:
    found = kept.breaks(delete(operations).where(operations.c.line == 2))
    assert numbers(found) == {1, 2, 3}


def test_a_step_without_a_transition_is_named(kept: Kept) -> None:
    assert numbers(kept.breaks(update(operations).where(operations.c.line == 2).values(step="rejected"))) == {8}


def test_sims_of_a_refused_manifest_are_named(kept: Kept) -> None:
    found = kept.breaks(update(manifests).values(state=ManifestState.QUARANTINED.value))
    assert 9 in numbers(found)


def test_a_manifest_that_ended_before_its_sims_is_named(kept: Kept) -> None:
    with kept.rig.context.database.read() as tx:
        assert set(tx.execute(select(manifests.c.state)).scalars()) == {"finished"}
    assert 2 in numbers(kept.breaks(update(operations).where(operations.c.line == 2).values(step="unknown")))


def test_an_intention_that_never_ended_is_named(kept: Kept) -> None:
    with kept.rig.context.database.read() as tx:
        long_ago = tx.now().replace(year=tx.now().year - 1)
    open_for_ever = {"step": "accepted", "deadline_at": long_ago}
    found = kept.breaks(update(operations).where(operations.c.line == 2).values(open_for_ever))
    assert any(one.invariant == 3 and "past its deadline" in one.sentence for one in found)
