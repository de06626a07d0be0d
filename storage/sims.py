"""SIMs: pages of the fleet, one SIM with its whole story, and what carriers say of them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Subquery,
    and_,
    case,
    func,
    literal,
    not_,
    select,
    text,
    update,
)

from domain.lifecycle import Action, SimState, Stage, Step
from domain.texts import storable
from domain.usage import Days
from storage.among import among, as_rows
from storage.database import Transaction
from storage.schema import RELEASED, history, manifests, operations, sims
from storage.unused import is_unused


@dataclass(frozen=True, slots=True)
class SeenSim:
    """What a carrier says of one SIM; what it does not say (None) stays as it was. An absent SIM has no id there."""

    iccid: str
    state: SimState
    word: str
    carrier_reference: str | None = None
    plan_reference: str | None = None
    msisdn: str | None = None
    imsi: str | None = None


@dataclass(frozen=True, slots=True)
class SimRow:
    """A SIM as the database has it, without its registration code. Times are UTC."""

    iccid: str
    product_id: str
    carrier_account: str
    plan_id: str
    home_country: str
    manifest_id: str
    line: int
    state: SimState
    carrier_word: str | None
    carrier_reference: str | None
    carrier_plan_reference: str | None
    device_id: str | None
    device_name: str | None
    note: str | None
    msisdn: str | None
    imsi: str | None
    first_activated_at: datetime | None
    last_activated_at: datetime | None
    activations_count: int
    deactivations_count: int
    seen_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of history."""

    at: datetime
    stage: Stage
    from_step: Step
    to_step: Step
    reason: str
    detail: str
    actor: str


@dataclass(frozen=True, slots=True)
class OperationStory:
    """One operation: where it came from, how far it has come, and every step on the way, oldest first."""

    id: int
    action: Action
    generation: int
    manifest_id: str
    item_key: str | None
    line: int | None
    step: Step
    stage: Stage
    reason: str | None
    detail: str | None
    due_at: datetime
    created_at: datetime
    transitions: tuple[Transition, ...]


_COLUMNS = [sims.c[name] for name in SimRow.__slots__]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which SIMs are meant: all that fit whatever is named."""

    product: str | None = None
    state: SimState | None = None
    country: str | None = None
    iccid_prefix: str = ""
    carrier_account: str | None = None
    unused: Days | None = None  # without usage on each of these days


EVERY_SIM = Choice()


def page(
    tx: Transaction, choice: Choice = EVERY_SIM, *, after: str | None = None, skip: int = 0, limit: int = 50
) -> list[SimRow]:
    """SIMs by ICCID; `after` is the last ICCID of the page before, `skip` how many come before this page."""
    c = sims.c
    fitting = fits(choice)
    if not tx.is_postgresql:  # it keeps no statistics, and would sort a whole product for each page
        fitting = [func.likely(condition) for condition in fitting]
    rows = select(*_COLUMNS).where(*fitting).order_by(c.iccid).limit(limit).offset(skip)
    if after is not None:
        rows = rows.where(c.iccid > after)
    return [_row(row) for row in tx.execute(rows)]


def count(tx: Transaction, choice: Choice = EVERY_SIM) -> int:
    """How many SIMs fit. Reads each of them where anything is named (0.1 s per million)."""
    return int(tx.execute(select(func.count()).select_from(sims).where(*fits(choice))).scalar_one())


def fits(choice: Choice) -> list[ColumnElement[bool]]:
    """True for the SIMs that are meant."""
    c = sims.c
    named = (
        *((c.product_id, choice.product), (c.state, choice.state), (c.home_country, choice.country)),
        (c.carrier_account, choice.carrier_account),
    )
    conditions = [found == str(wanted) for found, wanted in named if wanted is not None]
    if choice.iccid_prefix:
        conditions += [c.iccid >= choice.iccid_prefix, c.iccid < choice.iccid_prefix + ":"]  # ":" follows "9"
    return [*conditions, *([] if choice.unused is None else [is_unused(choice.unused)])]


def one(tx: Transaction, iccid: str) -> SimRow | None:
    """The SIM of this ICCID, if it is ours."""
    row = tx.execute(select(*_COLUMNS).where(sims.c.iccid == iccid)).one_or_none()
    return _row(row) if row else None


def story(tx: Transaction, iccid: str) -> list[OperationStory]:
    """Every operation of a SIM, oldest first, with its history and the manifest and line that asked for it."""
    o = operations.c
    rows = select(operations, manifests.c.item_key).outerjoin(manifests, manifests.c.id == o.manifest_id)
    found = tx.execute(rows.where(o.iccid == iccid).order_by(o.id)).all()
    transitions = _transitions(tx, [row.id for row in found])
    return [_operation(row, tuple(transitions.get(row.id, ()))) for row in found]


def fleet_count(tx: Transaction, product: str) -> int:
    """How many SIMs a product has; released ones are no longer its own."""
    of_product = select(func.count()).select_from(sims).where(sims.c.product_id == product)
    released = tx.execute(of_product.where(text(RELEASED))).scalar_one()
    return int(tx.execute(of_product).scalar_one()) - int(released)


def account_sim_count(tx: Transaction, carrier_account: str) -> int:
    """How many SIMs we believe a carrier account holds. Reads every SIM (0.2 s per million)."""
    of_account = select(func.count()).select_from(sims).where(sims.c.carrier_account == carrier_account)
    return int(tx.execute(of_account).scalar_one())


def observe(tx: Transaction, seen: Iterable[SeenSim]) -> int:
    """Write down what a carrier said now; returns how many of the SIMs are ours. Of one ICCID the last word counts.

    A SIM that becomes active from another state counts an activation; one that we have seen active and that becomes
    deactivated counts a deactivation. A bar that the carrier sets and lifts is neither.
    """
    newest = {sim.iccid: replace(sim, word=storable(sim.word)) for sim in seen}
    if not newest:
        return 0
    if tx.is_postgresql:  # always in one order, so that two observers wait for each other instead of crosswise
        locked = select(sims.c.iccid).where(among(tx, sims.c.iccid, list(newest))).order_by(sims.c.iccid)
        tx.execute(locked.with_for_update())
    told = as_rows(tx, SeenSim.__slots__, [asdict(sim) for sim in newest.values()])
    return int(tx.execute(update(sims).where(sims.c.iccid == told.c.iccid).values(_observed(tx, told))).rowcount)


def _observed(tx: Transaction, told: Subquery) -> dict[Any, Any]:
    s, t = sims.c, told.c
    now = literal(tx.now(), s.seen_at.type)
    unbarred = and_(s.state == SimState.BARRED.value, s.first_activated_at.is_not(None))
    activated = and_(t.state == SimState.ACTIVE.value, s.state != SimState.ACTIVE.value, not_(unbarred))
    paused = and_(t.state == SimState.DEACTIVATED.value, s.state != SimState.DEACTIVATED.value)
    is_there = t.state != SimState.ABSENT.value  # what is gone comes back under another id, or by another request
    return {
        s.state: t.state,
        s.carrier_word: t.word,
        s.carrier_reference: case((is_there, func.coalesce(t.carrier_reference, s.carrier_reference)), else_=None),
        s.carrier_plan_reference: func.coalesce(t.plan_reference, s.carrier_plan_reference),
        s.msisdn: func.coalesce(t.msisdn, s.msisdn),
        s.imsi: func.coalesce(t.imsi, s.imsi),
        s.seen_at: now,
        s.first_activated_at: case((activated, func.coalesce(s.first_activated_at, now)), else_=s.first_activated_at),
        s.last_activated_at: case((activated, now), else_=s.last_activated_at),
        s.activations_count: s.activations_count + case((activated, 1), else_=0),
        s.deactivations_count: s.deactivations_count
        + case((and_(paused, s.first_activated_at.is_not(None)), 1), else_=0),
    }


def blank_codes(tx: Transaction, iccids: Sequence[str]) -> None:
    """Forget the registration codes of these SIMs: they have done their work."""
    if iccids:
        c = sims.c
        known = and_(among(tx, c.iccid, iccids), c.registration_code.is_not(None))
        tx.execute(update(sims).where(known).values(registration_code=None))


def _transitions(tx: Transaction, operation_ids: Sequence[int]) -> dict[int, list[Transition]]:
    h = history.c
    rows = select(history).where(among(tx, h.operation_id, operation_ids)).order_by(h.operation_id, h.nth)
    found: dict[int, list[Transition]] = {}
    for row in tx.execute(rows) if operation_ids else ():
        moved = Transition(
            row.at, Stage(row.stage), Step(row.from_step), Step(row.to_step), row.reason, row.detail, row.actor
        )
        found.setdefault(row.operation_id, []).append(moved)
    return found


def _operation(row: Any, transitions: tuple[Transition, ...]) -> OperationStory:
    return OperationStory(
        id=row.id,
        action=Action(row.action),
        generation=row.generation,
        manifest_id=row.manifest_id,
        item_key=row.item_key,
        line=row.line,
        step=Step(row.step),
        stage=Stage(row.stage),
        reason=row.reason,
        detail=row.detail,
        due_at=row.due_at,
        created_at=row.created_at,
        transitions=transitions,
    )


def _row(row: Any) -> SimRow:
    return SimRow(
        **{name: getattr(row, name) for name in SimRow.__slots__ if name != "state"}, state=SimState(row.state)
    )
