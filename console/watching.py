"""`watch`: sources, carriers and receipts in turn, until somebody stops it. What fails holds up nothing else."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from console.at_server import Here, has_server
from console.commands import FINE
from console.deliveries import chosen_sources, say_intake
from console.door import AtDoor, Door
from console.importing import NoActivate
from console.left_undone import Heard, unless_database, waiting_manifests, waiting_receipts
from console.stopping import StopSign, pause, stop_sign
from console.sweeping import SourceName, sweep, work
from reports.verdict import Tone

if TYPE_CHECKING:
    from engine.context import Context
    from engine.troubles import Trouble

EVERY_SECONDS = 5


def watch(
    *,
    source: SourceName = None,
    no_activate: NoActivate = False,
    every: Annotated[
        float, Parameter(metavar="SECONDS", help="Seconds between two looks.", validator=validators.Number(gt=0))
    ] = EVERY_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Take in whatever is dropped, until you stop it.

    Everything is done here: manifests are read as they are complete, their SIMs claimed, activated and settled, and
    their receipts kept up to date. Ctrl-C ends it after the requests under way. What goes wrong is said and tried
    again; the rest goes on. With a Prefect server its deployments do the work, started in this interval; with
    --no-activate it is done here.
    """
    if has_server() and not (here or no_activate):
        from console.sweeping_there import watch_there

        return watch_there(door, source, every)
    with door.engine() as context, stop_sign(door.screen) as sign:
        names = chosen_sources(door.settings(), source)
        door.screen.say(f"Watching {', '.join(names)}. Ctrl-C stops.", Tone.QUIET)
        heard = Heard(door.screen)
        while not sign.is_up:
            _look_once(door, context, names, sign, heard, sends=not no_activate)
            heard.next_look()
            pause(sign, every)
    return FINE


def _look_once(door: Door, context: "Context", names: list[str], sign: StopSign, heard: Heard, *, sends: bool) -> None:
    """One round: three parts, each of which goes its way whatever became of the others."""
    from engine.troubles import Attempts

    troubles: list[Trouble] = []
    attempts = Attempts(context.stopwatch, troubles.append)
    with attempts.trying("sources"):
        for intake in sweep(door, context, names, troubles.append):
            say_intake(door, context.database, intake.manifest_id)
            if sign.is_up:
                return
    if sends and not sign.is_up:
        with attempts.trying("carriers"):
            work(door.screen, context, sign, troubles.append, heard.is_news)
    heard.complain(waiting_manifests(troubles, heard.in_words))
    if not sign.is_up:
        _make_receipts(context, heard)


def _make_receipts(context: "Context", heard: Heard) -> None:
    from engine.receipts import refresh_receipts
    from engine.troubles import Attempts

    troubles: list[Trouble] = []
    with Attempts(context.stopwatch, troubles.append).trying("receipts"):
        refresh_receipts(context, unless_database(troubles.append))
    heard.complain(waiting_receipts(troubles, heard.in_words))
