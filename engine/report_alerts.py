"""What a usage report or a reconciliation found, as alerts: raised with the report that people can open."""

from collections.abc import Iterator
from datetime import UTC

from domain.alert_rules import (
    OutlierFact,
    ReconciliationFact,
    UsageFact,
    outlier_alerts,
    reconciliation_alerts,
    usage_alerts,
)
from domain.alerts import Raised
from domain.usage import DAY, day_of, month_of
from engine.alerting import raise_alerts
from engine.context import Context
from engine.usage_report import near_limits, outliers
from storage import findings
from storage.comparing import UNKNOWN
from storage.findings import Run
from storage.usage_figures import Figures


def alert_of_usage(context: Context, told: Figures) -> list[Raised]:
    """Alerts for what products and SIMs have used of their running month, and for outliers; those that are new.

    A report of a month that was over before yesterday raises none: it is no news. Safe to repeat.
    """
    with context.database.read() as tx:
        yesterday = day_of(tx.now()) - DAY
    if month_of(told.asked.days.last) < month_of(yesterday):
        return []
    found = [*usage_alerts(_uses(told), context.thresholds), *outlier_alerts(_strange(told))]
    return raise_alerts(context, found)


def _uses(told: Figures) -> Iterator[UsageFact]:
    month = f"{told.asked.days.last:%Y-%m}"
    for row in told.products[told.products["month_included"] > 0].to_dict("records"):
        yield UsageFact(row["product"], None, month, int(row["month_used"]), int(row["month_included"]))
    for sim in near_limits(told):
        yield UsageFact(sim.product_id, sim.iccid, month, sim.used_bytes, sim.included_bytes)


def _strange(told: Figures) -> Iterator[OutlierFact]:
    for sim in outliers(told):
        yield OutlierFact(sim.product_id, sim.iccid, told.asked.days.last, sim.daily_bytes, sim.median_bytes)


def alert_of_reconciliation(context: Context, run: Run, report: str | None) -> list[Raised]:
    """An alert where a run found more than the threshold allows; that it is new. `report` is where its page is."""
    with context.database.read() as tx:
        counts = {kind: count for kind, count in findings.counts_by_kind(tx, run.id).items() if kind != UNKNOWN}
    day = run.as_of.astimezone(UTC).date()
    fact = ReconciliationFact(day, counts, run.carrier_account, run.product_id, report)
    return raise_alerts(context, reconciliation_alerts([fact], context.thresholds))
