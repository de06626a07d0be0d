"""The tables and charts of a usage report, as people read them."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pandas as pd

from domain.usage_outliers import FEWEST, LEAST_FACTOR
from reports.document import Chart, Mark, ReportColumn, Section, Unit
from storage.schema import EPOCH
from storage.usage_figures import LISTED, Figures

SERIES = 8
"""So many products have a line of their own; the others share one."""
OTHERS = "others"
NUMBERS = frozenset({Unit.COUNT, Unit.BYTES, Unit.CENTS})

_DAY = ReportColumn("day", "Day", Unit.DAY)
_MONTH = ReportColumn("month", "Month", Unit.DAY)
_ICCID = ReportColumn("iccid", "ICCID", Unit.ICCID)
_PRODUCT = ReportColumn("product", "Product")
_PLAN = ReportColumn("plan", "Plan")
_COUNTRY = ReportColumn("country", "Home country")
_CURRENCY = ReportColumn("currency", "Currency")
_USED = ReportColumn("used", "Used", Unit.BYTES, summed=True)
_BYTES = (
    _USED,
    ReportColumn("included_used", "Of it included", Unit.BYTES, summed=True),
    ReportColumn("overage", "Of it overage", Unit.BYTES, summed=True),
)
_MONEY = (
    _CURRENCY,
    ReportColumn("price_cents", "Monthly prices", Unit.CENTS, summed=True),
    ReportColumn("overage_cents", "Overage", Unit.CENTS, summed=True),
    ReportColumn("cents", "Cost", Unit.CENTS, summed=True),
    ReportColumn("projected", "Projected use", Unit.BYTES, summed=True),
    ReportColumn("projected_cents", "Projected cost", Unit.CENTS, summed=True),
)
_SIMS = ReportColumn("sims", "SIMs", Unit.COUNT)


def sections(told: Figures) -> tuple[Section, ...]:
    """Every table, the sums first, then single SIMs, then what is not known and what was told anew."""
    return (*_sums(told), *_single_sims(told), *_reservations(told))


def charts(told: Figures) -> tuple[Chart, ...]:
    """Day by day: the fleet, and its products where there are several. A day of which nothing is known is a gap."""
    days = ReportColumn("day", "Day (UTC)", Unit.DAY)
    fleet = Chart("Use by day", Mark.BARS, _fleet_days(told)[["day", "used"]], days, _USED)
    if told.by_day["product"].nunique() < 2:
        return (fleet,)
    return (fleet, Chart("Use by day and product", Mark.LINE, _product_days(told), days, _USED, _PRODUCT))


def _sums(told: Figures) -> Iterable[Section]:
    yield _section(
        "products",
        "Products",
        "What each product's SIMs used. The projection takes the days that are not known to be like those that are.",
        (
            _PRODUCT,
            _SIMS,
            ReportColumn("sims_in_use", "With use", Unit.COUNT),
            *_BYTES,
            ReportColumn("projected", "Projected use of the month", Unit.BYTES, summed=True),
            ReportColumn("gap_days", "Days not known", Unit.COUNT, summed=True),
        ),
        told.products,
    )
    yield _section(
        "plans", "Plans and home countries", _PRICED, (_PLAN, _COUNTRY, *_BYTES, *_MONEY), _by_plan(told.costs)
    )
    yield _section(
        "costs",
        "Costs",
        "The same by month and product: every sum of money above is made of these rows.",
        (_MONTH, _PRODUCT, _PLAN, _COUNTRY, _SIMS, *_BYTES, *_MONEY),
        told.costs,
    )
    yield _section(
        "days",
        "Days",
        "UTC days. Where nothing is known of any SIM there is no number.",
        (
            _DAY,
            _USED,
            ReportColumn("sims_in_use", "SIMs with use", Unit.COUNT),
            ReportColumn("sims", "SIMs", Unit.COUNT),
            ReportColumn("gap_sims", "SIMs not known", Unit.COUNT),
        ),
        _fleet_days(told),
    )


_PRICED = (
    "Included data belongs to one SIM and one calendar month; the monthly price is counted once for each SIM and month "
    "that these days touch, at the catalogue's present prices."
)


def _single_sims(told: Figures) -> Iterable[Section]:
    step = ReportColumn("step", "Reached %", Unit.COUNT)
    included = ReportColumn("included", "Included", Unit.BYTES)
    yield _section(
        "limits",
        "Limits reached or near",
        f"SIMs that have used 70, 90 or 100 % of their month's included data. {_first(told.near_limits)}",
        (_ICCID, _PRODUCT, _PLAN, ReportColumn("used", "Used", Unit.BYTES), included, step),
        told.near_limits,
    )
    median, bound = ReportColumn("median_bytes", "Median", Unit.BYTES), ReportColumn("bound_bytes", "Bound", Unit.BYTES)
    daily = ReportColumn("daily_bytes", "Bytes a day", Unit.BYTES)
    yield _section(
        "outliers",
        "Outliers",
        "SIMs far above the others of their product, by its median and median absolute deviation (in logarithms), and "
        f"at least {LEAST_FACTOR:g} times the median. Products with fewer than {FEWEST} SIMs in use are not judged.",
        (_ICCID, _PRODUCT, daily, median, bound, ReportColumn("used", "Used", Unit.BYTES)),
        told.outliers,
    )
    yield _section(
        "consumers",
        "Top consumers",
        f"The SIMs that used most. {_first(told.consumers)}",
        (_ICCID, _PRODUCT, ReportColumn("used", "Used", Unit.BYTES), ReportColumn("share", "Share of all", Unit.SHARE)),
        told.consumers,
    )
    price = ReportColumn("price_cents", "Monthly price", Unit.CENTS)
    yield _section(
        "unused",
        "Paid for and not used",
        f"SIMs of which every day is known, and none had any use. {_first(told.unused)}",
        (_ICCID, _PRODUCT, _PLAN, _COUNTRY, _MONTH, _CURRENCY, price),
        told.unused.rename(columns={"price": "price_cents"}),
    )


def _first(rows: pd.DataFrame) -> str:
    return f"The first {LISTED:,} are listed." if len(rows) == LISTED else ""


def _reservations(told: Figures) -> Iterable[Section]:
    days, first = ReportColumn("days", "Days", Unit.COUNT, summed=True), ReportColumn("account", "Carrier account")
    yield _section(
        "gaps", "Not known", "Days of SIMs that no carrier has told of to an end.", (first, _SIMS, days), told.gaps
    )
    before = ReportColumn("first_bytes", "Told first", Unit.BYTES, summed=True)
    now = ReportColumn("now_bytes", "Told last", Unit.BYTES, summed=True)
    yield _section(
        "restated",
        "Restated",
        "Days that were over and were told differently later; the newest word counts everywhere above.",
        (_DAY, _SIMS, before, now),
        told.restated,
    )


def _section(name: str, heading: str, sentence: str, columns: tuple[ReportColumn, ...], rows: pd.DataFrame) -> Section:
    shaped = pd.DataFrame({column.name: _shaped(rows[column.name], column.unit) for column in columns})
    return Section(name, heading, sentence.rstrip(), columns, shaped)


def _shaped(values: "pd.Series[Any]", unit: Unit) -> "pd.Series[Any]":
    """The values as every writer expects them of this unit."""
    if unit in NUMBERS:
        return values.astype("Int64")
    if unit is Unit.SHARE:
        return values.astype("Float64")
    if unit is Unit.DAY:
        days = [
            EPOCH + timedelta(days=int(day)) if isinstance(day, int) or hasattr(day, "dtype") else day for day in values
        ]
        return pd.Series(days, index=values.index, dtype=object)
    return pd.Series([None if pd.isna(text) else str(text) for text in values], index=values.index, dtype=object)


def _by_plan(costs: pd.DataFrame) -> pd.DataFrame:
    """The costs without month and product. A sum of which nothing is known is not known."""
    names = [column.name for column in (*_BYTES, *_MONEY) if column.name != "currency"]
    grouped = costs.astype(dict.fromkeys(names, "Int64")).groupby(["plan", "country", "currency"], sort=True)
    return grouped[names].sum(min_count=1).reset_index()


def _fleet_days(told: Figures) -> pd.DataFrame:
    days = told.by_day.groupby("day", sort=True)
    sums = days[["used"]].sum(min_count=1).join(days[["sims_in_use", "sims", "gap_sims"]].sum()).reset_index()
    return sums.assign(day=_shaped(sums["day"], Unit.DAY))


def _product_days(told: Figures) -> pd.DataFrame:
    """A line for each of the products that used most, one for all others."""
    most = told.by_day.groupby("product")["used"].sum().sort_values(ascending=False, kind="stable").index[:SERIES]
    names: Mapping[str, str] = {str(name): str(name) for name in most}
    series = told.by_day["product"].map(lambda name: names.get(name, OTHERS))
    sums = (
        told.by_day.assign(product=series).groupby(["day", "product"], sort=True)["used"].sum(min_count=1).reset_index()
    )
    return sums.assign(day=_shaped(sums["day"], Unit.DAY), product=sums["product"].astype(object))
