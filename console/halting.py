"""`pause`, `resume`, `cancel`: a person's word over a manifest in mid-run.

The word goes straight into the ledger, with a Prefect server or without: it must not wait for a free worker.
"""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.agreeing import Yes, agreed, must_say_why
from console.at_server import Here
from console.bringing_on import WAIT_SECONDS, bring_on, end_with_receipts
from console.commands import FINE
from console.door import AtDoor, CannotDo
from console.following import Follower
from console.importing import NoActivate, Wait
from console.planning import AsJson
from console.screen import Screen, when
from domain.lifecycle import Step
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.halting import Halted
    from storage.database import Database

Manifest = Annotated[str, Parameter(help="Its id, the beginning of it, or the file's name.")]
Reason = Annotated[str, Parameter(metavar="TEXT", help="Why: the receipt shows it.")]


def pause(manifest: Manifest, /, *, reason: Reason, as_json: AsJson = False, door: AtDoor) -> int:
    """Send nothing new of a manifest until it is resumed.

    What was sent is settled as ever. What a worker has in its hands at this moment may still leave within its lease,
    90 seconds unless configured otherwise; nothing is taken after that. However large the manifest, it holds at once.
    Safe to say twice. No carrier's secret is needed here.
    """
    from engine import halting

    must_say_why(reason, "the factory mixed up two pallets")
    with door.ledger(to_write=True) as database:
        halted = _said(lambda: halting.pause(database, manifest, reason=reason, actor=door.actor))
    if as_json:
        door.screen.json(halted)
        return FINE
    door.screen.say(f"{halted.manifest_id} {'is' if halted.changed else 'was already'} paused.", Tone.GOOD)
    _say_in_hand(door.screen, halted)
    door.screen.say(f"`simline resume {halted.manifest_id} --reason WHY` lets it go on.", Tone.QUIET)
    return FINE


def resume(
    manifest: Manifest,
    /,
    *,
    reason: Reason,
    no_activate: NoActivate = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Let a paused manifest go on.

    What was not sent is sent from now on, each SIM once. With a Prefect server its deployment `provision` begins with
    it; without one it is done here. Safe to say twice.
    """
    from engine import halting
    from flows.deployed import start_provision

    must_say_why(reason, "the pallets are sorted")
    follower = Follower(door.screen)
    with door.engine(follower.news) as context:
        freed = _said(lambda: halting.resume(context.database, manifest, reason=reason, actor=door.actor))
        if not freed.changed:
            door.screen.say(f"{freed.manifest_id} was not paused.", Tone.QUIET)
            return FINE
        door.screen.say(f"{freed.manifest_id} goes on.", Tone.MOVING)
        follower.database, follower.manifest_ids = context.database, [freed.manifest_id]
        if wait > 0 and not no_activate and not follower.is_over():
            start = None if here else lambda: start_provision(freed.manifest_id)
            bring_on(door, context, follower, wait, start)
        return end_with_receipts(door, context, [freed.manifest_id])


def cancel(manifest: Manifest, /, *, reason: Reason, yes: Yes = False, as_json: AsJson = False, door: AtDoor) -> int:
    """Withdraw what was not sent of a manifest.

    What was sent is settled as ever, and SIMs that are active stay so. What a worker has in its hands may still leave
    within its lease, as with `pause`. The receipt counts what was withdrawn. Dropping the file again brings nothing
    back, for its SIMs are known; a re-run with --only withdrawn does. Safe to stop and to say twice.
    """
    from engine import halting

    must_say_why(reason, "wrong product")
    follower = Follower(door.screen)
    with door.ledger(to_write=True) as database:
        manifest_id, count = _unsent(database, manifest)
        if not yes and not agreed(door, f"{counted(count, 'SIM')} of {manifest_id} would be withdrawn."):
            door.screen.say("Nothing was changed.", Tone.QUIET)
            return FINE

        def watch(so_far: int) -> None:
            if not as_json:
                follower.show("withdraw", so_far, max(so_far, count), "SIMs")

        with follower.drawn():
            halted = _said(lambda: halting.cancel(database, manifest, reason=reason, actor=door.actor, watch=watch))
    if as_json:
        door.screen.json(halted)
        return FINE
    withdrawn = counted(halted.withdrawn, "SIM was", "SIMs were")
    door.screen.say(f"{halted.manifest_id} is cancelled: {withdrawn} withdrawn.", Tone.GOOD)
    _say_in_hand(door.screen, halted)
    return FINE


def _unsent(database: "Database", manifest: str) -> tuple[str, int]:
    """The manifest's id, and how many of its SIMs a cancelling would withdraw."""
    from engine.halting import WITHDRAWN_FROM
    from storage import manifests

    with database.read() as tx:
        row = manifests.find(tx, manifest)
        steps: dict[Step, int] = manifests.operation_counts(tx, row.id)
    return row.id, sum(steps.get(step, 0) for step in WITHDRAWN_FROM)


def _said(word: "Callable[[], Halted]") -> "Halted":
    """What became of the word; one that does not fit is a sentence."""
    from engine.halting import CannotHalt

    try:
        return word()
    except CannotHalt as error:
        raise CannotDo(str(error)) from None


def _say_in_hand(screen: Screen, halted: "Halted") -> None:
    """What a worker had taken before the word was said."""
    held = halted.in_hand
    if held.count:
        sims = counted(held.count, "SIM is", "SIMs are")
        screen.say(f"{sims} in a worker's hands and may leave until {when(held.ends_at)} UTC.", Tone.MOVING)
