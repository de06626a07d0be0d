"""Alerts and their deliveries on both databases: each once, whoever looks."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from domain.alerts import TRIES, Alert, AlertKind, Raised, Severity, Subject, pause_after
from storage import alerts, deliveries
from storage.alert_schema import alert_deliveries
from storage.database import Database
from storage.deliveries import DeliveryState, Due
from tests.conftest import MovingClock

LEASE = 300.0
ALERT = Alert(
    AlertKind.PRODUCT_USAGE,
    Severity.WARNING,
    Subject(product_id="tracker"),
    "Größe: look.",
    "2026-11",
    70,
    {"used_bytes": 7_000_000_000_000, "gone": None, "share": 0.7},
)
DOWN = Alert(AlertKind.CARRIER_DOWN, Severity.CRITICAL, Subject(carrier_account="supersim"), "It is down.")
Raise = Callable[..., list[Raised]]
Take = Callable[..., list[Due]]


@pytest.fixture
def raise_(database: Database, moving_clock: MovingClock) -> Raise:
    """Raise for the channel `ops`."""

    def written(*found: Alert, channels: tuple[str, ...] = ("ops",)) -> list[Raised]:
        with database.begin() as tx:
            return alerts.write_down(tx, found, channels)

    return written


@pytest.fixture
def take(database: Database, moving_clock: MovingClock) -> Take:
    """Take what is due for `ops`, under a fence."""

    def taken(fence: str = "f", channel: str = "ops", limit: int = 10) -> list[Due]:
        with database.begin() as tx:
            deliveries.end_overtried(tx, channel)
            return deliveries.take(tx, channel, fence=fence, lease_seconds=LEASE, limit=limit)

    return taken


def states(database: Database) -> list[tuple[str, str, int]]:
    """Channel, state and attempts of every delivery."""
    d = alert_deliveries.c
    with database.read() as tx:
        return [tuple(row) for row in tx.execute(select(d.channel, d.state, d.attempts).order_by(d.channel))]


def test_an_alert_is_written_down_once_and_comes_back_as_it_was(database: Database, raise_: Raise) -> None:
    (raised,) = raise_(ALERT)
    assert raise_(ALERT, replace(ALERT, sentence="Other words.")) == []
    with database.read() as tx:
        assert [row.raised for row in alerts.newest(tx, 10)] == [raised]
        assert alerts.newest(tx, 10)[0].deliveries == {"waiting": 1}
    assert raised.alert == ALERT


def test_only_a_higher_level_is_told_of_again_and_never_a_lower_one_after_it(raise_: Raise) -> None:
    told = [bool(raise_(replace(ALERT, level=level))) for level in (70, 100, 90, 70, 100)]
    assert told == [True, True, False, False, False]


def test_what_was_over_and_comes_back_is_raised_anew(database: Database, raise_: Raise) -> None:
    (first,) = raise_(DOWN)
    with database.begin() as tx:
        assert alerts.end_all_but(tx, AlertKind.CARRIER_DOWN, {DOWN.subject}) == 0
        assert alerts.end_all_but(tx, AlertKind.CARRIER_DOWN, ()) == 1
        assert alerts.not_over(tx, AlertKind.CARRIER_DOWN) == []
    (second,) = raise_(DOWN)
    assert first.id != second.id
    assert raise_(DOWN) == []


def test_workers_that_raise_the_same_at_once_raise_it_once(database: Database) -> None:
    gate = threading.Barrier(4)

    def raised() -> list[Raised]:
        gate.wait()
        with database.begin() as tx:
            return alerts.write_down(tx, [ALERT, DOWN], ["ops"])

    with ThreadPoolExecutor(4) as pool:
        found = [one for run in [pool.submit(raised) for _ in range(4)] for one in run.result()]
    assert sorted(one.alert.kind for one in found) == [AlertKind.CARRIER_DOWN, AlertKind.PRODUCT_USAGE]
    assert len(states(database)) == 2


def test_workers_that_deliver_at_once_each_get_other_alerts(database: Database) -> None:
    with database.begin() as tx:
        alerts.write_down(tx, [replace(DOWN, period=str(number)) for number in range(40)], ["ops"])
    gate = threading.Barrier(4)

    def taken(fence: str) -> list[str]:
        gate.wait()
        ids: list[str] = []
        while True:
            with database.begin() as tx:
                due = deliveries.take(tx, "ops", fence=fence, lease_seconds=LEASE, limit=3)
            if not due:
                return ids
            ids += [one.raised.id for one in due]

    with ThreadPoolExecutor(4) as pool:
        found = [id_ for run in [pool.submit(taken, f"f{n}") for n in range(4)] for id_ in run.result()]
    assert len(found) == len(set(found)) == 40


def test_a_delivery_is_not_due_while_somebody_has_it_and_is_again_when_its_lease_ends(
    raise_: Raise, take: Take, moving_clock: MovingClock
) -> None:
    (raised,) = raise_(ALERT)
    assert [one.raised for one in take("first")] == [raised]
    assert take("second") == []
    moving_clock.move(LEASE + 1)
    assert [(one.raised.id, one.attempts) for one in take("second")] == [(raised.id, 2)]


def test_only_who_holds_the_lease_writes_the_answer(
    database: Database, raise_: Raise, take: Take, moving_clock: MovingClock
) -> None:
    raise_(ALERT)
    late = take("first")
    moving_clock.move(LEASE + 1)
    ours = take("second")
    with database.begin() as tx:
        assert deliveries.delivered(tx, "ops", late, fence="first", answer="200") == 0
        assert deliveries.delivered(tx, "ops", ours, fence="second", answer="200") == 1
    assert states(database) == [("ops", "delivered", 2)]


def test_a_failure_is_tried_again_after_growing_pauses_and_given_up_in_the_end(
    database: Database, raise_: Raise, take: Take, moving_clock: MovingClock
) -> None:
    raise_(ALERT)
    for attempt in range(1, TRIES + 1):
        (due,) = take()
        with database.begin() as tx:
            ended = deliveries.failed(tx, "ops", [due], fence="f", answer="503\r\nbusy")
        assert (due.attempts, ended) == (attempt, int(attempt == TRIES))
        pause = pause_after(attempt) or 0
        moving_clock.move(pause - 1)
        assert take() == []
        moving_clock.move(1 + (attempt == TRIES) * 10 * LEASE)
    assert take() == []
    assert states(database) == [("ops", "given_up", TRIES)]


def test_a_worker_that_dies_each_time_does_not_deliver_for_ever(
    database: Database, raise_: Raise, take: Take, moving_clock: MovingClock
) -> None:
    raise_(ALERT)
    for _ in range(TRIES):
        assert len(take()) == 1
        moving_clock.move(LEASE + 1)
    assert take() == []
    assert states(database) == [("ops", DeliveryState.GIVEN_UP.value, TRIES)]


def test_a_channel_that_comes_later_gets_what_is_not_old_once(
    database: Database, raise_: Raise, take: Take, moving_clock: MovingClock
) -> None:
    raise_(replace(ALERT, period="old"))
    moving_clock.move(timedelta(days=2).total_seconds())
    (raised,) = raise_(ALERT)
    for _ in range(2):
        with database.begin() as tx:
            deliveries.expect(tx, "events", within_seconds=86_400)
    assert [one.raised for one in take(channel="events")] == [raised]
    assert [channel for channel, _, _ in states(database)] == ["events", "ops", "ops"]


def test_the_oldest_leaves_first_and_no_more_than_asked_for(
    raise_: Raise, take: Take, moving_clock: MovingClock
) -> None:
    raised = []
    for number in range(4):
        raised += raise_(replace(ALERT, period=str(number)))
        moving_clock.move(1)
    assert [one.raised for one in take(limit=3)] == raised[:3]
