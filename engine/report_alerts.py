"""What a usage report or a reconciliation found, as alerts: raised with the report that people can open."""

from collections.abc import Iterator
from datetime import UTC, date

import pandas as pd

from domain.alert_rules import (
    OutlierFact,
    ReconciliationFact,
    UsageFact,
    is_news,
    outlier_alerts,
    reconciliation_alerts,
    usage_alerts,
)
from domain.alerts import Raised
from domain.usage import day_of
from engine.alerting import raise_alerts
from engine.context import Context
from storage import findings
from storage.comparing import UNKNOWN
from storage.findings import Run
from storage.usage_figures import Figures


def alert_of_usage(context: Context, told: Figures) -> list[Raised]:
    """Alerts for what products and SIMs have used of their month so far, and for outliers; those that are new.

    A report of other days, of one carrier account, or of a month that is long over raises none. Safe to repeat. Raises
    `ValueError` for figures that were made without thresholds.
    """
    if told.news is None:
        raise ValueError("Figures for alerts are made with the thresholds that people have set.")
    with context.database.read() as tx:
        today = day_of(tx.now())
    if told.asked.carrier_account or not is_news(told.asked.days, today):
        return []
    month, past, strange = f"{told.asked.days.last:%Y-%m}", told.news.past, told.news.outliers
    counts = {(row["product"], int(row["level"])): int(row["sims"]) for row in past.to_dict("records")}
    beyond = {(row["product"], 0): int(row["sims"]) for row in strange.to_dict("records")}
    uses = [*_products(told, month), *_sims(past, month)]
    found = usage_alerts(uses, context.thresholds, counts)
    found += outlier_alerts(_strange(strange, told.asked.days.last), beyond)
    return raise_alerts(context, found)


def _products(told: Figures, month: str) -> Iterator[UsageFact]:
    for row in told.products[told.products["month_included"] > 0].to_dict("records"):
        yield UsageFact(row["product"], None, month, int(row["month_used"]), int(row["month_included"]))


def _sims(past: pd.DataFrame, month: str) -> Iterator[UsageFact]:
    for row in past.to_dict("records"):
        yield UsageFact(row["product"], row["iccid"], month, int(row["used"]), int(row["included"]))


def _strange(outliers: pd.DataFrame, on: date) -> Iterator[OutlierFact]:
    for row in outliers.to_dict("records"):
        yield OutlierFact(row["product"], row["iccid"], on, int(row["daily_bytes"]), int(row["median_bytes"]))


def alert_of_reconciliation(context: Context, run: Run, report: str | None) -> list[Raised]:
    """An alert where a run found more than the threshold allows; that it is new. `report` is where its page is."""
    with context.database.read() as tx:
        counts = {kind: count for kind, count in findings.counts_by_kind(tx, run.id).items() if kind != UNKNOWN}
    day = run.as_of.astimezone(UTC).date()
    fact = ReconciliationFact(day, counts, run.carrier_account, run.product_id, report)
    return raise_alerts(context, reconciliation_alerts([fact], context.thresholds))
