"""What a person's wish (activate, deactivate, release) means for one SIM. Pure: every answer to "what about this one?".

Nothing is planned that is true already, or that an operation under way makes true; what an operation is under way for
waits behind it; where the last one may still take effect nothing is asked before that is settled; what was released is
nobody's any more.
"""

from dataclasses import dataclass
from enum import StrEnum

from domain.deciding import FOR_PEOPLE
from domain.judging import WANTED
from domain.lifecycle import OPEN_STEPS, Action, SimState, Step

LIVE_STEPS = frozenset({Step.PLANNED, *OPEN_STEPS})
"""Steps from which an operation goes on by itself."""
CAME_TO_NOTHING = frozenset({Step.REJECTED, Step.WITHDRAWN})
"""Steps at which an operation has ended without an effect: what was asked before it is what stands."""

REQUESTED: dict[Action, SimState] = {
    Action.ACTIVATE: SimState.ACTIVE,
    Action.DEACTIVATE: SimState.DEACTIVATED,
    Action.RELEASE: SimState.RELEASED,
}
"""The state that an action asks its carrier for, and in which it leaves the SIM."""


class Fate(StrEnum):
    """What becomes of one SIM that an action was asked for."""

    PLANNED = "planned"
    QUEUED = "queued"
    FREED = "freed"
    TAKEN_BACK = "taken_back"
    NOTHING_TO_DO = "nothing_to_do"
    RELEASED = "released"
    HELD = "held"
    BARRED = "barred"
    BUSY = "busy"
    NOT_CLAIMED = "not_claimed"
    NEEDS_CODE = "needs_code"
    UNSETTLED = "unsettled"
    PROTECTED = "protected"
    NOT_OFFERED = "not_offered"
    NOT_CONFIGURED = "not_configured"
    UNKNOWN = "unknown"


SENTENCES: dict[Fate, str] = {
    Fate.PLANNED: "The carrier is asked.",
    Fate.QUEUED: "The carrier is asked when the operation under way has ended.",
    Fate.FREED: "The carrier does not have the SIM: it leaves its product without a request.",
    Fate.TAKEN_BACK: "It was released, and is taken in again, as a new SIM on its former plan.",
    Fate.NOTHING_TO_DO: "It is so already, or an operation under way brings it there.",
    Fate.RELEASED: "It was released, or is being released: nothing can be asked of it any more. Named by its ICCID, "
    "`simline activate ICCID --reason WHY` takes it in again.",
    Fate.BUSY: "An operation is under way for it, and what goes on is left alone here.",
    Fate.HELD: "Its product has no room for it. `simline rerun MANIFEST --only held --reason WHY` lets it go on.",
    Fate.BARRED: "Its carrier has barred it: only the carrier lifts that.",
    Fate.NOT_CLAIMED: "It is not in the carrier's account. `simline rerun MANIFEST --reason WHY` tries once more.",
    Fate.NEEDS_CODE: "It was released, and its carrier takes it in again only with its registration code, which is not "
    "kept. Name it in a file with that column: `simline activate --file FILE --reason WHY`.",
    Fate.UNSETTLED: "What was asked of it last is not settled, and may still take effect. `simline rerun MANIFEST "
    "--reason WHY` reads it; `simline settle ICCID --as active --reason WHY` tells what you saw there.",
    Fate.PROTECTED: "Its product is protected from release (`protect_from_release`).",
    Fate.NOT_OFFERED: "Its carrier does not offer that.",
    Fate.NOT_CONFIGURED: "Its carrier account is not configured here.",
    Fate.UNKNOWN: "No SIM of this ICCID is ours.",
}

ACTED = (Fate.PLANNED, Fate.QUEUED, Fate.FREED, Fate.TAKEN_BACK)
"""Fates with an operation in the ledger."""
REFUSED = tuple(fate for fate in Fate if fate not in (*ACTED, Fate.NOTHING_TO_DO))
"""Fates that a person should know of."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one SIM stands. `state` is the carrier's word as we know it.

    `newest` is the operation that stands: the newest under way, or the newest that has not come to nothing. `offers` is
    what its carrier can be asked for (None: unknown). With `may_return` a person named this very SIM: a released one
    may be taken in again. It `lacks_code` where its carrier wants a registration code for that, and there is none.
    """

    state: SimState
    newest: tuple[Action, Step] | None
    is_protected: bool = False
    offers: tuple[SimState, ...] | None = tuple(REQUESTED.values())
    may_return: bool = False
    lacks_code: bool = False

    @property
    def is_live(self) -> bool:
        """Whether an operation is under way, or waits to be."""
        return self.newest is not None and self.newest[1] in LIVE_STEPS

    @property
    def expected(self) -> SimState:
        """The state in which the SIM will be when everything that was asked for it has come true."""
        return REQUESTED[self.newest[0]] if self.newest is not None and self.is_live else self.state


def fate_of(action: Action, standing: Standing) -> Fate:
    """What becomes of a SIM of ours that this action is asked for.

    >>> fate_of(Action.ACTIVATE, Standing(SimState.ACTIVE, (Action.ACTIVATE, Step.DONE)))
    <Fate.NOTHING_TO_DO: 'nothing_to_do'>
    >>> fate_of(Action.ACTIVATE, Standing(SimState.ACTIVE, (Action.DEACTIVATE, Step.INTENT)))
    <Fate.QUEUED: 'queued'>
    """
    if (barred := _barred(action, standing)) is not None:
        return barred
    if standing.expected is SimState.ABSENT:
        return _of_absent(action)
    if standing.expected in WANTED[action]:
        return Fate.NOTHING_TO_DO
    if standing.offers is None or REQUESTED[action] not in standing.offers:
        return Fate.NOT_CONFIGURED if standing.offers is None else Fate.NOT_OFFERED
    if standing.state is SimState.RELEASED:
        return Fate.NEEDS_CODE if standing.lacks_code else Fate.TAKEN_BACK
    return Fate.QUEUED if standing.is_live else Fate.PLANNED


def _barred(action: Action, standing: Standing) -> Fate | None:
    """What forbids the action whatever the carrier could do; None: nothing does."""
    returns = action is Action.ACTIVATE and standing.may_return and not standing.is_live
    if standing.expected is SimState.RELEASED and not returns:
        return Fate.RELEASED
    step = standing.newest[1] if standing.newest is not None else None
    if step is Step.HELD:
        return Fate.HELD
    if action is Action.RELEASE and standing.is_protected:
        return Fate.PROTECTED
    if step in FOR_PEOPLE:  # timed out, or for a person to settle: it may still take effect, so it is read first
        return Fate.UNSETTLED
    return Fate.BARRED if action is Action.ACTIVATE and standing.expected is SimState.BARRED else None


def _of_absent(action: Action) -> Fate:
    """A SIM that is not in the carrier's account, as far as we know."""
    if action is Action.ACTIVATE:
        return Fate.NOT_CLAIMED
    return Fate.FREED if action is Action.RELEASE else Fate.NOTHING_TO_DO
