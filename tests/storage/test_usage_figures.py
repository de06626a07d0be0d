"""Sums over sets are the pure rules' sums SIM by SIM, on small worlds made at random."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from domain.usage import Days
from domain.usage_outliers import spread_of, upper_bound
from storage import schema, usage_schema, usage_sets
from storage.database import Database
from storage.usage_figures import Figures, figures
from storage.usage_sets import Question
from tests.storage.metered_world import PLANS, Stay, World, by_the_rules

START = date(2024, 1, 28)
LENGTH = 40  # over the end of January and the leap day into March
TABLES = (
    usage_schema.usage_days,
    usage_schema.usage_versions,
    usage_schema.usage_known,
    usage_schema.usage_restated,
    schema.former_placements,
    schema.sims,
)
offsets = st.integers(0, LENGTH - 1)


def span(first: int, second: int) -> Days:
    return Days(START + timedelta(days=min(first, second)), START + timedelta(days=max(first, second)))


spans = st.builds(span, offsets, offsets)


@st.composite
def stays(draw: Callable[..., Any]) -> list[Stay]:
    """One SIM's life: one product, or two one after the other."""
    cuts = sorted({draw(offsets) for _ in range(draw(st.integers(2, 3)))})
    if len(cuts) == 1:
        cuts.append(cuts[0] + 1)
    made = []
    for number, (first, after) in enumerate(pairwise(cuts)):
        is_last = number == len(cuts) - 2
        active = Days(START + timedelta(days=first), date(9999, 1, 1) if is_last else START + timedelta(days=after - 1))
        uses = draw(
            st.dictionaries(st.integers(first, LENGTH - 1 if is_last else after - 1), st.integers(0, 700), max_size=9)
        )
        plan = draw(st.sampled_from([plan.id for plan in PLANS]))
        by_day = {START + timedelta(days=day): used for day, used in uses.items()}
        made.append(Stay(("tracker", "scooter")[number], plan, active, uses=by_day))
    return made


worlds = st.builds(
    lambda lives, accounts, singles: World(
        {f"89{number:017d}": life for number, life in enumerate(lives)},
        accounts,
        [(f"89{number:017d}", account, days) for number, account, days in singles],
    ),
    st.lists(stays(), max_size=14),
    st.lists(st.tuples(st.sampled_from(["kore", "soracom"]), spans), max_size=3),
    st.lists(st.tuples(st.integers(0, 13), st.sampled_from(["kore", "soracom"]), spans), max_size=5),
)


def empty(database: Database) -> None:
    with database.begin() as tx:
        for table in TABLES:
            tx.execute(delete(table))


def check(told: Figures, world: World, asked: Days) -> None:
    """Every number of the figures against the rules."""
    rules = by_the_rules(world, asked)
    assert {row.product: row.used for row in told.products.itertuples() if row.used} == {
        product: used for product, used in rules.used.items() if used
    }
    assert told.counts["gap_days"] == rules.gap_days == int(told.gaps["days"].sum())
    assert told.counts["unused"] == rules.unused
    assert told.counts["overage"] == sum(rules.overage.values())
    cents: Counter[str] = Counter()
    for row in told.costs.to_dict("records"):
        cents[str(row["currency"])] += int(row["cents"])
    assert +cents == +rules.cents()
    assert Counter(map(int, told.near_limits["step"])) == Counter(rules.steps.values())
    projected = {
        row["product"]: int(row["projected"]) for row in told.products.dropna(subset="projected").to_dict("records")
    }
    assert +Counter(projected) == +rules.projected
    spreads = {row.product: row for row in told.spreads.itertuples()}
    assert spreads.keys() == rules.daily.keys()
    beyond = 0
    for product, daily in rules.daily.items():
        spread = spread_of(daily)
        assert spread is not None
        assert spreads[product].median_log == pytest.approx(spread.median_log, abs=1e-12)
        assert spreads[product].mad_log == pytest.approx(spread.mad_log, abs=1e-12)
        bound = upper_bound(spread)
        beyond += sum(one > bound * (1 + 1e-9) for one in daily) if bound else 0
    assert len(told.outliers) == beyond
    assert int(told.by_day["used"].sum()) == sum(rules.used.values())


@settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(worlds, spans, st.sampled_from([3, 250_000]))
def test_sums_over_sets_are_the_sums_of_the_rules_in_however_many_stretches(
    database: Database, tmp_path: Path, world: World, asked: Days, sims_at_once: int
) -> None:
    empty(database)
    world.store(database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(usage_sets, "SIMS_AT_ONCE", sims_at_once)
        check(figures(database, tmp_path, Question(asked)), world, asked)
