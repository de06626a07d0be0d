"""`usage`: what the SIMs have used, collected from the carriers and kept day by day."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from console.at_server import FOLLOWING_STOPS, Here, follow_there, has_server
from console.bringing_on import WAIT_SECONDS
from console.commands import FINE, NEEDS_YOU
from console.door import AtDoor, CannotDo, Door
from console.following import Follower
from console.planning import AsJson
from console.stopping import StopSign, stop_sign
from console.sweeping import Wait
from console.usage_reporting import report
from reports.verdict import Tone

if TYPE_CHECKING:
    from domain.usage import Days
    from engine.context import Context
    from engine.usage_standing import Standing
    from engine.usage_told import Collected
    from storage.database import Database

usage = App(name="usage", help="Collect and report what the SIMs have used.")

usage.command(report)

First = Annotated[
    date | None,
    Parameter(name="--from", metavar="DAY", help="A UTC day, as 2026-02-28. Without it: the last days, once more."),
]
Last = Annotated[
    date | None, Parameter(name="--to", metavar="DAY", help="A UTC day, itself included. Without it: yesterday.")
]
Account = Annotated[
    str | None, Parameter(name="--carrier-account", metavar="NAME", help="One carrier account, instead of all.")
]
Product = Annotated[
    str | None,
    Parameter(
        metavar="NAME",
        help="Only its SIMs, where a carrier tells one SIM at a time; Super SIM and Telnyx tell all SIMs in pages.",
    ),
]


@usage.command
def collect(
    *,
    first: First = None,
    last: Last = None,
    product: Product = None,
    carrier_account: Account = None,
    as_json: AsJson = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Ask the carriers what the SIMs used, and keep it day by day.

    Usage comes late, so the last seven days are asked for each time; what changed is restated, and what it was before
    is kept. A run that was stopped goes on where it was. The exit status is 1 when days are not known in the end. With
    a Prefect server its deployment does the work.
    """
    days = _days(first, last)
    if has_server() and not here:
        return _collect_there(door, days, (carrier_account, product), wait, as_json=as_json)
    follower = Follower(door.screen)
    with door.engine(None if as_json else follower.news) as context:
        accounts = _accounts(list(context.carriers), carrier_account)
        _must_have(context.database, product)
        with follower.drawn(), stop_sign(door.screen) as sign:
            ends = [_collect(door, context, account, (days, product), sign, is_quiet=as_json) for account in accounts]
    if carrier_account and ends[0].refusal:
        raise CannotDo(ends[0].refusal)
    return _show(door, [end for end in ends if not end.refusal], as_json=as_json)


@dataclass
class _End:
    """One account's run: why it cannot tell, or how it stands and what came."""

    refusal: str = ""
    standing: "Standing | None" = None
    counts: "Collected | None" = None


def _days(first: date | None, last: date | None) -> "Days | None":
    from domain.usage import Days

    if last is not None and (first is None or first > last):
        raise CannotDo("Name the first day too, and one that is not after the last: --from 2026-02-01 --to 2026-02-28.")
    return Days(first, last or datetime.now(UTC).date()) if first else None


def _accounts(configured: list[str], only: str | None) -> list[str]:
    if only is not None and only not in configured:
        raise CannotDo(f"There is no carrier account {only}. Configured: {', '.join(configured)}.")
    return [only] if only else configured


def _must_have(database: "Database", product: str | None) -> None:
    from storage import catalogue

    if product is not None:
        with database.read() as tx:
            catalogue.must_have(tx, product)


def _collect(
    door: Door,
    context: "Context",
    account: str,
    asked: "tuple[Days | None, str | None]",
    sign: StopSign,
    *,
    is_quiet: bool,
) -> _End:
    """Rounds until the account's run is over or somebody stops it."""
    from engine.metering import CannotTell, collect_some, wanted_of
    from engine.usage_standing import standing
    from engine.usage_told import Collected

    try:
        wanted = wanted_of(context, account, *asked)
    except CannotTell as refusal:
        if not is_quiet:
            door.screen.say(str(refusal), Tone.QUIET)
        return _End(str(refusal))
    counts = Collected()
    while not (counts.is_over or sign.is_up):
        counts.add(collect_some(context, account, wanted))
    return _End("", standing(context.database, account, wanted.days, wanted.product), counts)


def _collect_there(
    door: Door,
    days: "Days | None",
    only: tuple[str | None, str | None],
    wait_seconds: float,
    *,
    as_json: bool,
) -> int:
    """Have the deployment collect, follow it, and say how each account stands then. `only`: an account, a product."""
    from domain.usage import last_settled
    from engine.usage_standing import standing
    from flows.deployed import start_collect_usage
    from storage import usage_asks
    from tasks.parameters import UsageParameters

    settings, (account, product) = door.settings(), only
    accounts = _accounts(list(settings.carrier_accounts), account)
    first, last = (days.first, days.last) if days else (None, None)
    parameters = UsageParameters(carrier_account=account, product=product, first_day=first, last_day=last)
    screen = door.screen.beside_json(as_json)
    with door.ledger() as database:
        _must_have(database, product)
        with stop_sign(screen, FOLLOWING_STOPS) as sign:
            start = partial(start_collect_usage, parameters)
            completed = follow_there(screen, sign, start, wait_seconds=wait_seconds, announced=not as_json)
        with database.read() as tx:
            shown = days or last_settled(settings.usage.again_days, tx.now(), settled_days=1)
            accounts = [name for name in accounts if product is None or usage_asks.has_sims(tx, name, product)]
        ends = [_End("", standing(database, name, shown, product)) for name in accounts]
    return max(FINE if completed else NEEDS_YOU, _show(door, ends, as_json=as_json))


def _show(door: Door, ends: list[_End], *, as_json: bool) -> int:
    """A sentence for each account, or all of it as JSON; 1 when days are not known or a carrier did not answer."""
    from engine.usage_standing import sentences

    if as_json:
        door.screen.json([_facts(end) for end in ends])
    status = FINE
    for end in ends:
        assert end.standing is not None  # noqa: S101 - refusals were taken out
        problem = end.counts.problem if end.counts else ""
        is_well = not problem and not end.standing.missing_count
        status = status if is_well else NEEDS_YOU
        said = [*sentences(end.standing, end.counts), *([f"{end.standing.account}: {problem}"] if problem else [])]
        if end.counts and end.counts.is_elsewhere:
            said.append(f"{end.standing.account}: another run is collecting; it goes on there.")
        for sentence in [] if as_json else said:
            door.screen.say(sentence, Tone.GOOD if is_well else Tone.ATTENTION)
    return status


def _facts(end: _End) -> dict[str, object]:
    """One account for programs."""
    how, counts = end.standing, end.counts
    assert how is not None  # noqa: S101
    missing = [
        {
            "iccid": one.iccid,
            "days": [{"first": str(gap.first), "last": str(gap.last)} for gap in one.days],
            "problem": one.problem,
        }
        for one in how.missing
    ]
    return {
        "carrier_account": how.account,
        "first_day": str(how.days.first),
        "last_day": str(how.days.last),
        "sims": how.told.sim_count,
        "days": how.told.day_count,
        "total_bytes": how.told.total_bytes,
        "derived_days": how.told.derived_count,
        "missing_sims": how.missing_count,
        "missing_days": how.missing_day_count,
        "missing": missing,
        "requests": counts.requests if counts else None,
        "restated_days": counts.restated if counts else None,
        "other_sims_records": counts.strangers if counts else None,
        "problem": (counts.problem if counts else "") or None,
    }
