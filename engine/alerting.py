"""Alerts: raised once for each occurrence, written down before they leave, delivered until each channel took them."""

import logging
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from channels.contract import Channel, NotDelivered
from domain.alert_rules import CarrierFact, carrier_alerts, review_alerts, stuck_alerts
from domain.alerts import Alert, AlertKind, Raised, Subject
from engine.context import Context
from storage import alerts, deliveries, limits
from storage.database import Transaction
from storage.deliveries import Due
from storage.stuck import for_review, stuck

log = logging.getLogger("simline.alerts")

LEASE_SECONDS = 300.0
"""Longer than any channel takes for one message: who holds a delivery longer than this is dead."""
LATECOMER_SECONDS = 86_400.0
"""A channel that is not in the settings (Prefect's events) gets the alerts of this long ago and later."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One message to one channel: how many alerts it held, whether the receiver took it, and what was said."""

    channel: str
    alert_count: int
    was_taken: bool
    sentence: str
    given_up: int = 0


def raise_alerts(context: Context, found: Iterable[Alert]) -> list[Raised]:
    """Write down what is new of these, with a delivery for each channel; sends nothing. Safe to repeat."""
    with context.commit("alert") as tx:
        return _raise(context, tx, found)


def watch_operations(context: Context) -> list[Raised]:
    """Look at what the ledger knows now: SIMs that are stuck or need a person, carriers. The alerts that are new.

    What is no longer so is over; when it comes back it is raised anew. Safe to repeat, and side by side.
    """
    limit_seconds = 60 * context.thresholds.stuck_after_minutes
    with context.database.read() as tx:  # it may read many rows, and no writer waits for that
        waiting = stuck_alerts(stuck(tx, after_seconds=limit_seconds))
        reviews = review_alerts(for_review(tx))
    with context.commit("watch") as tx:
        alerts.end_all_but(tx, AlertKind.STUCK, {alert.subject for alert in waiting})
        alerts.end_all_but(tx, AlertKind.REVIEW, {alert.subject for alert in reviews})
        facts = _carriers(tx)
        raised = _raise(context, tx, [*waiting, *reviews, *carrier_alerts(facts, context.thresholds)])
        paused = {Subject(carrier_account=fact.carrier_account) for fact in facts if fact.paused_for_seconds > 0}
        alerts.end_all_but(tx, AlertKind.CARRIER_DOWN, paused)
        return raised


def _raise(context: Context, tx: Transaction, found: Iterable[Alert]) -> list[Raised]:
    return alerts.write_down(tx, found, [channel.name for channel in context.channels])


def _carriers(tx: Transaction) -> list[CarrierFact]:
    """Every carrier account that is paused, or of which it was said that it is down."""
    told = {one.alert.subject.carrier_account: one.id for one in alerts.not_over(tx, AlertKind.CARRIER_DOWN)}
    facts = {str(account): CarrierFact(str(account), 0.0, told_down=id_) for account, id_ in told.items()}
    for outage in limits.outages(tx):
        name, at_least = outage.carrier_account, max(outage.seconds, 0.001)
        facts[name] = CarrierFact(name, at_least, outage.last_failure, told.get(name))
    return [facts[name] for name in sorted(facts)]


def deliver(context: Context, more: Sequence[Channel] = (), *, at_most_seconds: float = 60.0) -> list[Outcome]:
    """Send what is due to the context's channels and to these, until nothing is due or the time is over.

    A channel that did not take a message is left alone until the next call. Safe to repeat, and side by side.
    """
    ends = context.stopwatch.monotonic() + at_most_seconds
    for channel in more:
        with context.commit("expect") as tx:
            deliveries.expect(tx, channel.name, within_seconds=LATECOMER_SECONDS)
    outcomes = []
    for channel in (*context.channels, *more):
        while context.stopwatch.monotonic() < ends:
            outcome = _deliver_one(context, channel)
            outcomes += [outcome] if outcome else []
            if outcome is None or not outcome.was_taken:
                break
    return outcomes


def _deliver_one(context: Context, channel: Channel) -> Outcome | None:
    """One message; None when nothing is due."""
    fence = secrets.token_hex(8)
    with context.commit("delivery") as tx:
        deliveries.end_overtried(tx, channel.name)
        due = deliveries.take(tx, channel.name, fence=fence, lease_seconds=LEASE_SECONDS, limit=channel.at_once)
    if not due:
        return None
    context.at("before-message")
    try:
        said, was_taken = channel.send([one.raised for one in due]), True
    except NotDelivered as error:
        said, was_taken = str(error), False
    context.at("after-message")
    return _written(context, channel, due, fence, said, was_taken=was_taken)


def _written(context: Context, channel: Channel, due: list[Due], fence: str, said: str, *, was_taken: bool) -> Outcome:
    given_up = 0
    with context.commit("answer") as tx:
        if was_taken:
            deliveries.delivered(tx, channel.name, due, fence=fence, answer=said)
        else:
            given_up = deliveries.failed(tx, channel.name, due, fence=fence, answer=said)
    level = logging.INFO if was_taken else logging.WARNING
    log.log(level, "%s: %d alerts, %s", channel.name, len(due), said)
    return Outcome(channel.name, len(due), was_taken, said, given_up)
