"""`rerun`: a person's word that a part of a manifest goes on."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.agreeing import Yes, YesRelease, agreed, must_say_why
from console.at_server import Here
from console.bringing_on import WAIT_SECONDS, bring_on, end_with_receipts
from console.commands import FINE
from console.door import AtDoor, Door
from console.following import Follower
from console.importing import NoActivate, Wait
from domain.lifecycle import Step
from domain.manifests import Halt
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.context import Context
    from storage.manifests import ManifestRow


class Part(StrEnum):
    """Which part goes on."""

    FAILED = "failed"
    UNKNOWN = "unknown"
    NEEDS_REVIEW = "needs-review"
    TIMED_OUT = "timed-out"
    HELD = "held"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    EVERYTHING = "everything"


STEPS: dict[Part, tuple[Step, ...]] = {
    Part.FAILED: (Step.REJECTED, Step.TIMED_OUT, Step.WITHDRAWN),
    Part.UNKNOWN: (Step.UNKNOWN, Step.SENT, Step.ACCEPTED),
    Part.NEEDS_REVIEW: (Step.NEEDS_REVIEW,),
    Part.TIMED_OUT: (Step.TIMED_OUT,),
    Part.HELD: (Step.HELD,),
    Part.WITHDRAWN: (Step.WITHDRAWN,),
    Part.REJECTED: (),
}


Chosen = Annotated[
    Part,
    Parameter(
        metavar="PART",
        help="failed: refused, timed out or withdrawn. unknown: ask the carrier now. needs-review: read once more. "
        "timed-out: the same for these alone. held: after an upgrade of the product. withdrawn: takes a cancelling "
        "back. rejected: judge rejected lines again. everything: all of these.",
    ),
]


def rerun(
    manifest: Annotated[str, Parameter(help="Its id, the beginning of it, or the file's name.")],
    /,
    *,
    only: Chosen = Part.EVERYTHING,
    reason: Annotated[str, Parameter(metavar="TEXT", help="Why: it stays in the history of every SIM that moves.")],
    yes: Yes = False,
    yes_release: YesRelease = False,
    no_activate: NoActivate = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Let a part of a manifest go on.

    What is done stays done. What may have reached the carrier is read before anything is sent again; what the carrier
    refused, or a person withdrew, is asked once more; a release wants its own yes, and none of a product that is
    protected goes on. A paused manifest stays paused. Rejected lines are judged again from the original file, after you
    mended what they were rejected for, and get a receipt of their own.
    """
    from flows.deployed import start_provision
    from storage import manifests

    must_say_why(reason, "carrier released the SIMs")
    follower = Follower(door.screen)
    with door.engine(follower.news) as context:
        with context.database.read() as tx:
            row = manifests.find(tx, manifest)
            steps = manifests.operation_counts(tx, row.id)
        sims, lines = _what_goes_on(only, steps, row)
        if not sims and not lines:
            door.screen.say(f"{row.id} has nothing of that: there is nothing to do.", Tone.QUIET)
            return FINE
        said, option = (yes_release, "--yes-release") if row.releases else (yes, "--yes")
        if not said and not agreed(door, _question(row, sims, lines), option):
            door.screen.say("Nothing was changed.", Tone.QUIET)
            return FINE
        with follower.drawn():
            ids = _let_go_on(door, context, row.id, only, reason)
        follower.database, follower.manifest_ids = context.database, ids
        if row.halt is Halt.PAUSED:
            again = f"`simline resume {row.id} --reason WHY` lets it send again."
            door.screen.say(f"{row.id} is paused: {again}", Tone.ATTENTION)
        elif wait > 0 and not no_activate and not follower.is_over():
            start = None if here else lambda: [start_provision(each) for each in ids][-1]
            bring_on(door, context, follower, wait, start)
        return end_with_receipts(door, context, ids)


def _what_goes_on(only: Part, steps: dict[Step, int], row: "ManifestRow") -> tuple[int, int]:
    """SIMs and rejected lines that the choice covers now."""
    parts = STEPS if only is Part.EVERYTHING else {only: STEPS[only]}
    sims = sum(steps.get(step, 0) for step in {step for of_part in parts.values() for step in of_part})
    return sims, row.counts.rejected if Part.REJECTED in parts and not row.is_action else 0


def _in_words(sims: int, lines: int) -> str:
    words = [counted(sims, "SIM")] if sims else []
    return " and ".join([*words, *([counted(lines, "rejected line")] if lines else [])])


def _question(row: "ManifestRow", sims: int, lines: int) -> str:
    """What would go on, and who cancelled it."""
    what = "would be released for good" if row.releases else "would go on"
    halted = f" It was cancelled by {row.halted_by}: {row.halt_reason}" if row.halt is Halt.CANCELLED else ""
    return f"{_in_words(sims, lines)} of {row.id} {what}.{halted}"


def _let_go_on(door: Door, context: "Context", manifest_id: str, only: Part, reason: str) -> list[str]:
    """Move what is to be moved in the ledger; the manifests that then have something to do."""
    from engine.rerunning import Only, rerun
    from engine.retrying_lines import retry_rejected

    ids = [manifest_id]
    if only is not Part.REJECTED:
        part = Only(only.value)
        tally = rerun(context, manifest_id, part, reason=reason, actor=door.actor, release=True)  # a yes was given
        door.screen.say(f"{counted(tally.taken, 'SIM goes', 'SIMs go')} on.", Tone.MOVING)
        if tally.problem:
            door.screen.say(tally.problem, Tone.ATTENTION)
    if only in (Part.REJECTED, Part.EVERYTHING):
        intake = retry_rejected(context, manifest_id, actor=door.actor)
        if intake is not None:
            door.screen.say(f"The rejected lines are judged again as {intake.manifest_id}.", Tone.MOVING)
            ids.append(intake.manifest_id)
    return ids
