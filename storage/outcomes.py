"""What became of a manifest's lines, in line order and a few thousand rows at a time: a million never sit in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, select

from domain.lifecycle import Action, SimState, Step
from domain.lines import LineOutcome, Reason, Verdict
from storage.database import Transaction
from storage.schema import operations, plans, rejections, sims

_ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class SimOutcome:
    """An accepted line: its SIM and the operation that the manifest brought. Times are UTC."""

    line: int
    iccid: str
    product_id: str
    home_country: str
    carrier_account: str
    plan_id: str
    plan_name: str
    action: Action
    step: Step
    attempt: int
    reason: str
    detail: str
    due_at: datetime
    finished_at: datetime | None
    state: SimState
    carrier_word: str
    msisdn: str | None
    imsi: str | None
    last_activated_at: datetime | None
    device_id: str | None
    device_name: str | None
    note: str | None


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
    rows = select(rejections).where(r.manifest_id == manifest_id).order_by(r.line)
    for row in _streamed(tx, rows if verdict is None else rows.where(r.verdict == verdict.value)):
        yield LineOutcome(
            row.line, Verdict(row.verdict), Reason(row.reason), row.text, row.iccid, row.detail, row.through_line
        )


def lines_with(tx: Transaction, manifest_id: str, verdict: Verdict) -> list[int]:
    """The numbers of the lines that met this end, in order."""
    found = outcomes(tx, manifest_id, verdict=verdict)
    return [line for outcome in found for line in range(outcome.line, outcome.line + outcome.line_count)]


def sim_outcomes(tx: Transaction, manifest_id: str) -> Iterator[SimOutcome]:
    """The accepted lines with their SIM and operation as they are now, in line order, streamed."""
    o, s = operations.c, sims.c
    operation = (o.line, o.iccid, o.action, o.step, o.attempt, o.reason, o.detail, o.due_at, o.finished_at)
    sim = [s[name] for name in _FROM_SIM]
    rows = select(*operation, *sim, plans.c.name.label("plan_name"))
    rows = rows.select_from(operations.join(sims, s.iccid == o.iccid).outerjoin(plans, plans.c.id == s.plan_id))
    for row in _streamed(tx, rows.where(o.manifest_id == manifest_id).order_by(o.line)):
        yield _sim_outcome(row)


def reason_totals(tx: Transaction, manifest_id: str) -> list[ReasonTotal]:
    """The lines that were not simply accepted, counted by end and reason, the commonest first."""
    r = rejections.c
    count = func.sum(func.coalesce(r.through_line, r.line) - r.line + 1).label("line_count")
    totals = select(r.verdict, r.reason, count, func.min(r.line).label("first_line"))
    totals = totals.where(r.manifest_id == manifest_id).group_by(r.verdict, r.reason)
    each = totals.subquery()
    first = and_(r.manifest_id == manifest_id, r.line == each.c.first_line)
    rows = select(each, r.text).join(rejections, first).order_by(each.c.line_count.desc(), each.c.first_line)
    return [
        ReasonTotal(Verdict(row.verdict), Reason(row.reason), int(row.line_count), row.first_line, row.text)
        for row in tx.execute(rows)
    ]


def plan_totals(tx: Transaction, manifest_id: str) -> list[PlanTotal]:
    """The accepted SIMs of a manifest counted by product, home country and plan, the largest first."""
    o, s, p = operations.c, sims.c, plans.c
    placed = (s.product_id, s.home_country, s.carrier_account, s.plan_id)
    counted = select(*placed, func.count().label("sim_count")).join(operations, o.iccid == s.iccid)
    each = counted.where(o.manifest_id == manifest_id).group_by(*placed).subquery()
    rows = select(each, p.name, p.monthly_price_cents, p.currency).join(plans, p.id == each.c.plan_id)
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
        for row in tx.execute(rows.order_by(each.c.sim_count.desc(), each.c.plan_id, each.c.product_id))
    ]


def _streamed(tx: Transaction, rows: Select[Any]) -> Iterator[Any]:
    """On PostgreSQL a cursor on the server; SQLite hands rows out one by one anyway."""
    yield from tx.execute(rows.execution_options(yield_per=_ROWS_AT_ONCE))


_FROM_SIM = (
    "product_id",
    "home_country",
    "carrier_account",
    "plan_id",
    "state",
    "carrier_word",
    "msisdn",
    "imsi",
    "last_activated_at",
    "device_id",
    "device_name",
    "note",
)


def _sim_outcome(row: Any) -> SimOutcome:
    return SimOutcome(
        line=row.line or 0,
        iccid=row.iccid,
        product_id=row.product_id,
        home_country=row.home_country,
        carrier_account=row.carrier_account,
        plan_id=row.plan_id,
        plan_name=row.plan_name or row.plan_id,
        action=Action(row.action),
        step=Step(row.step),
        attempt=row.attempt,
        reason=row.reason or "",
        detail=row.detail or "",
        due_at=row.due_at,
        finished_at=row.finished_at,
        state=SimState(row.state),
        carrier_word=row.carrier_word or "",
        msisdn=row.msisdn,
        imsi=row.imsi,
        last_activated_at=row.last_activated_at,
        device_id=row.device_id,
        device_name=row.device_name,
        note=row.note,
    )
