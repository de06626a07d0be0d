"""`deactivate`, `activate` and `release`: planned, shown, agreed to, done; here or on the Prefect server."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from console.acting_shown import plan_facts, say_end, show_plan
from console.agreeing import Yes, YesRelease, agreed, must_say_why
from console.app import STDIN
from console.at_server import Here
from console.bringing_on import WAIT_SECONDS, bring_on, fresh_receipts
from console.commands import FINE, NEEDS_YOU
from console.door import AtDoor, CannotDo, Door
from console.following import ACTING, Follower
from console.given import LIKE_AN_ICCID, file_of, refuse_unknown, there
from console.importing import Wait
from console.planning import AsJson
from domain.lifecycle import Action, SimState
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.acting import Acted, ActionPlan, Asked
    from engine.context import Context
    from storage.database import Database

Iccids = Annotated[str, Parameter(help="The SIMs, in any spelling; or - to read them from the standard input.")]
Reason = Annotated[str, Parameter(metavar="TEXT", help="Why: it stays in the history of every SIM that changes.")]
YesReally = Annotated[bool, Parameter(help="Do it although it is far beyond the usual.", show_default=False)]
DryRun = Annotated[bool, Parameter(help="Show what it would do, and do nothing.", show_default=False)]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Which:
    """Which SIMs, where no ICCID is typed."""

    file: Annotated[Path | None, Parameter(help="The SIMs that a file names: any format of a manifest.")] = None
    product: Annotated[str | None, Parameter(metavar="NAME", help="All SIMs of this product.")] = None
    country: Annotated[str | None, Parameter(metavar="CODE", help="All with this home country.")] = None
    state: Annotated[SimState | None, Parameter(metavar="STATE", help="All in this state at the carrier.")] = None
    carrier_account: Annotated[str | None, Parameter(metavar="NAME", help="All at this carrier account.")] = None
    unused_for: Annotated[
        int | None,
        Parameter(
            metavar="DAYS",
            validator=validators.Number(gte=1),
            help="All that were active for so many days and of which it is known that they used nothing; the last "
            "days, whose use may still be told, do not count.",
        ),
    ] = None


ANY = Which()


@dataclass(frozen=True, slots=True)
class _Wish:
    """One command line. `yes` is the yes that its action asks for; `option` the option that says it."""

    action: Action
    reason: str
    yes: bool
    option: str
    yes_really: bool
    dry_run: bool
    as_json: bool
    wait: float
    here: bool


def deactivate(
    *iccids: Iccids,
    which: Which = ANY,
    reason: Reason,
    yes: Yes = False,
    yes_really: YesReally = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Pause SIMs; they can be activated again.

    Shows what would become of each SIM, and asks. What is paused already is asked for nothing; an operation under way
    is waited for. Several of --product, --country, --state and --carrier-account mean the SIMs that fit all of them.
    """
    wish = _Wish(Action.DEACTIVATE, reason, yes or yes_really, "--yes", yes_really, dry_run, as_json, wait, here)
    return _carry_out(door, wish, iccids, which)


def activate(
    *iccids: Iccids,
    which: Which = ANY,
    reason: Reason,
    yes: Yes = False,
    yes_really: YesReally = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Activate SIMs again that were deactivated.

    For SIMs that are ours; new ones come with `simline import`. Shows what would become of each SIM, and asks. What is
    active already is asked for nothing; an operation under way is waited for. A SIM that was released is taken in again
    where it is named itself; where its carrier wants a registration code, a file brings it.
    """
    wish = _Wish(Action.ACTIVATE, reason, yes or yes_really, "--yes", yes_really, dry_run, as_json, wait, here)
    return _carry_out(door, wish, iccids, which)


def release(
    *iccids: Iccids,
    which: Which = ANY,
    reason: Reason,
    yes_release: YesRelease = False,
    yes_really: YesReally = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Give SIMs back for good.

    They leave the carrier's account and their product; some carriers never take one back. Another product can import
    them then. Always shows what would become of each SIM, and asks. Products with `protect_from_release` keep theirs.
    """
    wish = _Wish(Action.RELEASE, reason, yes_release, "--yes-release", yes_really, dry_run, as_json, wait, here)
    return _carry_out(door, wish, iccids, which)


def _carry_out(door: Door, wish: _Wish, iccids: tuple[str, ...], which: Which) -> int:
    """Plan, show, and do it where everybody agrees."""
    from engine.acting import plan_actions

    must_say_why(wish.reason, "devices returned, ticket 4711")
    spoken = replace(door, screen=door.screen.beside_json(wish.as_json))
    follower = Follower(spoken.screen, ACTING)
    with door.engine(follower.news) as context:
        asked = _asked(context, wish.action, iccids, which)
        plan = plan_actions(context, asked)
        show_plan(spoken.screen, plan)
        if wish.dry_run or not plan.sim_count:
            return _ends(door, wish, plan)
        if not _goes_on(spoken, wish, plan):
            spoken.screen.say("Nothing was changed.", Tone.QUIET)
            return FINE
        acted = _acted(spoken, context, wish, asked)
        follower.database, follower.manifest_ids = context.database, [acted.id]
        _follow(spoken, context, follower, wish)
        return _end(door, spoken, context.database, wish, acted)


def _ends(door: Door, wish: _Wish, plan: "ActionPlan") -> int:
    """After the showing: nothing is done."""
    if wish.as_json:
        door.screen.json(plan_facts(plan))
    return NEEDS_YOU if plan.needs_you or (wish.dry_run and plan.asks) else FINE


def _goes_on(door: Door, wish: _Wish, plan: "ActionPlan") -> bool:
    """A person's word for it. Raises `CannotDo` where nobody can be asked, and beyond the brake without its option."""
    if plan.asks and not wish.yes_really:
        raise CannotDo(f"{plan.asks} Say --yes-really if that is meant. Nothing was changed.")
    verb = {Action.RELEASE: "released for good"}.get(wish.action, f"{wish.action.value}d")
    return wish.yes or agreed(door, f"{counted(plan.sim_count, 'SIM')} would be {verb}.", wish.option)


def _acted(door: Door, context: "Context", wish: _Wish, asked: "Asked") -> "Acted":
    from engine.acting import Agreed, act

    said = Agreed(beyond_the_brake=wish.yes_really, release=wish.action is Action.RELEASE)
    return act(context, asked, reason=wish.reason.strip(), actor=door.actor, agreed=said)


def _follow(door: Door, context: "Context", follower: Follower, wish: _Wish) -> None:
    """Until every SIM has ended, or the time is over."""
    from flows.deployed import start_settle

    if wish.wait > 0 and not follower.is_over():
        bring_on(door, context, follower, wish.wait, None if wish.here else start_settle)
        fresh_receipts(door.screen, context)


def _end(door: Door, spoken: Door, database: "Database", wish: _Wish, acted: "Acted") -> int:
    """What became of the SIMs."""
    steps, troubles = say_end(spoken.screen, database, acted)
    if wish.as_json:
        door.screen.json(plan_facts(acted.plan) | {"id": acted.id, "steps": steps, "troubles": troubles})
    return NEEDS_YOU if acted.plan.needs_you or troubles else FINE


def _asked(context: "Context", action: Action, iccids: tuple[str, ...], which: Which) -> "Asked":
    """Typed ICCIDs, or a file, or a choice: one of the three. Raises `CannotDo`, and `ManifestRefused` for the file."""
    from engine.acting import Asked, unused_days
    from engine.naming import named_in
    from engine.placing import Defaults
    from storage.sims import Choice

    country = which.country.upper() if which.country else None
    unused = unused_days(context, which.unused_for) if which.unused_for else None
    choice = Choice(which.product, which.state, country, carrier_account=which.carrier_account, unused=unused)
    if sum((bool(iccids), which.file is not None, choice != Choice())) != 1:
        raise CannotDo(
            "Say which SIMs, in one way: ICCIDs, or --file FILE, or a choice by --product, --country, --state, "
            "--carrier-account and --unused-for."
        )
    if choice != Choice():
        refuse_unknown(context, Defaults(which.product, None, which.carrier_account))
        return Asked(action, choice=choice)
    with tempfile.TemporaryDirectory(dir=context.scratch) as scratch:
        path = _file(iccids, which.file, Path(scratch), context.file_limits.file_bytes)
        named = named_in(context, path, path.name)
    codes = named.codes if action is Action.ACTIVATE else {}
    return Asked(action, named.iccids, not_read=named.not_read, codes=codes)


def _file(iccids: tuple[str, ...], file: Path | None, scratch: Path, at_most_bytes: int) -> Path:
    """The file that names the SIMs; typed ones become a small one."""
    words = [str(file)] if file is not None else list(iccids)
    if file is None and words[0] != STDIN:
        for word in words:
            if not LIKE_AN_ICCID.fullmatch(word):
                raise CannotDo(f"{word!r} is no ICCID. A file of them is named with --file.")
        path = scratch / "typed.txt"
        path.write_text("".join(f"{word}\n" for word in words))
        return path
    return there(file_of(words, scratch, at_most_bytes))
