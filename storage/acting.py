"""A person's actions on SIMs in the ledger: how the SIMs stand, the operations that are planned, and freed SIMs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from sqlalchemy import func, insert, literal, select, true, update

from domain.acting import CAME_TO_NOTHING, LIVE_STEPS, SENTENCES, Fate
from domain.lifecycle import BUCKETS, Action, Bucket, SimState, Stage, Step
from domain.lines import LineCounts, LineOutcome
from domain.manifests import ACTIONS, ManifestState
from domain.texts import storable
from storage import ledger
from storage.among import among
from storage.bulk import insert_rows
from storage.database import Transaction
from storage.leased import Operation
from storage.ledger import Lease, Move
from storage.loading import record_outcomes
from storage.schema import history, manifests, operations, products, sims
from storage.sims import Choice, fits
from storage.spans import close_span, open_span

AT_ONCE = 5_000
"""SIMs of one query."""


@dataclass(frozen=True, slots=True)
class SimStanding:
    """A SIM of ours before an action: where it belongs, and the operation that stands (`domain.acting.Standing`).

    `generation` is that of the newest operation of the asked action, 0 where there is none.
    """

    iccid: str
    product_id: str
    home_country: str
    carrier_account: str
    state: SimState
    newest: tuple[Action, Step] | None
    generation: int
    has_code: bool = False  # a registration code is stored


def chosen(tx: Transaction, choice: Choice) -> list[str]:
    """The ICCIDs of all SIMs that fit, in order."""
    return list(tx.execute(select(sims.c.iccid).where(*fits(choice)).order_by(sims.c.iccid)).scalars())


def standings(tx: Transaction, iccids: Sequence[str], action: Action) -> Iterator[SimStanding]:
    """How these SIMs stand, in the order given; those that are not ours are left out."""
    asked = iter(iccids)
    while some := list(islice(asked, AT_ONCE)):
        yield from _standings(tx, some, action)


def _standings(tx: Transaction, iccids: Sequence[str], action: Action) -> Iterator[SimStanding]:
    s, o = sims.c, operations.c
    has_code = s.registration_code.is_not(None).label("has_code")
    columns = (s.iccid, s.product_id, s.home_country, s.carrier_account, s.state, has_code)
    rows = {row.iccid: row for row in tx.execute(select(*columns).where(among(tx, s.iccid, iccids)))}
    newest: dict[str, tuple[Action, Step]] = {}
    generations: dict[str, int] = {}
    told = select(o.iccid, o.action, o.step, o.generation).where(among(tx, o.iccid, iccids)).order_by(o.id)
    for iccid, word, step, generation in tx.execute(told):
        if iccid not in newest or _weight(Step(step)) >= _weight(newest[iccid][1]):
            newest[iccid] = Action(word), Step(step)
        if word == action.value:
            generations[iccid] = max(generation, generations.get(iccid, 0))
    for iccid in filter(rows.__contains__, iccids):
        row = rows[iccid]
        placed = (row.product_id, row.home_country, row.carrier_account, SimState(row.state))
        yield SimStanding(iccid, *placed, newest.get(iccid), generations.get(iccid, 0), bool(row.has_code))


def _weight(step: Step) -> int:
    """What stands: the newest under way, else the newest that has not come to nothing."""
    return 2 if step in LIVE_STEPS else 0 if step in CAME_TO_NOTHING else 1


@dataclass(frozen=True, slots=True)
class Wish:
    """Who asked for what, and why. `id` names this one time in the ledger, in place of a manifest."""

    id: str
    action: Action
    actor: str
    reason: str


def record(tx: Transaction, wish: Wish, counts: LineCounts, left: Sequence[LineOutcome]) -> None:
    """The wish in a row of its own, taken in like a manifest: each SIM that was named is a line and has its end.

    So it has a receipt and a status, and is paused, cancelled and run again as a manifest is.
    """
    row = {
        "id": wish.id,
        "source": ACTIONS,
        "item_key": wish.action.value,
        "version": wish.id,
        "state": ManifestState.LOADED.value,
        "actor": storable(wish.actor),
        "reason": storable(wish.reason),
        "received_at": tx.now(),
        "loaded_at": tx.now(),
    }
    tx.execute(insert(manifests).values(row | {name: getattr(counts, name) for name in LineCounts.__slots__}))
    record_outcomes(tx, wish.id, left)


def plan_operations(
    tx: Transaction, wish: Wish, wanted: Sequence[SimStanding], *, claiming: Collection[str] = ()
) -> dict[str, int]:
    """One planned operation for each of these SIMs, its next generation, due at once; ICCID -> id of its operation.

    `claiming` are ICCIDs that are claimed first. History begins with who asked and why. The wish has its row
    (`record`); the caller holds the turn.
    """
    o = operations.c
    before = tx.execute(select(func.coalesce(func.max(o.id), 0))).scalar_one()
    open_span(tx, wish.id)
    values = {
        "iccid": [one.iccid for one in wanted],
        "generation": [one.generation + 1 for one in wanted],
        "carrier_account": [one.carrier_account for one in wanted],
        "action": wish.action.value,
        "manifest_id": wish.id,
        "line": list(range(1, len(wanted) + 1)),
        "step": Step.PLANNED.value,
        "stage": [(Stage.CLAIM if one.iccid in claiming else Stage.CHANGE).value for one in wanted],
        "due_at": tx.now(),
        "created_at": tx.now(),
        "transitions": 1,
    }
    if wanted:
        insert_rows(tx, values, {operations: tuple(values)})
    close_span(tx, wish.id)
    mine = (o.id > before, o.manifest_id == wish.id)
    _note_asked(tx, wish, mine)
    return dict(tx.execute(select(o.iccid, o.id).where(*mine)).tuples().all())


def _note_asked(tx: Transaction, wish: Wish, mine: tuple[object, object]) -> None:
    told = {
        "nth": literal(1),
        "at": literal(tx.now(), history.c.at.type),
        "from_step": literal(Step.PLANNED.value),
        "to_step": literal(Step.PLANNED.value),
        "reason": literal("asked"),
        "detail": literal(storable(wish.reason)),
        "actor": literal(storable(wish.actor)),
    }
    asked = select(operations.c.id, operations.c.stage, *told.values()).where(*mine)  # type: ignore[arg-type]
    tx.execute(insert(history).from_select(["operation_id", "stage", *told], asked))


class Trouble(NamedTuple):
    """An operation that ended without its end: its SIM, where it stands and why."""

    iccid: str
    step: Step
    reason: str
    detail: str


def troubles(tx: Transaction, wish_id: str, limit: int) -> list[Trouble]:
    """The first operations of this wish that failed or that need a person. Reads every operation's row."""
    o = operations.c
    bad = [step.value for step, bucket in BUCKETS.items() if bucket in (Bucket.FAILED, Bucket.NEEDS_REVIEW)]
    words = (func.coalesce(o.reason, ""), func.coalesce(o.detail, ""))
    rows = select(o.iccid, o.step, *words).where(o.manifest_id == wish_id, o.step.in_(bad)).order_by(o.id)
    return [Trouble(iccid, Step(step), *why) for iccid, step, *why in tx.execute(rows.limit(limit))]


def protected_releases(tx: Transaction, ids: Sequence[int]) -> set[int]:
    """Those of these operations that would release a SIM whose product is protected from release."""
    if not ids:
        return set()
    o, p = operations.c, products.c
    rows = select(o.id).join(sims, sims.c.iccid == o.iccid).join(products, p.id == sims.c.product_id)
    protected = rows.where(among(tx, o.id, ids), o.action == Action.RELEASE.value, p.protect_from_release == true())
    return set(tx.execute(protected).scalars())


def withdraw_vain(tx: Transaction, taken: Sequence[Operation], lease: Lease) -> set[int]:
    """Withdraw those among these just taken ones that must not be asked for, or cannot be, whatever made them due.

    A release whose product is protected by now; what waited behind a claim, and the carrier has no such SIM after it.
    It is asked in the transaction that takes them: what is left is sent.
    """
    protected = protected_releases(tx, [one.id for one in taken if one.action is Action.RELEASE])
    absent = {one.id for one in taken if one.action is not Action.ACTIVATE and one.sim_state is SimState.ABSENT}
    withdrawn = _withdraw(tx, protected, lease, "protected", SENTENCES[Fate.PROTECTED])
    return withdrawn | _withdraw(tx, absent - protected, lease, "not_claimed", SENTENCES[Fate.NOT_CLAIMED])


def _withdraw(tx: Transaction, those: Collection[int], lease: Lease, reason: str, why: str) -> set[int]:
    ids = tuple(sorted(those))
    back = Move(Step.INTENT, Step.PLANNED, reason, ids, why, counts=False)
    ledger.move(tx, back, actor=lease.worker, fence=lease.fence)
    over = Move(Step.PLANNED, Step.WITHDRAWN, reason, ids, why)
    return set(ledger.move(tx, over, actor=lease.worker, fence=None))


FREE: Mapping[str, object] = {
    "state": SimState.RELEASED.value,
    **dict.fromkeys(("carrier_reference", "carrier_plan_reference", "registration_code", "msisdn")),
}
"""What a released SIM keeps of its carrier: nothing that could be used for its next owner."""


def free(tx: Transaction, iccids: Sequence[str]) -> None:
    """These SIMs are released: they left their product, and another one may import them."""
    if iccids:
        tx.execute(update(sims).where(among(tx, sims.c.iccid, iccids)).values(FREE))
