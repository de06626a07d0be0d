"""`reconcile`: what carriers list, bill and measure beside what is ours; with --repair, what is ours to mend."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.acting_shown import plan_facts, show_left_alone, show_plan
from console.agreeing import agreed
from console.at_server import FOLLOWING_STOPS, Here, follow_there, has_server
from console.bringing_on import WAIT_SECONDS, Seconds, bring_on
from console.commands import FINE, NEEDS_YOU
from console.door import AtDoor, CannotDo, Door
from console.following import ACTING, Follower
from console.planning import AsJson
from console.reconciling_shown import run_facts, show_run
from console.stopping import stop_sign
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.context import Context
    from engine.reconciling import Invoices, Scope
    from engine.repairing import RepairPlan
    from storage.findings import Run

LONGEST_SECONDS = 6 * 3600.0
"""How long listings may take here before the rest is unknown in this run."""
NOT_COMPLETED = (
    "The flow run has not completed, so nothing is shown and nothing repaired. Look at it on the Prefect server. Once "
    "it has ended, `simline reconcile --as-of DAY` shows what it found. --wait follows it longer, --here does without."
)
NOTHING_WRITTEN = (
    "The flow run completed, and this database has no new run. Give this machine and the worker the same `database`, "
    "then reconcile again."
)
Wait = Annotated[
    Seconds, Parameter(help="How long to follow a Prefect server's run, and then the SIMs that are repaired.")
]


def reconcile(
    *,
    carrier_account: Annotated[
        str | None,
        Parameter(name=["--carrier-account", "--carrier"], metavar="NAME", help="One carrier account, not all."),
    ] = None,
    product: Annotated[str | None, Parameter(metavar="NAME", help="Only SIMs of this product.")] = None,
    invoice: Annotated[
        tuple[str, ...], Parameter(metavar="ACCOUNT=FILE", help="A carrier's invoice; its name says its month.")
    ] = (),
    as_of: Annotated[
        str | None, Parameter(metavar="TIME", help="Show the run of then (UTC) again, and ask no carrier.")
    ] = None,
    repair: Annotated[bool, Parameter(help="Show what can be mended, ask, and do it.", show_default=False)] = False,
    yes: Annotated[bool, Parameter(help="Do not ask.", show_default=False)] = False,
    yes_really: Annotated[bool, Parameter(help="Repair although it is very much.", show_default=False)] = False,
    as_json: AsJson = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Compare our SIMs with what carriers list and bill.

    And with what they measured. A listing that broke off is gone on with at its page; what a carrier did not tell is
    unknown, and named. Nothing is changed without --repair. The exit status is 1 when something was found, or when the
    run is incomplete.
    """
    from engine.reconciling import Scope, accounts_of, run_as_of

    if as_of is not None and (repair or invoice):
        raise CannotDo("--as-of shows what was found then: nothing is repaired, and no invoice is read for it.")
    scope = Scope(carrier_account, product)
    spoken = replace(door, screen=door.screen.beside_json(as_json))
    follower = Follower(spoken.screen, ACTING)
    with door.engine(follower.news) as context:
        accounts = accounts_of(context, scope)
        if as_of is not None:
            run = run_as_of(context, scope, _moment(as_of))
        elif has_server() and not here and not invoice:
            run = _there(spoken, context, scope, wait)
        else:
            invoices = _invoices(spoken, context, accounts, invoice)
            run = _here(spoken, context, scope, invoices, accounts=accounts, follower=follower)
        is_fine = show_run(spoken.screen, context, run, publishes=as_of is None)
        plan = _plan(spoken, context, run) if repair else None
        if plan is not None and plan.sim_count:
            _repair(spoken, context, plan, follower, said=(yes, yes_really), wait=wait, here=here)
        if as_json:
            door.screen.json(run_facts(context, run) | _repair_facts(plan))
    return FINE if is_fine else NEEDS_YOU


def _repair_facts(plan: "RepairPlan | None") -> dict[str, object]:
    """What could be mended, and the SIMs of which nothing is wanted, for programs; nothing without --repair."""
    if plan is None:
        return {"repair": None, "unwanted": []}
    plans = {str(action): plan_facts(one) for action, one in plan.plans.items()}
    return {"repair": plans, "unwanted": list(plan.unwanted)}


def _moment(text: str) -> datetime:
    """A time, or the end of a day, in UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise CannotDo(f"{text!r} is no time. Write it as 2026-02-28 or 2026-02-28T02:15:00.") from None
    if len(text.strip()) == len("2026-02-28"):
        moment += timedelta(days=1, seconds=-1)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _invoices(door: Door, context: "Context", accounts: list[str], given: tuple[str, ...]) -> "Invoices":
    """The named files, and the newest of the folders for other accounts."""
    from engine.invoices import of_folders, read_one
    from engine.reconciling import Invoices

    read, refused = of_folders(context, set(accounts))
    for each in given:
        account, _, file = each.partition("=")
        if account not in accounts or not file:
            raise CannotDo(f"--invoice {each}: write ACCOUNT=FILE with one of {', '.join(accounts)}.")
        read[account], unreadable = read_one(context, account, Path(file))
        refused.pop(account, None)
        for line in unreadable:
            door.screen.say(f"{Path(file).name}, {line}.", Tone.ATTENTION)
    return Invoices(read, refused)


def _here(
    door: Door, context: "Context", scope: "Scope", invoices: "Invoices", *, accounts: list[str], follower: Follower
) -> "Run":
    from engine.reconciling import compare, list_account, wanted

    asked = wanted(context)
    with follower.drawn(), stop_sign(door.screen) as sign:
        for account in accounts:
            door.screen.say(f"{account} is listed.", Tone.MOVING)
            until = 0.0 if sign.is_up else context.stopwatch.monotonic() + LONGEST_SECONDS
            list_account(context, account, asked, until=until)
    with door.screen.busy("What was listed is compared."):
        return compare(context, scope, asked, invoices, actor=door.actor)


def _there(door: Door, context: "Context", scope: "Scope", wait_seconds: float) -> "Run":
    """Have the deployment reconcile, follow it, and take the run that it wrote down.

    An incomplete night ends as a failed flow run: what it wrote down says so itself. Raises `CannotDo` where there is
    nothing newer than before, or nothing that this flow run vouches for.
    """
    from engine.reconciling import is_whole, last_run
    from flows.deployed import start_reconcile
    from tasks.parameters import ReconcileParameters

    before = last_run(context, scope)
    parameters = ReconcileParameters(carrier_account=scope.carrier_account, product=scope.product)
    with stop_sign(door.screen, FOLLOWING_STOPS) as sign:
        completed = follow_there(door.screen, sign, partial(start_reconcile, parameters), wait_seconds=wait_seconds)
    run = last_run(context, scope, before)
    if run is not None and (completed or not is_whole(context, run)):
        return run
    raise CannotDo(NOTHING_WRITTEN if completed else NOT_COMPLETED)


def _plan(door: Door, context: "Context", run: "Run") -> "RepairPlan":
    """What could be mended, shown, and what is left to people."""
    from domain.reconciling import NEXT_STEPS, Kind
    from engine.repairing import NOTHING_WANTED, plan_repair

    plan = plan_repair(context, run)
    for one in plan.plans.values():
        show_plan(door.screen, one)
    if not plan.sim_count:
        door.screen.say("There is nothing that simline can repair.", Tone.QUIET)
    if plan.unwanted:
        show_left_alone(door.screen, NOTHING_WANTED, plan.unwanted)
    for kind, count in plan.left_to_people.items():
        door.screen.say(f"{counted(count, 'SIM')}, {kind.replace('_', ' ')}: {NEXT_STEPS[Kind(kind)]}", Tone.ATTENTION)
    return plan


def _repair(
    door: Door,
    context: "Context",
    plan: "RepairPlan",
    follower: Follower,
    *,
    said: tuple[bool, bool],
    wait: float,
    here: bool,
) -> None:
    """A person's yes, then the ledger, then the carriers. Raises `CannotDo` beyond the brake without its option."""
    from engine.repairing import repair
    from flows.deployed import start_settle

    yes, yes_really = said
    if plan.asks and not yes_really:
        raise CannotDo(f"{plan.asks} Say --yes-really if that is meant. Nothing was changed.")
    sims = counted(plan.sim_count, "SIM")
    if not (yes or yes_really or agreed(door, f"{sims} would be asked for once more, as wanted.", "--yes")):
        door.screen.say("Nothing was changed.", Tone.QUIET)
        return
    acted = repair(context, plan, actor=door.actor, beyond_the_brake=yes_really)
    follower.database, follower.manifest_ids = context.database, [one.id for one in acted]
    if wait > 0 and not follower.is_over():
        bring_on(door, context, follower, wait, None if here else start_settle)
