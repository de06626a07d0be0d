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
from reports.verdict import Tone

if TYPE_CHECKING:
    from engine.reporting import Published
    from reports.document import Report

First = Annotated[
    date | None,
    Parameter(name="--from", metavar="DAY", help="A UTC day. Without it: the first of the last day's month."),
]
Last = Annotated[
    date | None,
    Parameter(
        name="--to", metavar="DAY", help="A UTC day, itself included. Without it: the newest that was collected."
    ),
]
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
        return _report_there(door, asked, wait, announced=not as_json)
    return _report_here(door, asked, as_json=as_json)


def _report_here(door: Door, asked: dict[str, Any], *, as_json: bool) -> int:
    from engine.reporting import publish
    from engine.usage_report import NothingToReport, question, usage_report

    with door.engine() as context, door.screen.busy("The report is made."):
        try:
            made = usage_report(context, question(context, **asked))
        except NothingToReport as nothing:
            raise CannotDo(str(nothing)) from None
        published = publish(context, made)
    if as_json:
        door.screen.json(_facts(made, published))
    else:
        _show(door, made, published)
    return NEEDS_YOU if _has_gaps(made) else FINE


def _report_there(door: Door, asked: dict[str, Any], wait_seconds: float, *, announced: bool) -> int:
    """Have the deployment make it, and follow it; the page is then on the shelf."""
    from flows.deployed import start_report_usage
    from tasks.parameters import ReportUsageParameters

    names = {"first": "first_day", "last": "last_day"}
    parameters = ReportUsageParameters(**{names.get(name, name): value for name, value in asked.items()})
    with stop_sign(door.screen, FOLLOWING_STOPS) as sign:
        start = partial(start_report_usage, parameters)
        completed = follow_there(door.screen, sign, start, wait_seconds=wait_seconds, announced=announced)
    if completed and announced:
        door.screen.say("The report is kept: `simline reports`.", Tone.GOOD)
    return FINE if completed else NEEDS_YOU


def _has_gaps(made: "Report") -> bool:
    return any(len(section.rows) for section in made.sections if section.name == "gaps")


def _show(door: Door, made: "Report", published: "Published") -> None:
    """What is not known first, then the headlines, and where the rest is."""
    from reports.values import fact_in_words

    for warning in made.warnings:
        door.screen.say(warning, Tone.ATTENTION)
    rows = [(fact.label, fact_in_words(fact)) for fact in made.facts]
    door.screen.table([Column(made.title), Column("", number=True)], rows)
    door.screen.say(f"As of {made.as_of:%Y-%m-%d %H:%M} UTC. The report: {published.page}", Tone.GOOD)


def _facts(made: "Report", published: "Published") -> dict[str, object]:
    """The report for programs: headlines, warnings, and every file."""
    return {
        "name": made.name,
        "as_of": made.as_of,
        "warnings": list(made.warnings),
        "facts": [
            {"label": fact.label, "value": fact.value, "unit": fact.unit.value, "currency": fact.currency or None}
            for fact in made.facts
        ],
        "page": published.page,
        "files": published.files,
    }
