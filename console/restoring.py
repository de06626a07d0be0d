"""`restored`: after a backup was restored, the carriers are read before anything is sent."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.commands import FINE, NEEDS_YOU
from console.door import AtDoor, CannotDo, Door
from console.following import Follower
from console.planning import AsJson
from console.screen import Column, Fit, Screen, lasting
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.context import Context, Progress
    from engine.restoring import Doubt


def restored(
    *,
    reason: Annotated[str, Parameter(metavar="TEXT", help="Why: it stays in the history of every SIM that moves.")],
    yes_really: Annotated[
        bool, Parameter(help="Do it. Without it, see what would be done.", show_default=False)
    ] = False,
    as_json: AsJson = False,
    door: AtDoor,
) -> int:
    """After a backup was restored: read before anything is sent.

    A backup does not know what was sent since. Every SIM that is planned in it is read at its carrier first, after the
    quiet period: what is done is finished without a request, what is untouched is sent. Stop every worker before. Safe
    to repeat. The exit status is 1 while --yes-really is wanted, and when SIMs go to a person.
    """
    from engine.restoring import doubts

    if len(reason.strip()) < 3:
        raise CannotDo("Say why, in a few words: --reason 'disk lost, backup of Monday'.")
    follower = Follower(door.screen)

    def watch(told: "Progress") -> None:
        if not as_json:
            follower.show(told.stage, told.done, told.total or told.done, "SIMs")

    with door.engine(watch) as context:
        found = doubts(context)
        if yes_really:
            with follower.drawn():
                _read_first(door, context, reason)
    if as_json:
        door.screen.json({"done": yes_really, "accounts": found})
    else:
        _show(door.screen, found, done=yes_really)
    for_people = any(one.can_read is not True for one in found)
    return NEEDS_YOU if for_people or (found and not yes_really) else FINE


def _read_first(door: Door, context: "Context", reason: str) -> None:
    from engine.restoring import StillAtWork, read_first

    try:
        read_first(context, reason=reason, actor=door.actor)
    except StillAtWork as at_work:
        raise CannotDo(str(at_work)) from None


def _show(screen: Screen, found: "Sequence[Doubt]", *, done: bool) -> None:
    if not found:
        screen.say("Nothing is planned or in progress: there is nothing to read first.", Tone.QUIET)
        return
    columns = [Column("carrier"), Column("planned", number=True), Column("in progress", number=True)]
    rows = [(one.account, one.planned, one.in_progress, _how(one)) for one in found]
    screen.table([*columns, Column("", fit=Fit.FOLD)], rows, indent=2)
    screen.gap()
    sims = counted(sum(one.planned + one.in_progress for one in found), "SIM")
    if done:
        screen.say(f"{sims} to be read before anything is sent.", Tone.MOVING)
        screen.say("Start the workers, or run `simline settle --here`.", Tone.MOVING)
    else:
        screen.say(f"{sims} would be read before anything is sent. Nothing was changed.", Tone.ATTENTION)
        screen.say("Stop every worker and every schedule. Then --yes-really does it.")


def _how(one: "Doubt") -> str:
    if one.can_read is None:
        return "wait until this account is configured again"
    if not one.can_read:
        return "go to a person: this carrier cannot be asked"
    return f"read in {lasting(one.wait_seconds)}, when the quiet period is over"
