import tracemalloc
from collections.abc import Callable

from sqlalchemy import update

from domain.lifecycle import Step
from domain.lines import LineOutcome, Reason, Verdict
from domain.routing import Placement
from storage import loading, outcomes
from storage.database import Database
from storage.schema import operations, sims

Numbers = Callable[[int], list[str]]
Delivered = Callable[..., str]

SAID = [
    LineOutcome(7, Verdict.REJECTED, Reason.EID, "8904" * 8),
    LineOutcome(1, Verdict.IGNORED, Reason.BLANK, through_line=3),
    LineOutcome(5, Verdict.REJECTED, Reason.EID, "first"),
    LineOutcome(4, Verdict.IGNORED, Reason.BLANK),
]


def test_outcomes_come_back_in_line_order(stocked: Database, delivered: Delivered) -> None:
    manifest_id = delivered("a.txt", [], SAID)
    with stocked.read() as tx:
        assert list(outcomes.outcomes(tx, manifest_id)) == sorted(SAID, key=lambda outcome: outcome.line)
        assert [one.line for one in outcomes.outcomes(tx, manifest_id, verdict=Verdict.REJECTED)] == [5, 7]
        assert list(outcomes.outcomes(tx, "m-none")) == []


def test_runs_of_lines_are_counted_and_listed_one_by_one(stocked: Database, delivered: Delivered) -> None:
    manifest_id = delivered("a.txt", [], SAID)
    with stocked.read() as tx:
        assert outcomes.lines_with(tx, manifest_id, Verdict.IGNORED) == [1, 2, 3, 4]
        totals = outcomes.reason_totals(tx, manifest_id)
    assert totals == [
        outcomes.ReasonTotal(Verdict.IGNORED, Reason.BLANK, 4, 1, ""),
        outcomes.ReasonTotal(Verdict.REJECTED, Reason.EID, 2, 5, "first"),
    ]


def test_accepted_sims_come_in_line_order_with_where_they_stand(
    stocked: Database, delivered: Delivered, iccids: Numbers
) -> None:
    numbers = iccids(3)
    manifest_id = delivered("a.txt", numbers, lines=[9, 2, 5], device_names=["lamp", None, None])
    delivered("b.txt", iccids(4)[3:])
    with stocked.begin() as tx:
        second = update(operations).where(operations.c.iccid == numbers[1])
        tx.execute(second.values(step="rejected", reason="refused", detail="No."))
    with stocked.read() as tx:
        found = list(outcomes.sim_outcomes(tx, manifest_id))
    assert [(one.line, one.iccid, one.step, one.reason, one.device) for one in found] == [
        (2, numbers[1], Step.REJECTED, "refused", ""),
        (5, numbers[2], Step.PLANNED, "", ""),
        (9, numbers[0], Step.PLANNED, "", "lamp"),
    ]
    assert {(one.plan_name, one.product_id, one.home_country) for one in found} == {("eu", "tracker", "DE")}


def test_the_first_accepted_sims_at_some_steps_can_be_asked_for(
    stocked: Database, delivered: Delivered, iccids: Numbers
) -> None:
    numbers = iccids(4)
    manifest_id = delivered("a.txt", numbers)
    with stocked.begin() as tx:
        tx.execute(update(operations).where(operations.c.iccid.in_(numbers[1:])).values(step="needs_review"))
    with stocked.read() as tx:
        found = list(outcomes.sim_outcomes(tx, manifest_id, steps=[Step.NEEDS_REVIEW], limit=2))
    assert [one.iccid for one in found] == numbers[1:3]


def test_accepted_sims_are_read_in_order_from_the_index_not_sorted(
    stocked: Database, delivered: Delivered, iccids: Numbers, explained: Callable[..., str]
) -> None:
    manifest_id = delivered("a.txt", iccids(20))
    with stocked.begin() as tx:
        if tx.is_postgresql:
            for other in ("bitmapscan", "hashjoin", "mergejoin", "sort"):
                tx.connection.exec_driver_sql(f"SET LOCAL enable_{other} = off")
        plan = explained(tx, lambda: next(outcomes.sim_outcomes(tx, manifest_id)))
    assert ("pk_operations" if stocked.is_postgresql else "SEARCH operations USING INTEGER PRIMARY KEY") in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_accepted_sims_never_sit_in_memory_all_at_once(
    stocked: Database, delivered: Delivered, iccids: Numbers
) -> None:
    manifest_id = delivered("a.txt", iccids(40_000))
    peaks: dict[bool, int] = {}
    for keep in (False, True):
        with stocked.read() as tx:
            tracemalloc.start()
            rows = outcomes.sim_outcomes(tx, manifest_id)
            assert len(list(rows)) == 40_000 if keep else sum(1 for _ in rows) == 40_000
            peaks[keep] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert peaks[False] < peaks[True] / 3


def test_postgresql_hands_accepted_sims_out_by_a_cursor_of_its_own(
    stocked: Database, delivered: Delivered, iccids: Numbers
) -> None:
    manifest_id = delivered("a.txt", iccids(10))
    with stocked.read() as tx:
        rows = outcomes.sim_outcomes(tx, manifest_id)
        next(rows)
        if tx.is_postgresql:
            cursors = tx.connection.exec_driver_sql("SELECT statement FROM pg_cursors WHERE name <> ''").scalars()
            assert [statement for statement in cursors if "operations" in statement]
        assert sum(1 for _ in rows) == 9


def to_plan(country: str) -> Placement:
    """A place of the product's in this country."""
    return Placement("tracker", country, "kore", "kore/eu", False)


def test_a_manifest_keeps_where_its_sims_went(stocked: Database, delivered: Delivered, iccids: Numbers) -> None:
    manifest_id = delivered("a.txt", iccids(3))  # three for Germany
    with stocked.begin() as tx:
        loading.record_placements(tx, manifest_id, {to_plan("FR"): 5, to_plan("IT"): 0})
        tx.execute(update(sims).values(product_id="elsewhere"))  # what happens later is not what was accepted
        totals = outcomes.plan_totals(tx, manifest_id)
    assert [(one.home_country, one.plan_name, one.sim_count) for one in totals] == [("FR", "eu", 5), ("DE", "eu", 3)]
    assert {(one.monthly_price_cents, one.currency, one.product_id) for one in totals} == {(110, "EUR", "tracker")}
