"""`decide`: a person looked a SIM up at the carrier, and says what they saw."""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.agreeing import Yes, agreed, must_say_why
from console.at_server import Here
from console.bringing_on import WAIT_SECONDS, bring_on, end_with_receipts
from console.commands import FINE, NEEDS_YOU
from console.door import AtDoor, CannotDo, Door
from console.following import Follower
from console.importing import NoActivate, Wait
from console.planning import AsJson
from console.screen import Column, Fit, Screen
from domain.deciding import FOR_PEOPLE, Saw, Then
from domain.lifecycle import Step
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.context import Context
    from engine.deciding import Decision, Which

SHOWN = 20
"""SIMs of each kind that are shown; --json has all of them."""


class Waiting(StrEnum):
    """Which of a manifest's SIMs a word is about."""

    NEEDS_REVIEW = "needs-review"
    TIMED_OUT = "timed-out"


STEPS = {Waiting.NEEDS_REVIEW: (Step.NEEDS_REVIEW,), Waiting.TIMED_OUT: (Step.TIMED_OUT,), None: FOR_PEOPLE}
WORDS = {Step.DONE: "done", Step.REJECTED: "left, and rejected", Step.PLANNED: "sent again", None: "no change"}


Seen = Annotated[
    Saw,
    Parameter(name="--as", metavar="STATE", help="What you saw at the carrier: active, inactive, ready, or absent."),
]
Follows = Annotated[
    Then | None,
    Parameter(
        metavar="WHAT",
        help="Where that is not as it was wanted: again sends the SIM once more, leave ends it as rejected.",
    ),
]
Reason = Annotated[
    str, Parameter(metavar="TEXT", help="How you know: it stays in the history of every SIM that moves.")
]
Listed = Annotated[Path | None, Parameter(metavar="FILE", help="A list of ICCIDs, one a line.")]
OfManifest = Annotated[str | None, Parameter(metavar="MANIFEST", help="All SIMs of this manifest that wait.")]
Part = Annotated[
    Waiting | None, Parameter(metavar="PART", help="Of the manifest: needs-review or timed-out, instead of both.")
]
DryRun = Annotated[bool, Parameter(help="Show what would be done, and do nothing.", show_default=False)]


def decide(
    *iccid: Annotated[str, Parameter(help="One SIM or several, in any spelling.")],
    saw: Seen,
    then: Follows = None,
    reason: Reason,
    file: Listed = None,
    manifest: OfManifest = None,
    only: Part = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    no_activate: NoActivate = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Settle SIMs that only a person can settle.

    For SIMs that need review or have timed out, when reading the carrier does not settle them: look them up in the
    carrier's own pages and say what you saw. A SIM that is as it was wanted is done. One that is not goes on by --then.
    It is sent again only when its last request can no longer take effect. The exit status is 1 when SIMs stay as they
    are. With --json the work that follows is left to the schedule.
    """
    from engine import deciding

    must_say_why(reason, "seen in the carrier's console, ticket 4711")
    which = _which(door, iccid, file, manifest, STEPS[only])
    word = deciding.Word(saw, then, reason)
    follower = Follower(door.screen)
    with door.engine(follower.news) as context:
        decisions = deciding.preview(context, which, word)
        moving = [one for one in decisions if one.target is not None]
        if not as_json:
            _show(door.screen, decisions)
        if moving and not dry_run:
            if not yes and not agreed(door, f"{counted(len(moving), 'SIM')} would be settled as {saw.value}."):
                door.screen.say("Nothing was changed.", Tone.QUIET)
                return FINE
            decisions = deciding.decide(context, which, word, actor=door.actor)
        if as_json:
            door.screen.json({"done": bool(moving) and not dry_run, "sims": decisions})
        elif moving and not dry_run:
            _bring_on(door, context, follower, decisions, wait=0 if no_activate else wait, here=here)
    return NEEDS_YOU if any(one.target is None for one in decisions) else FINE


def _which(
    door: Door, words: Sequence[str], file: Path | None, manifest: str | None, steps: tuple[Step, ...]
) -> "Which":
    from engine.deciding import Which

    if (manifest is not None) == bool(words or file):
        raise CannotDo("Say which SIMs: name ICCIDs, or a list with --file, or a manifest with --manifest.")
    if manifest is not None:
        return Which(manifest_id=manifest, steps=steps)
    if steps != FOR_PEOPLE:
        raise CannotDo("--only chooses among a manifest's SIMs: name it with --manifest.")
    return Which(iccids=tuple(_numbers(door, [*words, *(_lines(file) if file else [])])))


def _lines(file: Path) -> list[str]:
    """The lines that say something; a remark begins with #."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise CannotDo(f"{file} cannot be read as a list of ICCIDs: {error.strerror}. Check the name.") from None
    except UnicodeDecodeError:
        raise CannotDo(f"{file} cannot be read as a list of ICCIDs: it is no text in UTF-8. One a line.") from None
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _numbers(door: Door, words: Sequence[str]) -> list[str]:
    from domain.iccid import InvalidIccid, validate

    profiles = [issuer.profile() for issuer in door.settings().issuers]
    numbers = []
    for word in words:
        try:
            numbers.append(validate(word, profiles, zeros_are_real=True))
        except InvalidIccid as error:
            raise CannotDo(f"{word}: {error} Nothing was changed.") from None
    return numbers


def _show(screen: Screen, decisions: "Sequence[Decision]") -> None:
    """What becomes of how many, and of which."""
    if not decisions:
        screen.say("No SIM waits for a person there: there is nothing to do.", Tone.QUIET)
        return
    for target, count in Counter(one.target for one in decisions).items():
        screen.say(f"{counted(count, 'SIM')}: {WORDS[target]}.", Tone.ATTENTION if target is None else Tone.MOVING)
        rows = [(one.iccid, one.step and one.step.value.replace("_", " "), one.sentence) for one in decisions]
        shown = [row for row, one in zip(rows, decisions, strict=True) if one.target is target][:SHOWN]
        screen.table([Column("ICCID"), Column("now"), Column("", fit=Fit.FOLD)], shown, indent=2)
        if count > SHOWN:
            screen.say(f"  and {count - SHOWN:,} more; --json has all of them.", Tone.QUIET)


def _bring_on(
    door: Door, context: "Context", follower: Follower, decisions: "Sequence[Decision]", *, wait: float, here: bool
) -> None:
    """Say what moved, bring on what is sent again, and make the receipts anew."""
    from flows.deployed import start_provision

    moved = [one for one in decisions if one.target is not None]
    door.screen.say(f"{counted(len(moved), 'SIM was', 'SIMs were')} settled by {door.actor}.", Tone.GOOD)
    again = sorted({one.manifest_id for one in moved if one.target is Step.PLANNED and one.manifest_id})
    follower.database, follower.manifest_ids = context.database, again
    if again and wait > 0:
        start = None if here else lambda: [start_provision(each) for each in again][-1]
        bring_on(door, context, follower, wait, start)
    end_with_receipts(door, context, sorted({one.manifest_id for one in moved if one.manifest_id}))
