"""Questions whose answer must be nothing: the ledger's own rules as queries, for the invariant checker."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from sqlalchemy import ColumnElement, and_, func, or_, select, text

from domain.lifecycle import OPEN_STEPS, Stage, Step
from domain.lines import LineCounts, Verdict
from domain.manifests import ACTIONS, ManifestState
from storage.database import Transaction
from storage.schema import TO_SETTLE, history, manifests, operations, placements, plans, rejections, sims
from storage.spans import of_manifest

TAKEN = (ManifestState.LOADED.value, ManifestState.FINISHED.value)
PLACED = ("product_id", "home_country", "carrier_account", "plan_id")
LIVE = (Step.PLANNED.value, *(step.value for step in OPEN_STEPS))


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A manifest whose numbers contradict each other."""

    id: str
    sentence: str


def manifests_that_do_not_add_up(tx: Transaction) -> Iterator[Disagreement]:
    """Taken manifests: the five ends sum to the lines, and each end has exactly its rows."""
    span = func.coalesce(rejections.c.through_line, rejections.c.line) - rejections.c.line + 1
    counted: dict[tuple[str, str], int] = {}
    for row in tx.execute(
        select(rejections.c.manifest_id, rejections.c.verdict, func.sum(span).label("n")).group_by(
            rejections.c.manifest_id, rejections.c.verdict
        )
    ):
        counted[row.manifest_id, row.verdict] = int(row.n)
    planned = select(operations.c.manifest_id, func.count().label("n"))
    operations_of = {row.manifest_id: row.n for row in tx.execute(planned.group_by(operations.c.manifest_id))}
    for row in tx.execute(select(manifests).where(manifests.c.state.in_(TAKEN))):
        counts = LineCounts(row.lines, row.ignored, row.accepted, row.rejected, row.duplicate, row.known)
        if not counts.adds_up():
            yield Disagreement(row.id, f"its lines do not sum to their five ends: {counts}")
        for verdict in ("ignored", "rejected", "duplicate", "known"):
            if counted.get((row.id, verdict), 0) != getattr(counts, verdict):
                yield Disagreement(
                    row.id, f"{getattr(counts, verdict)} lines {verdict}, {counted.get((row.id, verdict), 0)} kept"
                )
        if operations_of.get(row.id, 0) != row.accepted:
            yield Disagreement(row.id, f"{row.accepted} SIMs accepted, {operations_of.get(row.id, 0)} in the ledger")


def ends_of_lines(tx: Transaction, manifest_id: str) -> dict[int, tuple[Verdict, str | None]]:
    """Line -> what became of it, and the SIM that it was taken for; of a run of blank lines the first."""
    o, r = operations.c, rejections.c
    accepted = tx.execute(select(o.line, o.iccid).where(of_manifest(manifest_id)))
    ends: dict[int, tuple[Verdict, str | None]] = {line: (Verdict.ACCEPTED, iccid) for line, iccid in accepted}
    others = tx.execute(select(r.line, r.verdict, r.iccid).where(r.manifest_id == manifest_id))
    return ends | {line: (Verdict(verdict), iccid) for line, verdict, iccid in others}


def broken_histories(tx: Transaction) -> Iterator[tuple[int, str]]:
    """Operations whose transitions do not follow each other up to the step where they are, one row for each.

    They begin where operations begin, and each says who made it and why.
    """
    h, o = history.c, operations.c
    before = func.lag(h.to_step).over(partition_by=h.operation_id, order_by=h.nth)
    chained = select(h.operation_id, h.from_step, before.label("before")).subquery()
    for row in tx.execute(select(chained).where(chained.c.before != chained.c.from_step)):
        yield row.operation_id, f"it was {row.before}, and its next transition starts at {row.from_step}"
    newest = and_(h.operation_id == o.id, h.nth == o.transitions)
    untold = or_(and_(h.to_step.is_(None), o.step != Step.PLANNED.value), h.to_step != o.step)
    rows = select(o.id, o.step, h.to_step).join(history, newest, isouter=True).where(untold)
    for row in tx.execute(rows.order_by(o.id)):
        yield row.id, f"it is {row.step}, and its history ends at {row.to_step}"
    yield from _rows_removed_or_added(tx)
    begins_late = and_(h.nth == 1, h.from_step.not_in((Step.PLANNED.value, Step.HELD.value)))
    rows = select(h.operation_id, h.nth, h.from_step).where(or_(begins_late, h.actor == "", h.reason == ""))
    for row in tx.execute(rows.order_by(h.operation_id, h.nth)):
        yield row.operation_id, f"transition {row.nth}, from {row.from_step}, is no first one, or lacks who and why"


def _rows_removed_or_added(tx: Transaction) -> Iterator[tuple[int, str]]:
    h, o = history.c, operations.c
    kept = select(h.operation_id, func.count().label("n"), func.max(h.nth).label("last")).group_by(h.operation_id)
    told = kept.subquery()
    n, last = func.coalesce(told.c.n, 0), func.coalesce(told.c.last, 0)
    rows = select(o.id, o.transitions, n.label("n")).join(told, told.c.operation_id == o.id, isouter=True)
    for row in tx.execute(rows.where(or_(n != o.transitions, last != o.transitions)).order_by(o.id)):
        yield row.id, f"it moved {row.transitions} times, and its history has {row.n} rows"


def operations_of_unused_manifests(tx: Transaction) -> list[tuple[str, int]]:
    """Manifests that were not taken and have operations all the same."""
    o = operations.c
    rows = select(o.manifest_id, func.count()).join(manifests, manifests.c.id == o.manifest_id)
    rows = rows.where(manifests.c.state.not_in(TAKEN)).group_by(o.manifest_id)
    return [(row[0], row[1]) for row in tx.execute(rows)]


def sims_placed_otherwise(tx: Transaction) -> list[str]:
    """SIMs whose product, home country, carrier account and plan together are none that their manifest planned."""
    s, p = sims.c, placements.c
    planned = and_(p.manifest_id == s.manifest_id, *(p[name] == s[name] for name in PLACED))
    rows = select(s.iccid).join(placements, planned, isouter=True).where(p.manifest_id.is_(None))
    return list(tx.execute(rows.order_by(s.iccid)).scalars())


def placements_exceeded(tx: Transaction) -> list[tuple[str, int, int]]:
    """Manifests (id, planned, found) of which more SIMs stand in one place than were planned for it."""
    s, p = sims.c, placements.c
    planned = and_(p.manifest_id == s.manifest_id, *(p[name] == s[name] for name in PLACED))
    found = func.count().label("found")
    rows = select(p.manifest_id, p.sim_count, found).join(sims, planned).group_by(*placements.primary_key, p.sim_count)
    return [tuple(row) for row in tx.execute(rows.having(found > p.sim_count).order_by(p.manifest_id))]


def sims_on_another_plan(tx: Transaction) -> list[tuple[str, str, str]]:
    """SIMs (ICCID, planned, actual) of which the carrier says another plan than ours."""
    s, p = sims.c, plans.c
    rows = select(s.iccid, p.carrier_reference, s.carrier_plan_reference).join(plans, p.id == s.plan_id)
    rows = rows.where(s.carrier_plan_reference.is_not(None), s.state == "active")
    return [tuple(row) for row in tx.execute(rows.where(p.carrier_reference != s.carrier_plan_reference))]


def totals(tx: Transaction) -> tuple[int, int, int]:
    """SIMs in all, summed over the products, and summed over the manifests' accepted lines.

    A line that took a SIM over which another product had released counts no SIM of its own.
    """
    in_all = tx.execute(select(func.count()).select_from(sims)).scalar_one()
    groups = select(func.count().label("n")).select_from(sims).group_by(sims.c.product_id).subquery()
    by_product = tx.execute(select(func.coalesce(func.sum(groups.c.n), 0))).scalar_one()
    files = (manifests.c.state.in_(TAKEN), manifests.c.source != ACTIONS)
    accepted = select(func.coalesce(func.sum(manifests.c.accepted), 0)).where(*files)
    o = operations.c
    taken_over = select(func.count()).select_from(operations).where(_from_a_file(), o.generation > 1)
    by_manifest = int(tx.execute(accepted).scalar_one()) - int(tx.execute(taken_over).scalar_one())
    return int(in_all), int(by_product), by_manifest


def open_past_deadline(tx: Transaction, seconds: float) -> list[tuple[str, str]]:
    """Operations (ICCID, step) that have not ended so long after their deadline, or never will: they have none."""
    o = operations.c
    late = or_(o.deadline_at.is_(None), o.deadline_at < tx.now() - timedelta(seconds=seconds))
    return [(row.iccid, row.step) for row in tx.execute(select(o.iccid, o.step).where(text(TO_SETTLE), late))]


def finished_too_early(tx: Transaction) -> list[tuple[str, int]]:
    """Finished manifests of which operations still move by themselves, and how many."""
    o = operations.c
    rows = select(o.manifest_id, func.count()).join(manifests, manifests.c.id == o.manifest_id)
    rows = rows.where(manifests.c.state == ManifestState.FINISHED.value, o.step.in_(LIVE)).group_by(o.manifest_id)
    return [(row[0], row[1]) for row in tx.execute(rows)]


def planned_again_within(tx: Transaction, account: str, quiet_seconds: float) -> list[tuple[str, float]]:
    """SIMs (ICCID, seconds) that were planned again so soon after a request that could still take effect."""
    h, o, earlier = history.c, operations.c, history.alias()
    asked = select(func.max(earlier.c.at)).where(
        earlier.c.operation_id == h.operation_id,
        earlier.c.nth < h.nth,
        or_(
            earlier.c.to_step.in_((Step.INTENT.value, Step.SENT.value, Step.ACCEPTED.value)),
            earlier.c.reason == "restored",  # from a backup: until then a request may have left that it has forgotten
        ),
    )
    rows = select(o.iccid, h.at, asked.scalar_subquery().label("asked_at")).join(operations, o.id == h.operation_id)
    seen_untouched = h.reason.in_(("untouched", "decided"))  # by us, or by a person
    rows = rows.where(o.carrier_account == account, h.to_step == Step.PLANNED.value, seen_untouched)
    waited = [(row.iccid, (row.at - row.asked_at).total_seconds()) for row in tx.execute(rows)]
    return [(iccid, seconds) for iccid, seconds in waited if seconds < quiet_seconds]


def generations(tx: Transaction, account: str) -> dict[tuple[str, str], int]:
    """(ICCID, action) -> how many generations were planned at this carrier account."""
    o = operations.c
    rows = select(o.iccid, o.action, func.count(o.generation.distinct()).label("n")).where(o.carrier_account == account)
    return {(row.iccid, row.action): row.n for row in tx.execute(rows.group_by(o.iccid, o.action))}


def claims(tx: Transaction, account: str) -> dict[str, int]:
    """ICCID -> how many times the SIM was brought to this carrier account: once, and again after a release."""
    o, h = operations.c, history.c
    began = select(h.operation_id).where(h.nth == 1, h.stage == Stage.CLAIM.value)  # an action that takes one back
    brought = or_(_from_a_file(), o.id.in_(began))
    rows = select(o.iccid, func.count()).where(o.carrier_account == account, brought).group_by(o.iccid)
    return dict(tx.execute(rows).tuples().all())


def _from_a_file() -> ColumnElement[bool]:
    """True for operations that a manifest brought, and no action."""
    m = manifests.c
    return operations.c.manifest_id.not_in(select(m.id).where(m.source == ACTIONS))


def together_in_flight(tx: Transaction) -> list[str]:
    """SIMs of which two operations were under way at the same moment, by their histories."""
    o, h = operations.c, history.c
    several = select(o.iccid).group_by(o.iccid).having(func.count() > 1)
    rows = select(o.iccid, h.at, h.from_step, h.to_step).join(operations, o.id == h.operation_id)
    open_words = {step.value for step in OPEN_STEPS}
    turns: dict[str, list[tuple[datetime, int]]] = {}
    for iccid, at, before, after in tx.execute(rows.where(o.iccid.in_(several))):
        change = (after in open_words) - (before in open_words)
        if change:
            turns.setdefault(iccid, []).append((at, change))
    return sorted(iccid for iccid, changes in turns.items() if _most(changes) > 1)


def _most(changes: list[tuple[datetime, int]]) -> int:
    """The most at any moment; what ends at a moment makes room for what begins then."""
    return max(accumulate(change for _, change in sorted(changes)), default=0)


def intent_times(tx: Transaction, account: str) -> dict[str, list[float]]:
    """ICCID -> when intentions were committed, as epoch seconds, oldest first."""
    h, o = history.c, operations.c
    rows = select(o.iccid, h.at).join(operations, o.id == h.operation_id)
    rows = rows.where(o.carrier_account == account, h.to_step == Step.INTENT.value).order_by(h.at)
    times: dict[str, list[float]] = {}
    for row in tx.execute(rows):
        times.setdefault(row.iccid, []).append(row.at.timestamp())
    return times
