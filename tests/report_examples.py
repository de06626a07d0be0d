"""A usage report as the engine makes one: every unit, two currencies, days with no answer, charts with limits."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd

from reports.document import Chart, Fact, Mark, Report, ReportColumn, Section, Unit

AS_OF = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
FIRST = date(2026, 11, 1)
DAY = ReportColumn("day", "Day (UTC)", Unit.DAY)
USED = ReportColumn("used_bytes", "Used", Unit.BYTES, summed=True)
PRODUCT = ReportColumn("product", "Product")
COST = ReportColumn("cost_cents", "Cost", Unit.CENTS, summed=True)
CURRENCY = ReportColumn("currency", "Currency")
PLAN_COLUMNS = (
    ReportColumn("plan", "Plan"),
    ReportColumn("sims", "SIMs", Unit.COUNT, summed=True),
    USED,
    ReportColumn("overage_share", "Beyond the plan", Unit.SHARE),
    COST,
    CURRENCY,
)
SIM_COLUMNS = (
    ReportColumn("iccid", "ICCID", Unit.ICCID),
    PRODUCT,
    USED,
    ReportColumn("last_seen_at", "Last seen", Unit.TIME),
    COST,
    CURRENCY,
)


def usage_example(name: str = "usage-2026-11-01--2026-11-21", as_of: datetime = AS_OF) -> Report:
    """The report; the same arguments give an equal one."""
    return Report(
        name=name,
        kind="usage",
        title="Usage, 1 to 21 November 2026",
        as_of=as_of,
        facts=(
            Fact("SIMs with usage", 1204),
            Fact("Used in all", 48_213_000_000, Unit.BYTES),
            Fact("Cost so far", 192_450, Unit.CENTS, "EUR"),
            Fact("Cost so far", 64_010, Unit.CENTS, "USD"),
            Fact("Projected for the month", 281_900, Unit.CENTS, "EUR"),
            Fact("Days without an answer", None),
        ),
        sections=(plan_section(), sim_section(), nothing_section()),
        charts=(day_chart(), plan_chart()),
        warnings=("soracom-jp did not answer for 2026-11-19: that day is not in the totals.",),
    )


def plan_section() -> Section:
    """Plans in two currencies; of one nothing is known yet."""
    rows = pd.DataFrame(
        {
            "plan": ["EU 5 MB", "Japan 1 GB", "North America 10 MB", "=HYPERLINK(0)"],
            "sims": pd.array([800, 40, 360, 4], dtype="Int64"),
            "used_bytes": pd.array([31_200_000_000, None, 16_700_000_000, 313_000_000], dtype="Int64"),
            "overage_share": [0.12, None, 0.031, 0.0],
            "cost_cents": pd.array([192_450, None, 60_000, 4_010], dtype="Int64"),
            "currency": ["EUR", "JPY", "USD", "USD"],
        }
    )
    return Section("plans", "Plans", "What each plan's SIMs used, and what they cost so far.", PLAN_COLUMNS, rows)


def sim_section(count: int = 240) -> Section:
    """SIMs by use; more than a page shows."""
    numbers = range(count)
    rows = pd.DataFrame(
        {
            "iccid": [f"893407650000{number:07d}" for number in numbers],
            "product": [("tracker", "scooter", "<b>beacon</b>")[number % 3] for number in numbers],
            "used_bytes": pd.array([900_000_000 // (number + 1) for number in numbers], dtype="int64"),
            "last_seen_at": pd.Series(
                [None if number % 7 == 3 else AS_OF - timedelta(minutes=number) for number in numbers], dtype=object
            ),
            "cost_cents": pd.array([240 + number % 5 for number in numbers], dtype="int64"),
            "currency": ["EUR" if number % 2 else "USD" for number in numbers],
        }
    )
    return Section("sims", "SIMs that used most", "The largest first.", SIM_COLUMNS, rows, shown=12)


def nothing_section() -> Section:
    """A table without a row."""
    rows = pd.DataFrame({"iccid": pd.Series([], dtype=object), "product": pd.Series([], dtype=object)})
    columns = (ReportColumn("iccid", "ICCID", Unit.ICCID), PRODUCT)
    return Section("unused", "Unused but billed", "", columns, rows, empty="No SIM is billed without use.")


def day_chart() -> Chart:
    """Use by day and product; a day without an answer is a gap."""
    days = [FIRST + timedelta(days=number) for number in range(21)]
    rows = [
        {"day": day, "product": name, "used_bytes": None if at == 18 else (1_400 + 260 * (at % 5)) * share * 500_000}
        for at, day in enumerate(days)
        for name, share in (("tracker", 2), ("scooter", 1))
    ]
    return Chart("Use by day", Mark.LINE, pd.DataFrame(rows), DAY, USED, PRODUCT, (("included", 2_600_000_000),))


def plan_chart() -> Chart:
    """Cost by plan, in one currency."""
    rows = pd.DataFrame(
        {
            "plan": ["EU 5 MB", "EU 50 MB", "Global 1 MB </script>"],
            "cost_cents": [90_000, 72_000, 30_450],
            "currency": ["EUR"] * 3,
        }
    )
    return Chart("Cost by plan", Mark.BARS, rows, ReportColumn("plan", "Plan"), COST)
