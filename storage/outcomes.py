"""What became of a manifest's lines, in line order and a few thousand rows at a time: a million never sit in memory."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, func, select

from domain.lifecycle import Step
from domain.lines import LineOutcome, Reason, Verdict, given_on
from storage.database import Transaction
from storage.schema import operations, placements, plans, rejections, sims
from storage.spans import of_manifest

_ROWS_AT_ONCE = 5_000


class SimOutcome(NamedTuple):
    """An accepted line: its SIM and how far the manifest's operation has come. A tuple: there may be a million."""

    line: int
    iccid: str
    step: Step
    product_id: str
    home_country: str
    plan_name: str
    carrier_account: str
    reason: str
    detail: str
    carrier_word: str
    activated_at: datetime | None
    device: str


@dataclass(frozen=True, slots=True)
class ReasonTotal:
    """How many lines met one end for one reason, and the first of them."""

    verdict: Verdict
    reason: Reason
    line_count: int
    first_line: int
    first_text: str


@dataclass(frozen=True, slots=True)
class PlanTotal:
    """How many accepted SIMs of a manifest go to which plan; the price is of one SIM and month."""

    product_id: str
    home_country: str
    carrier_account: str
    plan_id: str
    plan_name: str
    monthly_price_cents: int
    currency: str
    sim_count: int


def outcomes(tx: Transaction, manifest_id: str, *, verdict: Verdict | None = None) -> Iterator[LineOutcome]:
    """The lines that were not simply accepted (or those of one verdict), in line order, streamed."""
    r = rejections.c
    columns = (r.line, r.verdict, r.reason, r.text, r.iccid, r.detail, r.through_line)
    rows = select(*columns).where(r.manifest_id == manifest_id).order_by(r.line)
    for line, end, reason, *more in _streamed(tx, rows if verdict is None else rows.where(r.verdict == verdict.value)):
        yield LineOutcome._make((line, _VERDICTS[end], _REASONS[reason], *more))


def lines_with(tx: Transaction, manifest_id: str, verdict: Verdict) -> list[int]:
    """The numbers of the lines that met this end, in order."""
    found = outcomes(tx, manifest_id, verdict=verdict)
    return [line for outcome in found for line in range(outcome.line, outcome.line + outcome.line_count)]


def sim_outcomes(
    tx: Transaction, manifest_id: str, *, steps: Collection[Step] = (), limit: int | None = None
) -> Iterator[SimOutcome]:
    """The accepted lines with their SIM as it is now (or the first of those at `steps`), in line order, streamed."""
    o, s = operations.c, sims.c
    plan = func.coalesce(plans.c.name, s.plan_id)
    words = [func.coalesce(word, "") for word in (o.reason, o.detail, s.carrier_word)]
    device = func.coalesce(s.device_name, s.device_id, "")
    placed = (s.product_id, s.home_country, plan, s.carrier_account)
    columns = (o.line, o.iccid, o.step, *placed, *words, s.last_activated_at, device)
    rows = select(*columns).where(of_manifest(manifest_id)).order_by(o.id).limit(limit)
    rows = rows.select_from(operations.join(sims, s.iccid == o.iccid).outerjoin(plans, plans.c.id == s.plan_id))
    if steps:
        rows = rows.where(o.step.in_([step.value for step in steps]))
    for line, iccid, step, *facts in _streamed(tx, rows):
        yield SimOutcome._make((line, iccid, _STEPS[step], *facts))


_STEPS = {step.value: step for step in Step}
_VERDICTS = {verdict.value: verdict for verdict in Verdict}
_REASONS = {reason.value: reason for reason in Reason}


def reason_totals(tx: Transaction, manifest_id: str) -> list[ReasonTotal]:
    """The lines that were not simply accepted, counted by end and reason, the commonest first."""
    r = rejections.c
    count = func.sum(func.coalesce(r.through_line, r.line) - r.line + 1).label("line_count")
    totals = select(r.verdict, r.reason, count, func.min(r.line).label("first_line"))
    totals = totals.where(r.manifest_id == manifest_id).group_by(r.verdict, r.reason)
    each = totals.subquery()
    first = and_(r.manifest_id == manifest_id, r.line == each.c.first_line)
    rows = (
        select(each, r.text, r.iccid, r.detail)
        .join(rejections, first)
        .order_by(each.c.line_count.desc(), each.c.first_line)
    )
    return [
        ReasonTotal(Verdict(row.verdict), Reason(row.reason), int(row.line_count), row.first_line, _example(row))
        for row in tx.execute(rows)
    ]


def _example(row: Any) -> str:
    """What stands on a reason's first line; of a rejected one the SIM too, and whose it is."""
    if row.verdict != Verdict.REJECTED.value:
        return str(row.text)
    return given_on(row.text or (row.detail if row.iccid else ""), row.iccid)


def plan_totals(tx: Transaction, manifest_id: str) -> list[PlanTotal]:
    """Where the new SIMs of a manifest went when it was loaded, the largest group first."""
    each, p = placements.c, plans.c
    rows = select(placements, p.name, p.monthly_price_cents, p.currency).join(plans, p.id == each.plan_id)
    rows = rows.where(each.manifest_id == manifest_id)
    return [
        PlanTotal(
            product_id=row.product_id,
            home_country=row.home_country,
            carrier_account=row.carrier_account,
            plan_id=row.plan_id,
            plan_name=row.name,
            monthly_price_cents=row.monthly_price_cents,
            currency=row.currency,
            sim_count=row.sim_count,
        )
        for row in tx.execute(rows.order_by(each.sim_count.desc(), each.plan_id, each.product_id, each.home_country))
    ]


def _streamed(tx: Transaction, rows: Select[Any]) -> Iterator[Any]:
    """On PostgreSQL a cursor on the server; SQLite hands rows out one by one anyway."""
    for part in tx.execute(rows.execution_options(yield_per=_ROWS_AT_ONCE)).partitions():
        yield from part
