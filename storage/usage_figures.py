"""The numbers of a usage report, out of the sets that `storage.usage_sets` has laid out: each a small table.

Lists of single SIMs are cut at `LISTED` rows; their whole counts stand in `Figures.counts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from domain.alert_rules import Thresholds
from domain.usage import Days
from domain.usage_billing import STEPS, months, overage_cents
from domain.usage_outliers import Spread, upper_bound
from storage.arrow import Snapshot, iccid_of, number, snapshot
from storage.database import Database
from storage.usage_news import News, news_of
from storage.usage_sets import MONTH_USED, Question, days_of, lay_out, workbench

LISTED = 10_000


@dataclass(frozen=True, slots=True)
class Figures:
    """What a question has for an answer. `known_at` is None where nothing was ever collected.

    `costs`: one row per month, product, plan and home country; every sum of money is made of its rows. `news` is what
    people may be told of, where the thresholds were given.
    """

    asked: Question
    known_at: datetime | None
    counts: Mapping[str, int]
    costs: pd.DataFrame
    products: pd.DataFrame
    by_day: pd.DataFrame
    consumers: pd.DataFrame
    spreads: pd.DataFrame
    outliers: pd.DataFrame
    unused: pd.DataFrame
    near_limits: pd.DataFrame
    gaps: pd.DataFrame
    restated: pd.DataFrame
    news: News | None = None


def figures(database: Database, scratch: Path, asked: Question, thresholds: Thresholds | None = None) -> Figures:
    """Answer the question as of one moment of the database. Raises `DatabaseUnavailable`."""
    with workbench(scratch) as duck, snapshot(database) as now:
        lay_out(duck, database, now, scratch, asked)
        restated = _restated(duck, now, asked)
        _price(duck, asked.days)
        spreads = _spreads(duck)
        return Figures(
            asked=asked,
            known_at=_known_at(duck),
            counts=_counts(duck),
            costs=_costs(duck),
            products=duck.execute(_PRODUCTS).df(),
            by_day=_by_day(duck, asked.days),
            consumers=duck.execute(_CONSUMERS).df(),
            spreads=spreads,
            outliers=_outliers(duck, spreads),
            unused=duck.execute(_UNUSED).df(),
            near_limits=duck.execute(_NEAR).df(),
            gaps=duck.execute(_GAPS).df(),
            restated=restated,
            news=None if thresholds is None else news_of(duck, thresholds),
        )


_PRICED = """
    CREATE TABLE priced AS
    SELECT a.*, a.month = {last} AS is_last, {alone} AS alone, p.included_bytes AS included,
        p.currency, p.monthly_price_cents, p.overage_cents_per_mb,
        CASE WHEN p.id IS NULL THEN 0 ELSE greatest(0, a.moved_in + a.earlier + a.used - p.included_bytes)
            - greatest(0, a.moved_in + a.earlier - p.included_bytes) END AS overage,
        CASE WHEN seen_month_days > 0 THEN (2 * (a.earlier + a.used) * month_days + seen_month_days)
            // (2 * seen_month_days) END AS projected
    FROM asked a LEFT JOIN plans p ON p.id = a.plan"""
"""Overage and projection as `domain.usage_billing` has them; a test holds both to it."""
_MOVED = "sim IN (SELECT sim FROM places WHERE is_current = 0)"


def _price(duck: duckdb.DuckDBPyConnection, days: Days) -> None:
    """Make `priced`, a row per SIM, product and month, and `totals`, one per SIM and product.

    `alone` says that a SIM has this row and no other: such rows need not be told apart when SIMs are counted.
    """
    asked = months(days)
    duck.execute(_PRICED.format(last=days_of(asked[-1].first), alone=f"NOT {_MOVED}" if len(asked) == 1 else "false"))
    by_sim = "SELECT sim, product, used, seen_days AS seen FROM priced"
    if len(asked) > 1:
        by_sim = (
            "SELECT sim, product, sum(used)::BIGINT AS used, sum(seen_days) AS seen FROM priced GROUP BY sim, product"
        )
    duck.execute(f"CREATE TABLE totals AS {by_sim}")


_WHO = {"sims": "held <> 0", "sims_in_use": "used > 0", "gap_sims": "gap_days > 0"}
"""SIMs that are counted, each once however many rows it has."""
_ALONE = ", ".join(f"count(*) FILTER (alone AND {condition}) AS {name}" for name, condition in _WHO.items())
_SHARED = ", ".join(f"count(DISTINCT sim) FILTER ({condition}) AS {name}" for name, condition in _WHO.items())
_BOTH = ", ".join(f"rows_alone.{name} + coalesce(rows_shared.{name}, 0) AS {name}" for name in _WHO)
"""Only rows of SIMs that have several are told apart: a million more would cost ten times as much as their sums."""

_PRODUCTS = f"""
    WITH rows_alone AS (
        SELECT product, {_ALONE},
            sum(used)::BIGINT AS used, sum(used - overage)::BIGINT AS included_used, sum(overage)::BIGINT AS overage,
            sum(projected) FILTER (is_last)::BIGINT AS projected, sum(gap_days)::BIGINT AS gap_days,
            sum({MONTH_USED}) FILTER (is_last AND is_final AND included > 0)::BIGINT AS month_used,
            sum(included) FILTER (is_last AND is_final AND included > 0)::BIGINT AS month_included
        FROM priced GROUP BY product),
    rows_shared AS (SELECT product, {_SHARED} FROM priced WHERE NOT alone GROUP BY product)
    SELECT rows_alone.* REPLACE ({_BOTH}) FROM rows_alone LEFT JOIN rows_shared USING (product) ORDER BY product"""
_CONSUMERS = f"""
    SELECT {iccid_of("sim")} AS iccid, product, used, used / nullif((SELECT sum(used) FROM totals), 0) AS share
    FROM (SELECT sim, product, used FROM totals WHERE used > 0 ORDER BY used DESC, sim, product LIMIT {LISTED})
    ORDER BY used DESC, sim, product"""
_UNUSED = f"""
    SELECT {iccid_of("sim")} AS iccid, product, plan, country, monthly_price_cents AS price, currency, month
    FROM priced WHERE pays AND used + earlier = 0 AND gap_days = 0 ORDER BY month, product, sim LIMIT {LISTED}"""
_STEP = "CASE " + " ".join(f"WHEN {MONTH_USED} * 100 >= included * {step} THEN {step}" for step in STEPS) + " END"
_NEAR = f"""
    SELECT {iccid_of("sim")} AS iccid, * EXCLUDE (sim) FROM (
        SELECT sim, product, plan, {MONTH_USED} AS used, included, {_STEP} AS step
        FROM priced WHERE is_last AND is_final AND included > 0 AND {_STEP} IS NOT NULL
        ORDER BY {MONTH_USED} / included DESC, sim, product LIMIT {LISTED})
    ORDER BY used / included DESC, sim, product"""
_GAPS = """
    SELECT coalesce(account, '') AS account, count(DISTINCT sim) AS sims, sum(gap_days)::BIGINT AS days,
        coalesce(any_value(until), 0) AS until FROM asked LEFT JOIN collected USING (account)
    WHERE gap_days > 0 GROUP BY account ORDER BY account"""
"""`until` is the newest day that was collected at the account, 0 where none was."""


def _known_at(duck: duckdb.DuckDBPyConnection) -> datetime | None:
    ((second,),) = duck.execute("SELECT max(known_at) FROM known").fetchall()
    return None if second is None else datetime.fromtimestamp(second, UTC)


def _counts(duck: duckdb.DuckDBPyConnection) -> dict[str, int]:
    steps = ", ".join(
        f"count(*) FILTER (is_last AND is_final AND included > 0 AND {_STEP} = {step}) AS reached_{step}"
        for step in STEPS
    )
    told = duck.execute(f"""
        WITH rows_alone AS (
            SELECT {_ALONE}, coalesce(sum(used), 0)::BIGINT AS used, coalesce(sum(overage), 0)::BIGINT AS overage,
                coalesce(sum(gap_days), 0)::BIGINT AS gap_days, coalesce(sum(derived_days), 0)::BIGINT AS derived_days,
                count(*) FILTER (pays AND used + earlier = 0 AND gap_days = 0) AS unused,
                count(*) FILTER (is_last AND projected IS NULL) AS not_projected,
                count(*) FILTER (currency IS NULL) AS without_plan, {steps} FROM priced),
        rows_shared AS (SELECT {_SHARED} FROM priced WHERE NOT alone)
        SELECT rows_alone.* REPLACE ({_BOTH}) FROM rows_alone, rows_shared""")
    names = [column[0] for column in told.description]
    return dict(zip(names, map(int, told.fetchall()[0]), strict=True))


_COSTS = """
    SELECT month, product, coalesce(plan, '') AS plan, coalesce(country, '') AS country,
        count(*) FILTER (held <> 0) AS sims, count(*) FILTER (pays) AS priced_sims, sum(used)::BIGINT AS used,
        sum(used - overage)::BIGINT AS included_used, sum(overage)::BIGINT AS overage,
        any_value(monthly_price_cents) AS price, any_value(overage_cents_per_mb) AS rate,
        coalesce(any_value(currency), '') AS currency,
        sum(projected) FILTER (is_last)::BIGINT AS projected,
        sum(CASE WHEN is_last THEN greatest(0, moved_in + projected - included) - greatest(0, moved_in - included) END)
            ::BIGINT AS projected_overage
    FROM priced GROUP BY month, product, plan, country ORDER BY month, product, plan, country"""


def _costs(duck: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Prices and overage in whole cents per row: few rows, so the pure rule itself prices them."""
    rows = duck.execute(_COSTS).df()
    has_plan = rows["currency"] != ""
    price, rate = rows["price"].fillna(0).astype("int64"), rows["rate"].fillna(0.0)
    rows["price_cents"] = (rows["priced_sims"] * price).astype("Int64").where(has_plan)
    rows["overage_cents"] = _cents(rows["overage"], rate).where(has_plan)
    rows["projected_overage_cents"] = _cents(rows["projected_overage"], rate).where(has_plan)
    rows["cents"] = rows["price_cents"] + rows["overage_cents"]
    rows["projected_cents"] = rows["price_cents"] + rows["projected_overage_cents"]
    return rows


def _cents(overage: "pd.Series[Any]", rates: "pd.Series[Any]") -> "pd.Series[Any]":
    both = zip(overage, rates, strict=True)
    return pd.Series([pd.NA if pd.isna(one) else overage_cents(int(one), rate) for one, rate in both], dtype="Int64")


def _by_day(duck: duckdb.DuckDBPyConnection, days: Days) -> pd.DataFrame:
    """Each day and product: bytes, SIMs with use, SIMs held, and those of them that are not known."""
    parts = []
    for month in months(days):
        first, last = max(month.first, days.first), min(month.last, days.last)
        start, bits = days_of(month.first), range((first - month.first).days, (last - month.first).days + 1)
        sums = ", ".join(
            f"sum((held >> {bit}) & 1)::BIGINT, sum(((held & ~known) >> {bit}) & 1)::BIGINT" for bit in bits
        )
        for product, *numbers in duck.execute(
            f"SELECT product, {sums} FROM asked WHERE month = {start} GROUP BY product"
        ).fetchall():
            parts += [
                (start + bit, product, int(numbers[2 * n] or 0), int(numbers[2 * n + 1] or 0))
                for n, bit in enumerate(bits)
            ]
    held = pd.DataFrame(parts, columns=["day", "product", "sims", "gap_sims"])
    used = duck.execute(
        "SELECT day, product, sum(bytes)::BIGINT AS used, count(*) FILTER (bytes > 0) AS sims_in_use FROM day_rows "
        "GROUP BY day, product"
    ).df()
    both = held.merge(used, on=["day", "product"], how="outer").sort_values(["day", "product"], ignore_index=True)
    both[["sims", "gap_sims", "sims_in_use"]] = both[["sims", "gap_sims", "sims_in_use"]].fillna(0).astype("int64")
    both["used"] = both["used"].astype("Int64")
    nothing_known = (both["gap_sims"] >= both["sims"]) & (both["sims_in_use"] == 0)
    both["used"] = both["used"].fillna(0).mask(nothing_known & (both["sims"] > 0))
    return both


def _spreads(duck: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Each product's distribution, and the bound that the pure rule makes of it."""
    duck.execute("CREATE VIEW daily AS SELECT *, used / seen AS daily FROM totals WHERE used > 0 AND seen > 0")
    rows = duck.execute("""
        SELECT product, count(*) AS sims, median(ln(daily)) AS median_log, mad(ln(daily)) AS mad_log FROM daily
        GROUP BY product ORDER BY product""").df()
    told = rows.to_dict("records")
    spreads = [Spread(int(one["sims"]), one["median_log"], one["mad_log"]) for one in told]
    rows["median_bytes"] = pd.Series([one.median_bytes for one in spreads], dtype="int64")
    rows["bound"] = pd.Series([upper_bound(one) for one in spreads], dtype="float64")
    return rows


def _outliers(duck: duckdb.DuckDBPyConnection, spreads: pd.DataFrame) -> pd.DataFrame:
    """The farthest of the SIMs beyond their product's bound; all of them are in `outlying`."""
    duck.register("spreads", spreads)
    duck.execute("""
        CREATE TABLE outlying AS SELECT sim, product, daily, median_bytes, bound, used
        FROM daily JOIN spreads USING (product) WHERE daily > bound AND NOT isnan(bound)""")
    duck.unregister("spreads")
    return duck.execute(f"""
        SELECT {iccid_of("sim")} AS iccid, product, round(daily)::BIGINT AS daily_bytes, median_bytes,
            floor(bound)::BIGINT AS bound_bytes, used, count(*) OVER () AS whole_count
        FROM outlying ORDER BY daily / bound DESC, sim, product LIMIT {LISTED}""").df()


def _restated(duck: duckdb.DuckDBPyConnection, now: Snapshot, asked: Question) -> pd.DataFrame:
    """Days that were over and were told differently later: what was told of them first, and what counts now."""
    first, last = days_of(asked.days.first), days_of(asked.days.last)
    duck.register(
        "told",
        now.batches(
            f"SELECT {number('iccid')} AS sim, day, as_of, total_bytes FROM usage_restated "
            f"WHERE day BETWEEN {first} AND {last}"
        ),
    )
    duck.execute(
        "CREATE TABLE was AS SELECT sim, day::INTEGER AS day, arg_min(total_bytes, as_of) AS first_bytes FROM told "
        "GROUP BY ALL"
    )
    duck.unregister("told")
    return duck.execute("""
        SELECT day, count(*) AS sims, sum(first_bytes)::BIGINT AS first_bytes, sum(now_bytes)::BIGINT AS now_bytes
        FROM (SELECT sim, day, any_value(first_bytes) AS first_bytes, sum(bytes) AS now_bytes
            FROM was JOIN day_rows USING (sim, day) GROUP BY sim, day)
        GROUP BY day ORDER BY day""").df()
