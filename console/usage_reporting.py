"""`usage report`: what the SIMs used, what that costs, and where it is heading."""

from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from console.at_server import FOLLOWING_STOPS, Here, follow_there, has_server
from console.bringing_on import WAIT_SECONDS
from console.commands import FINE, NEEDS_YOU
from console.door import AtDoor, CannotDo, Door
from console.planning import AsJson
from console.screen import Column
from console.stopping import stop_sign
from console.sweeping import Wait
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.reporting import Published
    from storage.database import Database
    from storage.usage_sets import Question

First = Annotated[
    date | None,
    Parameter(name="--from", metavar="DAY", help="A UTC day. Without it: the first of the last day's month."),
]
Last = Annotated[
    date | None,
    Parameter(
        name="--to",
        metavar="DAY",
        help="A UTC day, itself included. Without it: the newest that was collected, or should be.",
    ),
]
NOT_MADE = (
    "No report was made there yet. `simline reports` lists it once it is. Look at the flow run on the Prefect server, "
    "or make the report in this process with --here."
)
OTHER_SHELF = (
    "Its worker keeps reports elsewhere: name the same `folder` under [reports] on both machines, or make the report "
    "in this process with --here."
)
LastMonth = Annotated[bool, Parameter(help="The whole calendar month before the present one.", show_default=False)]


def report(
    *,
    first: First = None,
    last: Last = None,
    last_month: LastMonth = False,
    product: Annotated[str | None, Parameter(metavar="NAME", help="One product, instead of all.")] = None,
    carrier_account: Annotated[
        str | None, Parameter(name="--carrier-account", metavar="NAME", help="One carrier account, instead of all.")
    ] = None,
    as_json: AsJson = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Report what the SIMs used, what that costs and where the month is heading.

    Out of what was collected, never out of guesses: days that are not known are said first, and are in no sum. The
    report's files are kept; `simline reports` lists them. The exit status is 1 when days are not known. With a
    Prefect server its deployment does the work.
    """
    asked = {
        "first": first,
        "last": last,
        "last_month": last_month,
        "product": product,
        "carrier_account": carrier_account,
    }
    if first and last and first > last:
        raise CannotDo("--from is after --to.")
    if last_month and (first or last):
        raise CannotDo("Name days or --last-month, not both.")
    if has_server() and not here:
        published = _made_there(door, asked, wait, as_json=as_json)
    else:
        published = _made_here(door, asked, as_json=as_json)
    if as_json:
        door.screen.json(_facts(published))
    else:
        _show(door, published)
    return NEEDS_YOU if _has_gaps(published) else FINE


def _made_here(door: Door, asked: dict[str, Any], *, as_json: bool) -> "Published":
    """Make it, keep it, and raise what is to be told of."""
    from engine.report_alerts import alert_of_usage
    from engine.reporting import publish
    from engine.usage_report import report_of
    from storage.usage_figures import figures

    with door.engine() as context, door.screen.busy("The report is made."):
        about = _question(context.database, list(context.carriers), asked)
        told = figures(context.database, context.scratch, about, context.thresholds)
        published = publish(context, report_of(told))
        raised = alert_of_usage(context, told)
    if raised and not as_json:
        door.screen.say(f"{counted(len(raised), 'alert')} raised: see `simline alerts`.", Tone.ATTENTION)
    return published


def _made_there(door: Door, asked: dict[str, Any], wait_seconds: float, *, as_json: bool) -> "Published":
    """Have the deployment make it for the same days, and take what it has put on the shelf."""
    from config.build import open_shelf
    from engine.reporting import published_since
    from engine.usage_report import name_of
    from flows.deployed import start_report_usage
    from tasks.parameters import ReportUsageParameters

    settings = door.settings()
    shelf = open_shelf(settings)
    with door.ledger() as database:
        about = _question(database, list(settings.carrier_accounts), asked)
        with database.read() as tx:
            since = tx.now()
    days = {"first_day": about.days.first, "last_day": about.days.last}
    parameters = ReportUsageParameters(**days, product=about.product, carrier_account=about.carrier_account)
    screen = door.screen.beside_json(as_json)
    with stop_sign(screen, FOLLOWING_STOPS) as sign:
        start = partial(start_report_usage, parameters)
        completed = follow_there(screen, sign, start, wait_seconds=wait_seconds, announced=not as_json)
    if not completed and not sign.is_up:
        raise CannotDo(NOT_MADE)
    published = published_since(shelf, name_of(about), since)
    if published is None:
        raise CannotDo(f"The flow run has made the report, but it is not at {shelf.address()}. {OTHER_SHELF}")
    return published


def _question(database: "Database", accounts: list[str], asked: dict[str, Any]) -> "Question":
    from engine.usage_question import NothingToReport, question

    try:
        return question(database, accounts, **asked)
    except NothingToReport as nothing:
        raise CannotDo(str(nothing)) from None


def _has_gaps(published: "Published") -> bool:
    from engine.usage_report import NOT_KNOWN

    return any(fact.value for fact in published.facts if fact.label == NOT_KNOWN)


def _show(door: Door, published: "Published") -> None:
    """What is not known first, then the headlines, and where the rest is."""
    from reports.values import fact_in_words

    made = published.kept
    for warning in made.warnings:
        door.screen.say(warning, Tone.ATTENTION)
    rows = [(fact.label, fact_in_words(fact)) for fact in published.facts]
    door.screen.table([Column(made.title), Column("", number=True)], rows)
    door.screen.say(f"As of {made.as_of:%Y-%m-%d %H:%M} UTC. The report: {published.page}", Tone.GOOD)


def _facts(published: "Published") -> dict[str, object]:
    """The report for programs: headlines, warnings, and every file."""
    made = published.kept
    return {
        "name": made.name,
        "as_of": made.as_of,
        "warnings": list(made.warnings),
        "facts": [
            {"label": fact.label, "value": fact.value, "unit": fact.unit.value, "currency": fact.currency or None}
            for fact in published.facts
        ],
        "page": published.page,
        "files": published.files,
    }
