"""Alerts out of what the ledger knows, and their way to the channels."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from carriers.simulated.server import SimulatedCarrierServer
from channels.contract import NotDelivered
from channels.webhook import Webhook
from domain.alert_rules import Thresholds, UsageFact, usage_alerts
from domain.alerts import AlertKind, Raised, Severity
from domain.lifecycle import Step
from engine.alerting import Outcome, deliver, raise_alerts, watch_operations
from storage import alerts, limits
from storage.database import Database
from storage.ledger import ENDED
from storage.schema import operations
from tests.channels.receivers import Answers, web_server
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig, iccids

FULL = UsageFact("tracker", None, "2026-03", 95, 100)


@dataclass
class Listed:
    """A channel that keeps what it gets."""

    name: str = "listed"
    at_once: int = 2
    refuses: bool = False
    got: list[str] = field(default_factory=list)

    def send(self, found: Sequence[Raised]) -> str:
        """Keep them, or say no."""
        if self.refuses:
            raise NotDelivered("listed is closed.")
        self.got += [one.id for one in found]
        return "kept"

    def check(self) -> str:
        """Nothing to see."""
        return "here"


def with_channel(rig: Rig, *channels: Listed | Webhook) -> Rig:
    """The same rig with these channels."""
    return rig.but(channels=channels, thresholds=Thresholds(stuck_after_minutes=60, carrier_down_after_minutes=10))


def put(rig: Rig, step: Step, count: int, *, hours_ago: float) -> None:
    """Bring the first of the SIMs to this step, so long ago."""
    c = operations.c
    with rig.context.database.begin() as tx:
        then = tx.now() - timedelta(hours=hours_ago)
        new = {c.step: step.value, c.accepted_at: then, c.finished_at: then if step in ENDED else None}
        tx.execute(update(operations).where(c.iccid.in_(iccids(count))).values(new))


def fail(rig: Rig, times: int = 5) -> None:
    """So many failures in a row of the carrier; five open its circuit."""
    with rig.context.database.begin() as tx:
        for _ in range(times):
            limits.record_failure(tx, ACCOUNT, "no answer", threshold=5, pause_seconds=30)


def kinds(found: Sequence[Raised]) -> list[AlertKind]:
    """What they are about."""
    return [one.alert.kind for one in found]


def test_stuck_sims_are_raised_once_and_anew_after_they_were_well(scripted_rig: Rig, moving_clock: MovingClock) -> None:
    rig = with_channel(scripted_rig)
    rig.load(5)
    assert watch_operations(rig.context) == []
    put(rig, Step.ACCEPTED, 3, hours_ago=0.9)
    assert watch_operations(rig.context) == []
    moving_clock.move(600)
    (raised,) = watch_operations(rig.context)
    assert raised.alert.facts == {"waiting": 3, "timed_out": 0, "example": iccids(1)[0]}
    assert raised.alert.subject.product_id == "tracker"
    assert watch_operations(rig.context) == []
    put(rig, Step.DONE, 3, hours_ago=0)
    assert watch_operations(rig.context) == []
    put(rig, Step.TIMED_OUT, 1, hours_ago=0)
    (again,) = watch_operations(rig.context)
    assert (again.alert.severity, again.id != raised.id) == (Severity.CRITICAL, True)


def test_sims_that_time_out_on_another_day_are_told_of_although_the_first_are_still_there(
    scripted_rig: Rig, moving_clock: MovingClock
) -> None:
    rig = with_channel(scripted_rig)
    rig.load(5)
    put(rig, Step.TIMED_OUT, 1, hours_ago=0)
    assert kinds(watch_operations(rig.context)) == [AlertKind.STUCK]
    moving_clock.move(3 * 86_400)
    assert watch_operations(rig.context) == []
    put(rig, Step.TIMED_OUT, 2, hours_ago=1)
    assert kinds(watch_operations(rig.context)) == [AlertKind.STUCK]


def test_sims_that_need_a_person_are_told_of_in_words_of_their_own(
    scripted_rig: Rig, moving_clock: MovingClock
) -> None:
    rig = with_channel(scripted_rig)
    rig.load(12)
    put(rig, Step.NEEDS_REVIEW, 2, hours_ago=0)
    (raised,) = watch_operations(rig.context)
    assert (raised.alert.kind, raised.alert.severity) == (AlertKind.REVIEW, Severity.WARNING)
    assert raised.alert.facts == {"sims": 2, "example": iccids(1)[0]}
    assert raised.alert.sentence.startswith(f"2 SIMs of product tracker at {ACCOUNT} need a person, such as ")
    assert watch_operations(rig.context) == []
    put(rig, Step.NEEDS_REVIEW, 10, hours_ago=0)
    assert [one.alert.facts["sims"] for one in watch_operations(rig.context)] == [10]
    put(rig, Step.DONE, 12, hours_ago=0)
    assert watch_operations(rig.context) == []
    moving_clock.move(60)
    put(rig, Step.NEEDS_REVIEW, 1, hours_ago=0)
    assert kinds(watch_operations(rig.context)) == [AlertKind.REVIEW]
    put(rig, Step.TIMED_OUT, 1, hours_ago=0)
    assert kinds(watch_operations(rig.context)) == [AlertKind.STUCK]


def test_a_carrier_is_down_after_the_minutes_and_back_once_each_time(
    scripted_rig: Rig, moving_clock: MovingClock
) -> None:
    rig = with_channel(scripted_rig)
    for _ in range(2):
        fail(rig)
        assert watch_operations(rig.context) == []
        moving_clock.move(599)
        assert watch_operations(rig.context) == []
        moving_clock.move(1)
        (down,) = watch_operations(rig.context)
        assert down.alert.facts == {"paused_for_seconds": 600, "last_failure": "no answer"}
        fail(rig)
        assert watch_operations(rig.context) == []
        with rig.context.database.begin() as tx:
            limits.record_success(tx, ACCOUNT)
        assert kinds(watch_operations(rig.context)) == [AlertKind.CARRIER_BACK]
        assert watch_operations(rig.context) == []


def test_failures_that_open_no_circuit_are_no_outage(scripted_rig: Rig, moving_clock: MovingClock) -> None:
    rig = with_channel(scripted_rig)
    fail(rig, times=4)
    moving_clock.move(86_400)
    assert watch_operations(rig.context) == []


def test_an_alert_reaches_every_channel_once_in_messages_of_its_size(scripted_rig: Rig) -> None:
    one, other = Listed(at_once=2), Listed("other", at_once=1)
    rig = with_channel(scripted_rig, one, other)
    facts = [replace(FULL, product_id=f"p{number}") for number in range(3)]
    raised = raise_alerts(rig.context, usage_alerts(facts, rig.context.thresholds))
    assert raise_alerts(rig.context, usage_alerts(facts, rig.context.thresholds)) == []
    outcomes = deliver(rig.context)
    assert [(each.channel, each.alert_count) for each in outcomes] == [
        ("listed", 2),
        ("listed", 1),
        *[("other", 1)] * 3,
    ]
    assert deliver(rig.context) == []
    assert sorted(one.got) == sorted(other.got) == sorted(each.id for each in raised)


def test_a_channel_that_says_no_is_asked_later_and_holds_up_no_other(
    scripted_rig: Rig, moving_clock: MovingClock
) -> None:
    closed, other = Listed(refuses=True), Listed("other")
    rig = with_channel(scripted_rig, closed, other)
    raise_alerts(rig.context, usage_alerts([FULL], rig.context.thresholds))
    assert deliver(rig.context) == [Outcome("listed", 1, False, "listed is closed."), Outcome("other", 1, True, "kept")]
    closed.refuses = False
    assert deliver(rig.context) == []
    moving_clock.move(31)
    assert deliver(rig.context) == [Outcome("listed", 1, True, "kept")]
    assert closed.got == other.got


def test_a_channel_from_elsewhere_gets_what_was_raised_without_it(scripted_rig: Rig) -> None:
    rig = with_channel(scripted_rig)
    (raised,) = raise_alerts(rig.context, usage_alerts([FULL], rig.context.thresholds))
    events = Listed("events")
    deliver(rig.context, [events])
    deliver(rig.context, [events])
    assert events.got == [raised.id]


def test_after_a_death_between_message_and_answer_the_same_id_is_sent_again(
    scripted_rig: Rig, moving_clock: MovingClock
) -> None:
    def die(label: str) -> None:
        if label == "after-message":
            raise KeyboardInterrupt

    channel = Listed()
    rig = with_channel(scripted_rig, channel)
    (raised,) = raise_alerts(rig.context, usage_alerts([FULL], rig.context.thresholds))
    with pytest.raises(KeyboardInterrupt):
        deliver(rig.but(at=die).context)
    assert deliver(rig.context) == []
    moving_clock.move(301)
    deliver(rig.context)
    assert channel.got == [raised.id] * 2


def test_two_workers_at_once_send_each_alert_once_to_a_real_receiver(
    rig: Rig, server: SimulatedCarrierServer, database: Database
) -> None:
    with web_server(answers := Answers()) as port:
        webhook = Webhook("ops", f"http://127.0.0.1:{port}/", "a-secret-of-the-webhook", True)
        workers = [with_channel(rig, webhook), with_channel(rig.but(worker="worker-2"), webhook)]
        facts = [replace(FULL, product_id=f"p{number:02d}") for number in range(30)]
        found = usage_alerts(facts, Thresholds())
        with ThreadPoolExecutor(2) as pool:
            raised = [len(run.result()) for run in [pool.submit(raise_alerts, w.context, found) for w in workers]]
            for run in [pool.submit(deliver, worker.context) for worker in workers]:
                run.result()
    sent = [request.headers["Simline-Alert"] for request in answers.received]
    assert sum(raised) == 30
    assert len(sent) == len(set(sent)) == 30
    with database.read() as tx:
        assert {tuple(row.deliveries.items()) for row in alerts.newest(tx, 50)} == {(("delivered", 1),)}
