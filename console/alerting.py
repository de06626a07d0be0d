"""`alerts`: what was raised, sending what is due, and trying the channels."""

import os
import secrets
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter, validators

from console.commands import CANNOT, FINE, NEEDS_YOU
from console.door import AtDoor, CannotDo, Door
from console.planning import AsJson
from console.screen import Column, Fit
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from channels.contract import Channel
    from domain.alerts import Raised
    from storage.alerts import AlertRow

alerts = App(name="alerts", help="List alerts, send what is due, and try the channels.")

Limit = Annotated[
    int, Parameter(metavar="COUNT", help="So many of the newest.", validator=validators.Number(gte=1, lte=1000))
]


@alerts.default
def list_alerts(*, limit: Limit = 20, as_json: AsJson = False, door: AtDoor) -> int:
    """The newest alerts, newest first, and whether each channel took them."""
    from storage.alerts import newest

    with door.ledger() as database, database.read() as tx:
        rows = newest(tx, limit)
    if as_json:
        door.screen.json([_facts(row) for row in rows])
    elif not rows:
        door.screen.say("No alert was raised yet.", Tone.QUIET)
    else:
        columns = [Column("raised"), Column("severity"), Column("what", fit=Fit.FOLD), Column("delivered")]
        door.screen.table(columns, [_shown(row) for row in rows])
    return FINE


def _facts(row: "AlertRow") -> dict[str, object]:
    raised, alert = row.raised, row.raised.alert
    told = {"id": raised.id, "raised_at": raised.raised_at, "recovered_at": row.recovered_at}
    return told | asdict(alert) | {"facts": dict(alert.facts), "deliveries": row.deliveries}


def _shown(row: "AlertRow") -> tuple[object, ...]:
    alert = row.raised.alert
    over = " (over)" if row.recovered_at else ""
    states = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(row.deliveries.items()))
    return f"{row.raised.raised_at:%Y-%m-%d %H:%M}", f"{alert.severity}{over}", alert.sentence, states or "no channel"


alerts.command(list_alerts, name="list")


@alerts.command
def send(*, door: AtDoor) -> int:
    """Look at the ledger, raise what is new, and send what is due.

    Run it every few minutes from a schedule where no Prefect server does (its deployment is `alert`). What a channel
    did not take is sent again later, with the same id. The exit status is 1 when a channel did not take something.
    """
    from engine.alerting import deliver, watch_operations

    with door.engine() as context:
        for raised in watch_operations(context):
            door.screen.say(raised.alert.sentence, Tone.ATTENTION)
        outcomes = deliver(context)
    if not outcomes:
        door.screen.say("Nothing is to be sent.", Tone.QUIET)
    for each in outcomes:
        tone = Tone.GOOD if each.was_taken else Tone.REFUSED
        door.screen.say(f"{each.channel}: {counted(each.alert_count, 'alert')}, {each.sentence}", tone)
    return FINE if all(each.was_taken for each in outcomes) else NEEDS_YOU


@alerts.command
def test(
    *,
    channel: Annotated[
        str | None, Parameter(metavar="NAME", help="One channel out of simline.toml, instead of all.")
    ] = None,
    door: AtDoor,
) -> int:
    """Send a test message, and say what the receiver answered.

    It goes out at once and is not written down. The exit status is 2 when a channel did not take it.
    """
    from channels.contract import NotDelivered

    raised, status = _test_alert(door), FINE
    for each in _chosen(door, channel):
        try:
            door.screen.say(f"{each.name}: {each.send([raised])}", Tone.GOOD)
        except NotDelivered as error:
            door.screen.say(f"{each.name}: {error}", Tone.REFUSED)
            status = CANNOT
    return status


def _chosen(door: Door, name: str | None) -> "list[Channel]":
    from config.channels import open_channel

    sections = door.settings().alerts.channels()
    chosen = [section for section in sections if name in (None, section.name)]
    if not chosen:
        there = ", ".join(section.name for section in sections)
        raise CannotDo(
            f"There is no alert channel {name}. There is: {there}."
            if there
            else "There is no alert channel. Add [[alerts.webhooks]] or [[alerts.mail]] to simline.toml."
        )
    return [open_channel(section, os.environ) for section in chosen]


def _test_alert(door: Door) -> "Raised":
    from domain.alerts import Alert, AlertKind, Raised, Severity, Subject

    sentence = f"This is a test of simline's alerts, asked for by {door.actor}. Nothing is to be done."
    alert = Alert(AlertKind.TEST, Severity.INFO, Subject(), sentence)
    return Raised(f"a-{secrets.token_hex(8)}", datetime.now(UTC), alert)
