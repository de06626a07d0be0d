"""`watch`, `pick-up` and `settle`: the sources and the carriers, once or until somebody stops it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from console.agreeing import Yes
from console.at_server import Here, has_server
from console.bringing_on import WAIT_SECONDS, end_with_receipts
from console.commands import FINE, NEEDS_YOU
from console.deciding import Follows, decide
from console.deliveries import chosen_sources, say_intake
from console.door import AtDoor, CannotDo, Door
from console.following import Follower
from console.importing import NoActivate
from console.screen import Screen
from console.stopping import StopSign, pause, stop_sign
from domain.deciding import Saw
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.context import Context
    from engine.intake import Intake
    from engine.tally import Tally

ROUND_SECONDS = 600.0
EVERY_SECONDS = 5

SourceName = Annotated[
    str | None, Parameter(name="--source", metavar="NAME", help="One source out of simline.toml, instead of all.")
]
Wait = Annotated[
    float,
    Parameter(
        metavar="SECONDS",
        help="With a Prefect server: how long to follow what runs there.",
        validator=validators.Number(gte=0),
    ),
]


def pick_up(
    *,
    source: SourceName = None,
    no_activate: NoActivate = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Take in what lies in the sources now, once.

    Each complete manifest is read into the ledger; then what is due is sent, and the carriers are asked what became of
    it. SIMs that a carrier still works on are left to `settle`. With a Prefect server its deployment does all of that;
    with --no-activate everything is done here, for nothing is to be sent.
    """
    if has_server() and not (here or no_activate):
        from console.sweeping_there import pick_up_there

        return pick_up_there(door, source, wait)
    follower = Follower(door.screen)
    with door.engine(follower.news) as context:
        names = chosen_sources(door.settings(), source)
        with follower.drawn():
            taken = list(_sweep(door, context, names))
        follower.database, follower.manifest_ids = context.database, [intake.manifest_id for intake in taken]
        if not taken:
            door.screen.say("Nothing new lies in the sources.", Tone.QUIET)
        if not no_activate:
            with _round(door, follower) as sign:
                _work(door.screen, context, sign)
        return end_with_receipts(door, context, [intake.manifest_id for intake in taken])


def settle(
    *iccid: Annotated[str, Parameter(help="Only these SIMs, by what you saw at the carrier (--as).")],
    saw: Annotated[
        Saw | None, Parameter(name="--as", metavar="STATE", help="What you saw: active, inactive, ready, or absent.")
    ] = None,
    then: Follows = None,
    reason: Annotated[str, Parameter(metavar="TEXT", help="With --as: how you know.")] = "",
    yes: Yes = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Send what is due, and ask the carriers what became of it.

    One round for every carrier account: what is planned is sent, what was sent is read, receipts are made again. Run
    it from a schedule, or let Prefect do so: with a Prefect server its deployment does the round.

    With ICCIDs and --as it settles SIMs that need review or have timed out on your word. For lists and whole manifests
    there is the command decide.
    """
    if iccid or saw is not None:
        if not iccid or saw is None:
            raise CannotDo("Name the SIMs and what you saw: `simline settle ICCID --as active --reason WHY`.")
        return decide(*iccid, saw=saw, then=then, reason=reason, yes=yes, wait=wait, here=here, door=door)
    if has_server() and not here:
        from console.sweeping_there import settle_there

        return settle_there(door, wait)
    follower = Follower(door.screen)
    with door.engine(follower.news) as context:
        with _round(door, follower) as sign:
            problems = _work(door.screen, context, sign, say_all=True)
        fresh = _fresh_receipts(context)
        if fresh:
            door.screen.say(f"{counted(fresh, 'receipt')} made again.", Tone.QUIET)
    return NEEDS_YOU if problems else FINE


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
    their receipts kept up to date. Ctrl-C ends it after the requests under way. With a Prefect server its deployments
    do the work, started in this interval; with --no-activate it is done here.
    """
    if has_server() and not (here or no_activate):
        from console.sweeping_there import watch_there

        return watch_there(door, source, every)
    with door.engine() as context, stop_sign(door.screen) as sign:
        names = chosen_sources(door.settings(), source)
        door.screen.say(f"Watching {', '.join(names)}. Ctrl-C stops.", Tone.QUIET)
        while not sign.is_up:
            _look_once(door, context, names, sign, sends=not no_activate)
            pause(sign, every)
    return FINE


def _look_once(door: Door, context: "Context", names: list[str], sign: StopSign, *, sends: bool) -> None:
    """One round; trouble that may pass is said and does not end the watch."""
    from carriers.errors import CarrierError
    from storage.database import DatabaseUnavailable
    from storage.sources.contract import SourceUnavailable

    try:
        for intake in _sweep(door, context, names):
            say_intake(door.screen, intake.manifest_id, intake.state, intake.counts, intake.sentence)
            if sign.is_up:
                return
        if sends:
            _work(door.screen, context, sign)
        _fresh_receipts(context)
    except (SourceUnavailable, DatabaseUnavailable, CarrierError) as error:
        door.screen.complain(str(error))


def _sweep(door: Door, context: "Context", names: list[str]) -> "Iterator[Intake]":
    from engine.picking_up import pick_up as sweep

    for name in names:
        yield from sweep(context, name, actor=door.actor)


@contextmanager
def _round(door: Door, follower: Follower) -> Iterator[StopSign]:
    with follower.drawn(), stop_sign(door.screen) as sign:
        yield sign


def _work(screen: Screen, context: "Context", sign: StopSign, *, say_all: bool = False) -> list[str]:
    """Send and settle what is due at every carrier account; the problems that a person should know of."""
    from engine.sending import send_due
    from engine.settling import settle_due
    from engine.tally import Tally

    problems = []
    for account in context.carriers:
        whole, ends = Tally(), context.stopwatch.monotonic() + ROUND_SECONDS
        for one_round in (send_due, settle_due, send_due):
            while not sign.is_up and context.stopwatch.monotonic() < ends:
                done = one_round(context, account)
                whole.add(done)
                if done.taken == 0:
                    break
        _say_tally(screen, account, whole, say_all=say_all)
        problems += [whole.problem] if whole.problem else []
    return problems


def _say_tally(screen: Screen, account: str, tally: "Tally", *, say_all: bool) -> None:
    """One line for an account; nothing for one at which nothing was due, unless everything is to be said."""
    words = ", ".join(f"{count:,} {step.replace('_', ' ')}" for step, count in sorted(tally.steps.items()) if count)
    if tally.taken:
        requests = counted(tally.requests, "request")
        screen.say(f"{account}: {requests}, {words or 'nothing moved yet'}.", Tone.MOVING)
    elif say_all:
        screen.say(f"{account}: nothing is due.", Tone.QUIET)
    if tally.problem:
        screen.say(f"{account}: {tally.problem}", Tone.ATTENTION)
    if tally.wait_seconds > 0:
        screen.say(f"{account} is not asked for {tally.wait_seconds:.0f} s.", Tone.ATTENTION)


def _fresh_receipts(context: "Context") -> int:
    from engine.receipts import refresh_receipts

    return len(refresh_receipts(context))
