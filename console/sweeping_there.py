"""`pick-up`, `settle` and `watch` with a Prefect server: its deployments do the work, the ledger says how it stands.

Neither the sources nor the carriers' secrets are needed on this machine.
"""

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from console.at_server import FOLLOWING_STOPS, follow_there
from console.bringing_on import say_what_is_left
from console.commands import FINE, NEEDS_YOU
from console.deliveries import chosen_sources, say_intake
from console.door import CannotDo, Door
from console.following import Follower
from console.looking import paused_carriers, say_paused
from console.stopping import StopSign, pause, stop_sign
from console.summary import receipt_now, show_receipt, status_of
from domain.manifests import ManifestState
from reports.verdict import Tone

if TYPE_CHECKING:
    from storage.database import Database
    from storage.manifests import ManifestRow

NEWEST = 500
"""So many manifests are looked through for those that are new or still in progress."""
SENT = frozenset({ManifestState.LOADED, ManifestState.FINISHED})
"""In these states a manifest's SIMs are sent and settled, or were; others wait for a person or are not used at all."""


def pick_up_there(door: Door, source: str | None, wait_seconds: float) -> int:
    """Have the deployment `pick-up` take in what lies in the sources, and follow what becomes of it."""
    from flows.deployed import start_pick_up

    chosen_sources(door.settings(), source)
    with door.ledger() as database:
        since, follower = _now(database), _follower(door, database)

        def look() -> None:
            follower.manifest_ids = sent_since(database, since)
            follower.look()

        def all_asked() -> bool:
            look()
            standing = follower.look(now=True)
            return standing.asked == standing.total or bool(paused_carriers(door, database))

        start = partial(start_pick_up, source)
        completed = _followed(door, follower, start, wait_seconds=wait_seconds, look=look, is_over=all_asked)
        say_paused(door.screen, paused_carriers(door, database))
        taken = _taken_in(database, since)
        if completed and not taken:
            door.screen.say("Nothing new lies in the sources.", Tone.QUIET)
        say_what_is_left(door.screen, follower)
        return max(FINE if completed else NEEDS_YOU, _show_receipts(door, database, taken))


def settle_there(door: Door, wait_seconds: float) -> int:
    """Have the deployment `settle` do one round, follow it, and say what still waits."""
    from flows.deployed import start_settle
    from storage import waiting

    with door.ledger() as database:
        follower = _follower(door, database)
        follower.manifest_ids = [row.id for row in _newest(database) if row.state is ManifestState.LOADED]
        completed = _followed(door, follower, start_settle, wait_seconds=wait_seconds, look=follower.look)
        say_paused(door.screen, paused_carriers(door, database))
        for account in door.settings().carrier_accounts:
            with database.read() as tx:
                left = waiting.waiting(tx, account)
            words = f"{left.to_send:,} SIMs wait to be sent, {left.to_settle:,} for the carrier"
            door.screen.say(f"{account}: {words if left.to_send or left.to_settle else 'nothing waits'}.", Tone.QUIET)
    return FINE if completed else NEEDS_YOU


def watch_there(door: Door, source: str | None, every_seconds: float) -> int:
    """Have `pick-up` run in this interval, and `settle` where something is due; tell what was taken in."""
    names = ", ".join(chosen_sources(door.settings(), source))
    with door.ledger() as database, stop_sign(door.screen, FOLLOWING_STOPS) as sign:
        server = os.environ["PREFECT_API_URL"].rpartition("@")[2]
        door.screen.say(f"Watching {names}; the Prefect server at {server} does the work. Ctrl-C stops.", Tone.QUIET)
        news = _News(database)
        while not sign.is_up:
            _look_once(door, database, source, sign, news)
            pause(sign, every_seconds)
    return FINE


def _look_once(door: Door, database: "Database", source: str | None, sign: StopSign, news: "_News") -> None:
    """One round; trouble that may pass is said and does not end the watch."""
    from flows.deployed import start_pick_up, start_settle
    from flows.server import ServerAway
    from storage import waiting
    from storage.database import DatabaseUnavailable

    def tell() -> None:
        for row in news.since_last():
            say_intake(door, database, row.id)

    try:
        follow_there(door.screen, sign, partial(start_pick_up, source), look=tell, announced=False)
        tell()
        with database.read() as tx:
            is_due = any(waiting.is_due(tx, account) for account in door.settings().carrier_accounts)
        if is_due and not sign.is_up:
            follow_there(door.screen, sign, start_settle, look=tell, announced=False)
    except (CannotDo, DatabaseUnavailable, ServerAway) as error:
        door.screen.complain(str(error))


class _News:
    """The manifests that were taken in since it began, each told once."""

    def __init__(self, database: "Database") -> None:
        self._database = database
        self._since = _now(database)
        self._told: set[str] = set()

    def since_last(self) -> "Iterator[ManifestRow]":
        """Those that were not told yet, oldest first."""
        for row in reversed(_taken_in(self._database, self._since)):
            if row.id not in self._told:
                self._told.add(row.id)
                yield row


def _follower(door: Door, database: "Database") -> Follower:
    follower = Follower(door.screen)
    follower.database = database
    return follower


def _followed(
    door: Door,
    follower: Follower,
    start: Callable[[], str],
    *,
    wait_seconds: float,
    look: Callable[[], object],
    is_over: Callable[[], bool] = lambda: True,
) -> bool:
    """The run with its bars, until it and what it began are over; whether it completed."""
    with follower.drawn(), stop_sign(door.screen, FOLLOWING_STOPS) as sign:
        return follow_there(door.screen, sign, start, wait_seconds=wait_seconds, look=look, is_over=is_over)


def _now(database: "Database") -> datetime:
    """The ledger's idea of now, which is the one that its rows have."""
    with database.read() as tx:
        return tx.now()


def _newest(database: "Database") -> "list[ManifestRow]":
    from storage import manifests

    with database.read() as tx:
        return manifests.listing(tx, NEWEST)


def _taken_in(database: "Database", since: datetime) -> "list[ManifestRow]":
    """Those whose reading has ended since then, newest first; a person may have approved one long after it came."""
    return [
        row
        for row in _newest(database)
        if row.state is not ManifestState.RECEIVED and max(row.received_at, row.loaded_at or row.received_at) >= since
    ]


def sent_since(database: "Database", since: datetime) -> list[str]:
    """The ids of those whose SIMs count for whoever waits. One that is finished at the next look counts as before."""
    return [row.id for row in _taken_in(database, since) if row.state in SENT]


def _show_receipts(door: Door, database: "Database", rows: "list[ManifestRow]") -> int:
    """Each manifest as it stands; the worst exit status among them. Their files are where the worker put them."""
    status = FINE
    for row in reversed(rows):
        receipt = receipt_now(database, row.id)
        door.screen.gap()
        show_receipt(door.screen, receipt, {})
        status = max(status, status_of(receipt))
    return status
