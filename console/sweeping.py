"""`pick-up` and `settle`: the sources and the carriers, once. What fails holds up nothing else, and is said."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.agreeing import Yes
from console.at_server import Here, has_server
from console.bringing_on import WAIT_SECONDS, Seconds, end_with_receipts, fresh_receipts
from console.commands import CANNOT, FINE, NEEDS_YOU
from console.deciding import Follows, decide
from console.deliveries import chosen_sources
from console.door import AtDoor, CannotDo, Door
from console.following import Follower
from console.importing import NoActivate
from console.left_undone import unless_database, waiting_manifests
from console.screen import Screen
from console.stopping import StopSign, stop_sign
from domain.deciding import Saw
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.context import Context
    from engine.intake import Intake
    from engine.tally import Tally
    from engine.troubles import Tell, Trouble

ROUND_SECONDS = 600.0
Says = Callable[[str], bool]
"""Whether a problem is to be said (again)."""

SourceName = Annotated[
    str | None, Parameter(name="--source", metavar="NAME", help="One source out of simline.toml, instead of all.")
]
Wait = Annotated[Seconds, Parameter(help="With a Prefect server: how long to follow what runs there.")]


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
    troubles: list[Trouble] = []
    follower = Follower(door.screen)
    with door.engine(follower.news) as context:
        names = chosen_sources(door.settings(), source)
        with follower.drawn():
            taken = [intake.manifest_id for intake in sweep(door, context, names, troubles.append)]
        follower.database, follower.manifest_ids = context.database, taken
        gone = {one.source for one in troubles if not one.name}
        _complain(door.screen, troubles)
        if not taken and not troubles:
            door.screen.say("Nothing new lies in the sources.", Tone.QUIET)
        if not no_activate:
            failed: list[Trouble] = []
            with _round(door, follower) as sign:
                work(door.screen, context, sign, failed.append, everything)
            _complain(door.screen, failed)
            troubles += failed
        status = max(end_with_receipts(door, context, taken), NEEDS_YOU if troubles else FINE)
        return CANNOT if gone >= set(names) and not taken else status


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
    troubles: list[Trouble] = []
    follower = Follower(door.screen)
    with door.engine(follower.news) as context:
        with _round(door, follower) as sign:
            problems = work(door.screen, context, sign, troubles.append, everything, say_all=True)
        _complain(door.screen, troubles)
        fresh, all_made = fresh_receipts(door.screen, context)
        if fresh:
            door.screen.say(f"{counted(fresh, 'receipt')} made again.", Tone.QUIET)
    return FINE if all_made and not (problems or troubles) else NEEDS_YOU


def sweep(door: Door, context: "Context", names: list[str], tell: "Tell") -> "Iterator[Intake]":
    """Everything complete in these sources; what fails is told. Raises `DatabaseUnavailable`."""
    from engine.picking_up import pick_up as swept

    for name in names:
        yield from swept(context, name, actor=door.actor, tell=unless_database(tell))


def _complain(screen: Screen, troubles: "list[Trouble]") -> None:
    for sentence in waiting_manifests(troubles):
        screen.complain(sentence)


@contextmanager
def _round(door: Door, follower: Follower) -> Iterator[StopSign]:
    with follower.drawn(), stop_sign(door.screen) as sign:
        yield sign


def work(
    screen: Screen, context: "Context", sign: StopSign, tell: "Tell", says: "Says", *, say_all: bool = False
) -> list[str]:
    """Send and settle what is due at every carrier account; the problems that a person should know of.

    An account that fails, or whose codes cannot be opened, is told and holds up no other. Raises `DatabaseUnavailable`.
    """
    from engine.sending import send_due
    from engine.settling import settle_due
    from engine.tally import Tally
    from engine.troubles import Attempts

    context = replace(context, is_stopping=lambda: sign.is_up)
    problems = []
    attempts = Attempts(context.stopwatch, unless_database(tell))
    for account in context.carriers:
        whole, ends = Tally(), context.stopwatch.monotonic() + ROUND_SECONDS
        for one_round in (send_due, settle_due, send_due):
            with attempts.trying(account):
                while not sign.is_up and context.stopwatch.monotonic() < ends:
                    done = one_round(context, account)
                    whole.add(done)
                    if done.taken == 0:
                        break
        _say_tally(screen, account, whole, says, say_all=say_all)
        problems += [whole.problem] if whole.problem else []
    return problems


def _say_tally(screen: Screen, account: str, tally: "Tally", says: "Says", *, say_all: bool) -> None:
    """One line for an account; nothing for one at which nothing was due, unless everything is to be said."""
    words = ", ".join(f"{count:,} {step.replace('_', ' ')}" for step, count in sorted(tally.steps.items()) if count)
    if tally.taken:
        requests = counted(tally.requests, "request")
        screen.say(f"{account}: {requests}, {words or 'nothing moved yet'}.", Tone.MOVING)
    elif say_all:
        screen.say(f"{account}: nothing is due.", Tone.QUIET)
    if tally.problem and says(f"{account}: {tally.problem}"):
        screen.say(f"{account}: {tally.problem}", Tone.ATTENTION)
    if tally.wait_seconds > 0 and says(f"{account} is not asked"):
        screen.say(f"{account} is not asked for {tally.wait_seconds:.0f} s.", Tone.ATTENTION)


def everything(_what: str) -> bool:
    """Says everything: for a command that looks once."""
    return True
