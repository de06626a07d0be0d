"""Actions of people on SIMs that are ours: deactivate, activate again, release. Planned here, sent by `sending`.

Plan, show, do: `plan_actions` says what would become of each SIM, `act` writes it into the ledger, both by the same
rules (`domain.acting`). Safe to repeat: what is under way, or true already, is asked of nobody again.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count as counting
from math import ceil

from domain.acting import ACTED, REFUSED, SENTENCES, Fate, Standing, fate_of
from domain.brake import check_action
from domain.lifecycle import Action, Stage, Step
from domain.lines import LineCounts, LineOutcome, Reason, Verdict
from domain.usage import Days, last_settled
from engine.context import Context, Progress
from engine.sandbox import hold_what_exceeds
from engine.taking_back import is_released, returning_last, take_back
from storage import acting, catalogue, ledger
from storage.acting import SimStanding, Wish
from storage.database import Transaction
from storage.ledger import Move
from storage.sims import Choice
from storage.turns import take_turn


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of which SIMs: those of these ICCIDs, or all that fit the choice.

    `not_read` are lines of the file that named them and that hold no ICCID that can be used; `codes` are registration
    codes in plain text, for SIMs that are taken in again. With `leaves_busy_alone` nothing is asked of SIMs with an
    operation under way, not even for later, nor of released ones.
    """

    action: Action
    iccids: Sequence[str] = ()
    choice: Choice | None = None
    not_read: Sequence[LineOutcome] = ()
    leaves_busy_alone: bool = False
    codes: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a person has agreed to beyond a plain yes."""

    beyond_the_brake: bool = False
    release: bool = False


NOBODY_AGREED = "A release cannot be undone, and nobody has agreed to it."


class NotAgreed(Exception):
    """The action needs a word that nobody gave. Nothing was changed; the sentence says which."""


@dataclass(frozen=True, slots=True)
class Group:
    """SIMs that share their place and their fate."""

    carrier_account: str
    product_id: str
    home_country: str
    fate: Fate
    sim_count: int


@dataclass(frozen=True, slots=True)
class ActionPlan:
    """What would become of each SIM. `seconds` is how long the carriers' limits make it take, the slowest one's.

    `asks` is the brake's sentence: a plain yes is not enough.
    """

    action: Action
    iccids: Mapping[Fate, Sequence[str]]
    groups: Sequence[Group]
    not_read: Sequence[LineOutcome] = ()
    seconds: float = 0.0
    asks: str | None = None

    def count(self, *fates: Fate) -> int:
        """How many SIMs have one of these fates."""
        return sum(len(self.iccids.get(fate, ())) for fate in fates)

    def refused(self) -> Iterator[tuple[Fate, Sequence[str]]]:
        """The SIMs that a person should know of, by why they are left alone."""
        return ((fate, self.iccids[fate]) for fate in REFUSED if fate in self.iccids)

    @property
    def sim_count(self) -> int:
        """How many SIMs change."""
        return self.count(*ACTED)

    @property
    def needs_you(self) -> bool:
        """Whether something in it is not as the person thought."""
        return bool(self.count(*REFUSED) or self.not_read)


@dataclass(frozen=True, slots=True)
class Acted:
    """What was written into the ledger; `id` names it there (a- and 12 hex digits)."""

    id: str
    plan: ActionPlan


@dataclass
class _Sorted:
    """SIMs by their fates, while they are looked at."""

    by_fate: dict[Fate, list[str]] = field(default_factory=dict)
    wanted: list[SimStanding] = field(default_factory=list)
    groups: dict[tuple[str, str, str, Fate], int] = field(default_factory=dict)

    def add(self, one: SimStanding, fate: Fate) -> None:
        """One SIM of ours."""
        self.by_fate.setdefault(fate, []).append(one.iccid)
        place = (one.carrier_account, one.product_id, one.home_country, fate)
        self.groups[place] = self.groups.get(place, 0) + 1
        if fate in ACTED:
            self.wanted.append(one)


def unused_days(context: Context, count: int) -> Days:
    """The days on which a SIM that is unused for so many days used nothing: the last ones that are surely told."""
    with context.database.read() as tx:
        return last_settled(count, tx.now(), settled_days=context.reconciliation.settled_days)


def plan_actions(context: Context, asked: Asked) -> ActionPlan:
    """What `act` would do now. Changes nothing."""
    with context.database.read() as tx:
        return _as_plan(context, asked, _sorted(context, tx, asked))


def act(context: Context, asked: Asked, *, reason: str, actor: str, agreed: Agreed) -> Acted:
    """Write what is asked into the ledger: one operation for each SIM that changes. Sends nothing itself.

    Raises `NotAgreed` for a release, or for more SIMs than usual, on which nobody has agreed; then nothing is changed.
    """
    wish = Wish(f"a-{secrets.token_hex(6)}", asked.action, actor, reason)
    with context.commit("act") as tx:
        take_turn(tx)
        found = _sorted(context, tx, asked)
        plan = _as_plan(context, asked, found)
        _check_agreed(plan, agreed)
        if not plan.sim_count:
            return Acted(wish.id, plan)
        acting.record(tx, wish, _counts(plan), list(_left(plan)))
        wanted = returning_last(found.wanted)
        claiming = take_back(context, tx, wish.id, wanted, asked.codes)
        ids = acting.plan_operations(tx, wish, wanted, claiming=claiming)
        hold_what_exceeds(tx, wish.id, {one.product_id for one in wanted if is_released(one)}, actor)
        _free(tx, wish, [ids[iccid] for iccid in plan.iccids.get(Fate.FREED, ())], plan)
    context.watch(Progress("act", plan.sim_count, plan.sim_count))
    return Acted(wish.id, plan)


def _counts(plan: ActionPlan) -> LineCounts:
    """Each SIM that was named, and each line that named none, by its end."""
    accepted, known = plan.sim_count, plan.count(Fate.NOTHING_TO_DO)
    rejected = plan.count(*REFUSED) + len(plan.not_read)
    return LineCounts(lines=accepted + known + rejected, accepted=accepted, known=known, rejected=rejected)


def _left(plan: ActionPlan) -> Iterator[LineOutcome]:
    """What the action does not change, and why: lines behind those of the SIMs that change."""
    line = counting(plan.sim_count + 1)
    for each in plan.not_read:
        yield each._replace(line=next(line), through_line=None, verdict=Verdict.REJECTED)
    for fate, iccids in plan.refused():
        for iccid in iccids:
            yield LineOutcome(next(line), Verdict.REJECTED, Reason.LEFT_ALONE, iccid, iccid, SENTENCES[fate])
    for iccid in plan.iccids.get(Fate.NOTHING_TO_DO, ()):
        yield LineOutcome(next(line), Verdict.KNOWN, Reason.NOTHING_TO_DO, iccid, iccid)


def _check_agreed(plan: ActionPlan, agreed: Agreed) -> None:
    if plan.asks and not agreed.beyond_the_brake:
        raise NotAgreed(plan.asks)
    if plan.action is Action.RELEASE and plan.sim_count and not agreed.release:
        raise NotAgreed(NOBODY_AGREED)


def _free(tx: Transaction, wish: Wish, ids: Sequence[int], plan: ActionPlan) -> None:
    """SIMs that no carrier has leave their product at once."""
    freed = Move(Step.PLANNED, Step.DONE, "not_there", tuple(ids), "The carrier does not have the SIM.")
    ledger.move(tx, freed, actor=wish.actor, fence=None)
    acting.free(tx, plan.iccids.get(Fate.FREED, ()))


def _sorted(context: Context, tx: Transaction, asked: Asked) -> _Sorted:
    """Every SIM with its fate; an ICCID that is named twice counts once."""
    named = acting.chosen(tx, asked.choice) if asked.choice else list(dict.fromkeys(asked.iccids))
    protected = {product.id for product in catalogue.products(tx) if product.protect_from_release}
    found = _Sorted()
    for one in acting.standings(tx, named, asked.action):
        fate = fate_of(asked.action, _standing(context, asked, one, protected))
        found.add(one, Fate.BUSY if asked.leaves_busy_alone and fate is Fate.QUEUED else fate)
    ours = {iccid for iccids in found.by_fate.values() for iccid in iccids}
    if strangers := [iccid for iccid in named if iccid not in ours]:
        found.by_fate[Fate.UNKNOWN] = strangers
    return found


def _standing(context: Context, asked: Asked, one: SimStanding, protected: set[str]) -> Standing:
    work = context.carriers.get(one.carrier_account)
    needs_code = work is not None and work.carrier.capabilities.needs_registration_code
    return Standing(
        state=one.state,
        newest=one.newest,
        is_protected=one.product_id in protected,
        offers=work.carrier.capabilities.states if work else None,
        may_return=asked.choice is None and not asked.leaves_busy_alone,
        lacks_code=needs_code and not one.has_code and one.iccid not in asked.codes,
    )


def _as_plan(context: Context, asked: Asked, found: _Sorted) -> ActionPlan:
    order = list(Fate)
    groups = sorted(found.groups.items(), key=lambda pair: (order.index(pair[0][3]), *pair[0][:3]))
    wanted = len(found.wanted)
    return ActionPlan(
        action=asked.action,
        iccids=found.by_fate,
        groups=[Group(*place, count) for place, count in groups],
        not_read=asked.not_read,
        seconds=max(_durations(context, asked.action, found), default=0.0),
        asks=check_action(context.brake, wanted),
    )


def _durations(context: Context, action: Action, found: _Sorted) -> Iterator[float]:
    """Seconds of requests at each carrier's pace; one names as many SIMs as it can."""
    to_send: dict[str, int] = {}
    for (account, _, _, fate), count in found.groups.items():
        if fate in (Fate.PLANNED, Fate.QUEUED, Fate.TAKEN_BACK):
            to_send[account] = to_send.get(account, 0) + count
    for account, count in to_send.items():
        work = context.carriers[account]
        yield ceil(count / work.carrier.capabilities.at_most(Stage.CHANGE, action)) / work.pace.per_second
