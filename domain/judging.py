"""What an operation's next step is, given what the carrier said. Pure: every rule of the promise stands here once.

Silence is never a failure and absence is never a proof: an operation goes back to `planned` only when a *read* shows
the SIM untouched, and only after the quiet period in which the old request could still take effect.
"""

from dataclasses import dataclass

from domain.lifecycle import Action, SimState, Stage, Step

WANTED: dict[Action, frozenset[SimState]] = {
    Action.ACTIVATE: frozenset({SimState.ACTIVE}),
    Action.DEACTIVATE: frozenset({SimState.DEACTIVATED, SimState.INACTIVE}),
    Action.RELEASE: frozenset({SimState.ABSENT, SimState.RELEASED}),
}
"""The states at which an action is true."""

_SETTLED_HERE = frozenset({SimState.INACTIVE, SimState.READY, SimState.DEACTIVATED, SimState.BARRED, SimState.ACTIVE})
"""In the account, and not on the way to another state."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A read, and when it stands in the operation's life."""

    state: SimState
    word: str
    since_request_seconds: float  # since the last request left, or the lease in which it may have left ended
    past_deadline: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """The next step (None: stay and look again), why, and the stage that begins, if one does."""

    target: Step | None
    reason: str
    detail: str = ""
    stage: Stage | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What our operation asked for, and how often. `imports`: the activation brings an absent SIM into the account."""

    action: Action
    stage: Stage
    step: Step  # SENT, ACCEPTED or UNKNOWN
    attempt: int
    imports: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a lost request may still take effect, and how many lost requests are enough."""

    quiet_seconds: float
    attempts: int


CLAIMED = Judgement(Step.PLANNED, "claimed", stage=Stage.CHANGE)
"""The claim is true; the change of state comes next, with an intention of its own."""
NO_READ = Judgement(Step.NEEDS_REVIEW, "no_read", "This carrier cannot be asked about a SIM; a person must look.")
NOT_SEEN = Judgement(None, "not_seen")
"""Nothing was read of the SIM this time: nothing is concluded."""


def judge_unread(asked: Asked) -> Judgement:
    """What becomes of an operation whose SIM nobody could read until its deadline and the quiet period were over."""
    detail = "The carrier gave no usable answer about this SIM for 24 h."
    if asked.step is Step.UNKNOWN:
        return Judgement(Step.NEEDS_REVIEW, "unread_too_long", detail)
    return Judgement(Step.TIMED_OUT, "unread_in_time", detail)


def judge(asked: Asked, seen: Seen, patience: Patience) -> Judgement:
    """What becomes of an operation that was sent, accepted or unknown, now that the carrier was read."""
    if seen.state in WANTED[asked.action]:
        return Judgement(Step.DONE, "seen_done")
    if asked.stage is Stage.CLAIM and seen.state in _SETTLED_HERE:
        return CLAIMED
    if seen.state is SimState.ACTIVATING:
        return _in_progress(asked, seen)
    if seen.state is SimState.UNKNOWN:
        return _wait(asked, seen, "unknown_word", f"The carrier says {seen.word!r}, a word that we do not know.")
    if seen.since_request_seconds < patience.quiet_seconds:
        return _wait(asked, seen, "within_quiet_period")
    return _untouched(asked, seen, patience)


def _in_progress(asked: Asked, seen: Seen) -> Judgement:
    if asked.step is Step.ACCEPTED:
        return _wait(asked, seen, "in_progress")
    return Judgement(Step.ACCEPTED, "seen_in_progress")


def _wait(asked: Asked, seen: Seen, reason: str, detail: str = "") -> Judgement:
    if not seen.past_deadline:
        return Judgement(None, reason, detail)
    if asked.step is Step.UNKNOWN:
        return Judgement(Step.NEEDS_REVIEW, "unknown_too_long", detail or "Not settled within 24 h.")
    return Judgement(Step.TIMED_OUT, "not_true_in_time", detail or "The carrier still works on it after 24 h.")


def _untouched(asked: Asked, seen: Seen, patience: Patience) -> Judgement:
    """The quiet period is over and the carrier shows the SIM as it was before, or bars it: the request is lost."""
    if seen.state is SimState.BARRED and asked.action is Action.ACTIVATE:
        return Judgement(Step.NEEDS_REVIEW, "barred", f"The carrier itself bars this SIM: it says {seen.word!r}.")
    absent = seen.state in (SimState.ABSENT, SimState.RELEASED)
    if absent and asked.stage is Stage.CHANGE and not (asked.imports and asked.action is Action.ACTIVATE):
        return Judgement(Step.NEEDS_REVIEW, "gone", "The SIM is no longer in the carrier's account.")
    if asked.attempt >= patience.attempts:
        return Judgement(
            Step.NEEDS_REVIEW,
            "tried_too_often",
            f"{asked.attempt} requests had no effect; the carrier says {seen.word!r}.",
        )
    if seen.past_deadline:
        return _wait(asked, seen, "untouched")
    return Judgement(Step.PLANNED, "untouched", f"The carrier says {seen.word!r}: the request had no effect.")
