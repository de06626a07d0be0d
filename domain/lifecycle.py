"""How far an operation has come (`Step`), what a carrier says of a SIM (`SimState`), and which moves are legal.

Two vocabularies, never mixed. `TRANSITIONS` is the only place where a move between steps is allowed; the diagram
in docs/how-it-works.md is drawn from it.
"""

from enum import StrEnum


class Action(StrEnum):
    """What people ask for. `activate` includes the claim where a carrier needs one."""

    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    RELEASE = "release"


class Stage(StrEnum):
    """Which changing request of an action is next: some carriers must claim a SIM before its state can change."""

    CLAIM = "claim"
    CHANGE = "change"


class SimState(StrEnum):
    """What the carrier says of a SIM, in our words. `UNKNOWN` is a word that we do not know: never an error."""

    ABSENT = "absent"  # not in this carrier account: never claimed, or released
    INACTIVE = "inactive"  # in the account, not yet activated
    READY = "ready"  # not activated by us either, but it connects, and becomes active, as soon as its device does
    ACTIVATING = "activating"  # a change is under way; its direction is what we asked last
    ACTIVE = "active"
    DEACTIVATED = "deactivated"  # paused because somebody asked for it; can be activated again
    BARRED = "barred"  # the carrier itself keeps it from connecting: data limit, payment, device
    RELEASED = "released"
    UNKNOWN = "unknown"


class Step(StrEnum):
    """How far our own operation has come."""

    HELD = "held"  # accepted, but the product's tier has no room; a re-run after an upgrade lets it go on
    PLANNED = "planned"
    INTENT = "intent"  # written down and committed; the request may leave from now on
    SENT = "sent"  # the carrier queued the request without a word about this SIM
    ACCEPTED = "accepted"  # the carrier took this SIM's change and works on it
    UNKNOWN = "unknown"  # the answer never came; only reading the carrier settles it
    DONE = "done"
    REJECTED = "rejected"  # the carrier refused, and trying again does not help
    TIMED_OUT = "timed_out"  # accepted, but not true 24 hours later
    NEEDS_REVIEW = "needs_review"  # only a person can settle it
    WITHDRAWN = "withdrawn"  # a person took it back before it was sent


OPEN_STEPS = (Step.INTENT, Step.SENT, Step.ACCEPTED, Step.UNKNOWN)
"""Steps that something will look at again when `due_at` comes, besides PLANNED, which waits to be sent."""

TRANSITIONS: dict[Step, dict[Step, str]] = {
    Step.HELD: {
        Step.PLANNED: "the product has room again",
        Step.WITHDRAWN: "withdrawn by a person",
    },
    Step.PLANNED: {
        Step.INTENT: "a worker took it, before the request",
        Step.HELD: "the product's tier has no room",
        Step.DONE: "the carrier already has it so",
        Step.UNKNOWN: "in a ledger restored from a backup: it may have been sent since, so it is read first",
        Step.NEEDS_REVIEW: "tried too often",
        Step.WITHDRAWN: "withdrawn by a person, or in vain by now: a protected product, a SIM that was never claimed",
    },
    Step.INTENT: {
        Step.PLANNED: "surely not sent, or the next stage is due",
        Step.SENT: "queued by the carrier",
        Step.ACCEPTED: "taken by the carrier",
        Step.DONE: "done at once",
        Step.REJECTED: "refused for good",
        Step.UNKNOWN: "no answer, or the worker died",
        Step.NEEDS_REVIEW: "the answer needs a person",
    },
    Step.SENT: {
        Step.ACCEPTED: "seen in progress",
        Step.DONE: "seen done",
        Step.PLANNED: "seen untouched after the quiet period",
        Step.REJECTED: "refused for good",
        Step.UNKNOWN: "silence past the quiet period",
        Step.TIMED_OUT: "not true after 24 h",
        Step.NEEDS_REVIEW: "the carrier's word needs a person",
    },
    Step.ACCEPTED: {
        Step.DONE: "seen done",
        Step.PLANNED: "fell back to its old state: ask again",
        Step.REJECTED: "refused for good",
        Step.TIMED_OUT: "not true after 24 h",
        Step.NEEDS_REVIEW: "the carrier's word needs a person",
    },
    Step.UNKNOWN: {
        Step.DONE: "seen done",
        Step.ACCEPTED: "seen in progress",
        Step.PLANNED: "seen untouched after the quiet period",
        Step.REJECTED: "belongs to somebody else",
        Step.NEEDS_REVIEW: "cannot be read, or tried too often",
    },
    Step.TIMED_OUT: {
        Step.DONE: "true after all, or settled by a person",
        Step.UNKNOWN: "re-run by a person: read before anything else",
        Step.PLANNED: "a person saw it untouched, after the quiet period",
        Step.REJECTED: "settled by a person",
    },
    Step.NEEDS_REVIEW: {
        Step.DONE: "settled by a person, or seen done",
        Step.UNKNOWN: "re-run by a person: read before anything else",
        Step.PLANNED: "a person saw it untouched, after the quiet period",
        Step.REJECTED: "settled by a person",
    },
    Step.REJECTED: {Step.PLANNED: "re-run by a person, or a later file corrected its registration code"},
    Step.WITHDRAWN: {Step.PLANNED: "re-run by a person"},
    Step.DONE: {},
}


class IllegalMove(Exception):
    """A move that `TRANSITIONS` does not have: a fault in our own code, never the carrier's."""


def check_move(source: Step, target: Step) -> None:
    """Raise `IllegalMove` unless the table allows `source -> target`."""
    if target not in TRANSITIONS[source]:
        raise IllegalMove(f"{source} -> {target} is not in the table of transitions")


class Bucket(StrEnum):
    """The four words of a receipt for an accepted SIM; they add up to `accepted` at any moment."""

    DONE = "done"
    IN_PROGRESS = "in_progress"
    FAILED = "failed"
    NEEDS_REVIEW = "needs_review"


BUCKETS: dict[Step, Bucket] = {
    Step.DONE: Bucket.DONE,
    Step.REJECTED: Bucket.FAILED,
    Step.TIMED_OUT: Bucket.FAILED,
    Step.WITHDRAWN: Bucket.FAILED,
    Step.NEEDS_REVIEW: Bucket.NEEDS_REVIEW,
    Step.HELD: Bucket.NEEDS_REVIEW,
    Step.PLANNED: Bucket.IN_PROGRESS,
    Step.INTENT: Bucket.IN_PROGRESS,
    Step.SENT: Bucket.IN_PROGRESS,
    Step.ACCEPTED: Bucket.IN_PROGRESS,
    Step.UNKNOWN: Bucket.IN_PROGRESS,
}
