"""What a person's evidence makes of an operation that only a person can settle. Pure.

A person who looked into the carrier's own pages is believed as a read would be, and by the same rule: nothing is sent
again while the last request could still take effect.
"""

from enum import StrEnum

from domain.judging import WANTED, Asked, Judgement
from domain.lifecycle import Action, SimState, Stage, Step

FOR_PEOPLE = (Step.NEEDS_REVIEW, Step.TIMED_OUT)
"""Steps that a person's word may settle."""
DECIDED = "decided"


class Saw(StrEnum):
    """How the SIM stands at the carrier, as a person saw it there."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    READY = "ready"  # not active, and connects by itself as soon as its device does
    ABSENT = "absent"  # not in our account


class Then(StrEnum):
    """What becomes of a SIM that is not as it was wanted."""

    AGAIN = "again"  # it is sent once more
    LEAVE = "leave"  # it ends as rejected; a re-run can still take it up


STATES = {saw: SimState(saw.value) for saw in Saw}
GONE = "It was in the carrier's account and is no longer: it cannot be sent again. Leave it, or ask who took it."
SAY_THEN = "It is not as it was wanted. Say whether it is sent again or left."


def decide(
    asked: Asked, saw: Saw, then: Then | None, *, since_request_seconds: float, quiet_seconds: float
) -> Judgement:
    """The operation's next step; None where the word does not settle it, with the sentence that says why."""
    if asked.step not in FOR_PEOPLE:
        return Judgement(None, "not_for_people", f"It is {asked.step.value.replace('_', ' ')}: no word is needed.")
    if STATES[saw] in WANTED[asked.action]:
        return Judgement(Step.DONE, DECIDED)
    if then is None:
        return Judgement(None, "say_then", SAY_THEN)
    if then is Then.LEAVE:
        return Judgement(Step.REJECTED, DECIDED)
    if since_request_seconds < quiet_seconds:
        rest = quiet_seconds - since_request_seconds
        return Judgement(None, "too_early", f"Its last request may still take effect. Look again in {rest:.0f} s.")
    return _again(asked, saw)


def _again(asked: Asked, saw: Saw) -> Judgement:
    if asked.stage is Stage.CLAIM and saw is not Saw.ABSENT:
        return Judgement(Step.PLANNED, DECIDED, stage=Stage.CHANGE)  # the claim is true
    by_import = asked.imports and asked.action is Action.ACTIVATE
    if asked.stage is Stage.CHANGE and saw is Saw.ABSENT and not by_import:
        return Judgement(None, "gone", GONE)
    return Judgement(Step.PLANNED, DECIDED)
