"""What people are told of unasked, out of a report's sets: SIMs past a percentage that somebody named, and outliers.

A report's lists of SIMs are cut and begin at its own steps; these are counted whole, and named as far as alerts name
them.
"""

from dataclasses import dataclass

import duckdb
import pandas as pd

from domain.alert_rules import MOST_SIMS, Thresholds
from storage.arrow import iccid_of
from storage.usage_sets import MONTH_USED


@dataclass(frozen=True, slots=True)
class News:
    """The first SIMs of each kind, and how many there are: `sims`.

    `past`: by product and the highest of its percentages that they have passed in the last month. `outliers`: by
    product, the farthest first.
    """

    past: pd.DataFrame
    outliers: pd.DataFrame


def news_of(duck: duckdb.DuckDBPyConnection, thresholds: Thresholds) -> News:
    """What there is to tell, where `priced` and `outlying` are laid out."""
    duck.execute("CREATE TABLE percents (product VARCHAR, percent INTEGER)")
    wanted = [
        (product, percent)
        for (product,) in duck.execute("SELECT DISTINCT product FROM priced").fetchall()
        for percent in {*thresholds.of_product.get(product, thresholds.percents).sim}
    ]
    if wanted:
        duck.executemany("INSERT INTO percents VALUES (?, ?)", wanted)
    return News(duck.execute(_PAST).df(), duck.execute(_OUTLIERS).df())


_PAST = f"""
    WITH past AS (
        SELECT sim, product, any_value({MONTH_USED}) AS used, any_value(included) AS included, max(percent) AS level
        FROM priced JOIN percents USING (product)
        WHERE is_last AND is_final AND included > 0 AND {MONTH_USED} * 100 >= included * percent
        GROUP BY sim, product)
    SELECT product, level, {iccid_of("sim")} AS iccid, used, included, sims FROM (
        SELECT *, count(*) OVER (PARTITION BY product, level) AS sims,
            row_number() OVER (PARTITION BY product, level ORDER BY sim) AS place FROM past)
    WHERE place <= {MOST_SIMS} ORDER BY product, level, place"""
_OUTLIERS = f"""
    SELECT product, {iccid_of("sim")} AS iccid, round(daily)::BIGINT AS daily_bytes, median_bytes, sims FROM (
        SELECT *, count(*) OVER (PARTITION BY product) AS sims,
            row_number() OVER (PARTITION BY product ORDER BY daily / bound DESC, sim) AS place FROM outlying)
    WHERE place <= {MOST_SIMS} ORDER BY product, place"""
