"""The auditor's questions: nothing in a healthy ledger, and each damage by name."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, text, update

from domain.lifecycle import Step
from domain.lines import LineOutcome, Reason, Verdict
from domain.manifests import ManifestState
from storage import audit, ledger
from storage.database import Database
from storage.ledger import Lease, Move
from storage.schema import history, manifests, operations, placements, rejections, sims
from tests.conftest import MovingClock

LEASE = Lease("fence", "worker", 90.0)


@pytest.fixture
def healthy(
    stocked: Database, delivered: Callable[..., str], iccids: Callable[[int], list[str]], moving_clock: MovingClock
) -> Database:
    """Three accepted lines, of which one is done, one is accepted, one planned; a blank and a rejected line."""
    outcomes = [
        LineOutcome(4, Verdict.IGNORED, Reason.BLANK, through_line=6),
        LineOutcome(7, Verdict.REJECTED, Reason.NOT_DIGITS, "abc"),
    ]
    delivered("a.csv", iccids(3), outcomes)
    with stocked.begin() as tx:
        taken = ledger.take_to_send(tx, "kore", LEASE, limit=2, deadline_seconds=86_400)
        for one, target in zip(taken, (Step.DONE, Step.ACCEPTED), strict=True):
            ledger.move(tx, Move(Step.INTENT, target, "because", (one.id,)), actor="worker", fence="fence")
    return stocked


def test_a_healthy_ledger_has_nothing_to_say(healthy: Database) -> None:
    with healthy.read() as tx:
        assert list(audit.manifests_that_do_not_add_up(tx)) == []
        assert list(audit.broken_histories(tx)) == []
        assert audit.operations_of_unused_manifests(tx) == []
        assert audit.sims_on_another_plan(tx) == []
        assert audit.sims_placed_otherwise(tx) == []
        assert audit.placements_exceeded(tx) == []
        assert audit.finished_too_early(tx) == []
        assert audit.open_past_deadline(tx, 0) == []
        assert audit.planned_again_within(tx, "kore", 300) == []
        assert audit.totals(tx) == (3, 3, 3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lines": 8}, "do not sum"),
        ({"rejected": 2, "lines": 8}, "2 lines rejected, 1 kept"),
        ({"ignored": 2, "lines": 6}, "2 lines ignored, 3 kept"),
        ({"accepted": 4, "lines": 8}, "4 SIMs accepted, 3 in the ledger"),
    ],
)
def test_a_manifest_that_does_not_add_up_is_named(healthy: Database, change: dict[str, int], sentence: str) -> None:
    with healthy.begin() as tx:
        tx.execute(update(manifests).values(change))
        found = list(audit.manifests_that_do_not_add_up(tx))
    assert any(sentence in one.sentence for one in found)


def test_a_line_that_lost_its_outcome_is_missed(healthy: Database) -> None:
    with healthy.begin() as tx:
        tx.execute(delete(rejections).where(rejections.c.line == 7))
        (found,) = audit.manifests_that_do_not_add_up(tx)
    assert found.sentence == "1 lines rejected, 0 kept"


def test_a_step_that_changed_without_a_transition_is_seen(healthy: Database) -> None:
    with healthy.begin() as tx:
        tx.execute(update(operations).where(operations.c.step == "accepted").values(step="done"))
        ((_, sentence),) = audit.broken_histories(tx)
    assert sentence == "it is done, and its history ends at accepted"


def test_an_operation_that_left_planned_without_a_transition_is_seen(healthy: Database) -> None:
    with healthy.begin() as tx:
        tx.execute(update(operations).where(operations.c.step == "planned").values(step="intent"))
        ((_, sentence),) = audit.broken_histories(tx)
    assert sentence == "it is intent, and its history ends at None"


def test_a_gap_in_a_history_is_seen(healthy: Database) -> None:
    with healthy.begin() as tx:
        done = tx.execute(select(history).where(history.c.to_step == "done")).one()
        gap = dict(done._mapping) | {"nth": done.nth + 1, "from_step": "unknown", "to_step": "done"}
        tx.execute(insert(history).values(gap))
        assert list(audit.broken_histories(tx)) == [
            (done.operation_id, "it was done, and its next transition starts at unknown"),
            (done.operation_id, "it moved 2 times, and its history has 3 rows"),
        ]


@pytest.fixture
def unsealed(healthy: Database) -> Database:
    """Somebody has taken away what keeps histories from being changed."""
    with healthy.begin() as tx:
        if tx.is_postgresql:
            tx.execute(text("DROP TRIGGER history_is_append_only ON history"))
        else:
            tx.execute(text("DROP TRIGGER history_refuses_update"))
            tx.execute(text("DROP TRIGGER history_refuses_delete"))
    return healthy


@pytest.mark.parametrize(("nth", "sentence"), [(1, "moved 2 times"), (2, "moved 2 times"), (2, "ends at None")])
def test_a_row_of_history_that_was_removed_is_seen(unsealed: Database, nth: int, sentence: str) -> None:
    with unsealed.begin() as tx:
        tx.execute(delete(history).where(history.c.nth == nth))
        assert any(sentence in told for _, told in audit.broken_histories(tx))


@pytest.mark.parametrize("change", [{"actor": ""}, {"reason": ""}])
def test_a_transition_that_nobody_made_or_for_nothing_is_seen(unsealed: Database, change: dict[str, str]) -> None:
    with unsealed.begin() as tx:
        tx.execute(update(history).where(history.c.to_step == "done").values(change))
        ((_, sentence),) = audit.broken_histories(tx)
    assert "lacks who and why" in sentence


def test_a_history_that_begins_in_the_middle_is_seen(unsealed: Database) -> None:
    with unsealed.begin() as tx:
        tx.execute(update(history).where(history.c.nth == 1).values(from_step="accepted"))
        assert {sentence for _, sentence in audit.broken_histories(tx)} == {
            "transition 1, from accepted, is no first one, or lacks who and why"
        }


@pytest.mark.parametrize("column", ["product_id", "home_country", "carrier_account", "plan_id"])
def test_a_sim_that_stands_elsewhere_than_its_manifest_planned_is_seen(healthy: Database, column: str) -> None:
    with healthy.begin() as tx:
        tx.execute(update(sims).where(sims.c.line == 2).values({column: "other"}))
        assert len(audit.sims_placed_otherwise(tx)) == 1


def test_more_sims_on_one_plan_than_were_planned_are_seen(healthy: Database) -> None:
    with healthy.begin() as tx:
        tx.execute(update(placements).values(sim_count=2))
        assert [(planned, found) for _, planned, found in audit.placements_exceeded(tx)] == [(2, 3)]


def test_an_open_operation_without_a_deadline_is_seen(healthy: Database) -> None:
    with healthy.begin() as tx:
        tx.execute(update(operations).where(operations.c.step == "accepted").values(deadline_at=None))
        assert [step for _, step in audit.open_past_deadline(tx, 0)] == ["accepted"]


def test_operations_of_a_refused_manifest_are_seen(healthy: Database) -> None:
    with healthy.begin() as tx:
        tx.execute(update(manifests).values(state=ManifestState.REFUSED.value))
        assert [count for _, count in audit.operations_of_unused_manifests(tx)] == [3]


@pytest.mark.parametrize(("state", "expected"), [("active", [("HF1", "HF2")]), ("inactive", [])])
def test_an_active_sim_on_another_plan_is_seen(healthy: Database, state: str, expected: list[tuple[str, str]]) -> None:
    with healthy.begin() as tx:
        one = tx.execute(select(sims.c.iccid).limit(1)).scalar_one()
        tx.execute(update(sims).where(sims.c.iccid == one).values(carrier_plan_reference="HF2", state=state))
        assert audit.sims_on_another_plan(tx) == [(one, *pair) for pair in expected]


def test_a_sim_too_many_is_seen_in_the_totals(healthy: Database) -> None:
    with healthy.begin() as tx:
        tx.execute(delete(sims).where(sims.c.line == 1))
        assert audit.totals(tx) == (2, 2, 3)


def test_a_manifest_that_finished_before_its_sims_is_seen(healthy: Database) -> None:
    with healthy.begin() as tx:
        tx.execute(update(manifests).values(state=ManifestState.FINISHED.value))
        assert [count for _, count in audit.finished_too_early(tx)] == [2]


def test_an_operation_past_its_deadline_is_seen(healthy: Database, moving_clock: MovingClock) -> None:
    moving_clock.move(86_400 + 99)
    with healthy.begin() as tx:
        assert audit.open_past_deadline(tx, 100) == []
    moving_clock.move(2)
    with healthy.begin() as tx:
        assert [step for _, step in audit.open_past_deadline(tx, 100)] == ["accepted"]


def _planned_again(database: Database, clock: MovingClock, after_seconds: float) -> None:
    clock.move(after_seconds)
    with database.begin() as tx:
        ids = tuple(tx.execute(select(operations.c.id).where(operations.c.step == "accepted")).scalars())
        ledger.move(tx, Move(Step.ACCEPTED, Step.PLANNED, "untouched", ids), actor="worker", fence=None)


@pytest.mark.parametrize(("after_seconds", "is_seen"), [(299.0, True), (300.0, False)])
def test_an_operation_that_was_planned_again_within_the_quiet_period_is_seen(
    healthy: Database, moving_clock: MovingClock, after_seconds: float, is_seen: bool
) -> None:
    _planned_again(healthy, moving_clock, after_seconds)
    with healthy.read() as tx:
        found = audit.planned_again_within(tx, "kore", 300)
        assert [seconds for _, seconds in found] == ([after_seconds] if is_seen else [])
        assert audit.planned_again_within(tx, "telnyx", 300) == []


def test_intentions_are_told_with_their_times_oldest_first(healthy: Database, moving_clock: MovingClock) -> None:
    first: datetime = moving_clock()
    _planned_again(healthy, moving_clock, 400)
    with healthy.begin() as tx:
        again = ledger.take_to_send(tx, "kore", LEASE, limit=9, deadline_seconds=86_400)
        times = audit.intent_times(tx, "kore")
    twice = {one.iccid for one in again if one.attempt == 2}
    expected = [first.timestamp(), (first + timedelta(seconds=400)).timestamp()]
    assert [times[iccid] for iccid in twice] == [expected]
    assert sorted(len(one) for one in times.values()) == [1, 1, 2]


def test_generations_are_counted_by_sim_and_action(healthy: Database) -> None:
    with healthy.read() as tx:
        found = audit.generations(tx, "kore")
        assert audit.generations(tx, "telnyx") == {}
    assert {(action, count) for (_, action), count in found.items()} == {("activate", 1)}
