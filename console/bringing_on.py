"""From planned to active: in this process, or on the Prefect server that PREFECT_API_URL names; followed either way."""

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from console.commands import FINE
from console.door import Door
from console.following import Follower
from console.screen import Screen
from console.stopping import StopSign, stop_sign
from console.summary import receipt_now, show_receipt, status_of
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.context import Context

LOOK_EVERY_SECONDS = 1.0
WAIT_SECONDS = 900
"""How long a command follows its SIMs before it leaves the rest to the schedule."""


def has_server() -> bool:
    """Whether a Prefect server is configured; asked without importing Prefect."""
    return bool(os.environ.get("PREFECT_API_URL"))


def bring_on(
    door: Door, context: "Context", follower: Follower, wait_seconds: float, start: Callable[[], str] | None = None
) -> None:
    """Send and settle until every SIM of the follower's manifests has ended, or the time is over, or somebody stops it.

    With a server `start` starts the deployment there. Raises `KeyboardInterrupt` after a stop.
    """
    with follower.drawn(), stop_sign(door.screen) as sign:
        if start is not None and has_server():
            _there(door.screen, follower, sign, start, wait_seconds)
        else:
            _here(door.screen, context, follower, sign, wait_seconds)
    _say_what_is_left(door.screen, follower)


def _here(screen: Screen, context: "Context", follower: Follower, sign: StopSign, wait_seconds: float) -> None:
    from engine.draining import follow

    tally = follow(context, at_most_seconds=wait_seconds, is_over=lambda: sign.is_up or follower.is_over())
    if tally.problem and not follower.is_over():
        screen.say(tally.problem, Tone.ATTENTION)


class _Enough(Exception):
    """The time is over, or somebody stopped it."""


def _there(screen: Screen, follower: Follower, sign: StopSign, start: Callable[[], str], wait_seconds: float) -> None:
    from flows.deployed import follow

    ends = time.monotonic() + wait_seconds

    def rest(seconds: float) -> None:
        if sign.is_up or time.monotonic() > ends:
            raise _Enough
        follower.look()
        time.sleep(seconds)

    run_id = start()
    screen.say(f"Prefect runs it: flow run {run_id}.", Tone.MOVING)
    last = None
    try:
        for change in follow(run_id, poll_seconds=LOOK_EVERY_SECONDS, sleep=rest):
            last = change
        while not follower.is_over():
            rest(LOOK_EVERY_SECONDS)
    except _Enough:
        if last is None or last.name == "Scheduled":
            screen.say("The flow run waits for a worker. Start one: `prefect worker start`.", Tone.ATTENTION)
    if last is not None and last.is_final and last.name != "Completed":
        screen.say(f"The flow run ended as {last.name}. {last.message}", Tone.ATTENTION)


def _say_what_is_left(screen: Screen, follower: Follower) -> None:
    standing = follower.look(now=True)
    if left := standing.total - standing.ended:
        sims = counted(left, "SIM is", "SIMs are")
        screen.say(f"{sims} still in progress. The schedule goes on, and so does `simline settle`.", Tone.MOVING)


def end_with_receipts(door: Door, context: "Context", manifest_ids: Iterable[str]) -> int:
    """Bring the receipts up to date, show these manifests' own, and give the worst exit status among them."""
    from engine.receipts import refresh_receipts, write_receipt

    fresh = refresh_receipts(context)
    status = FINE
    for manifest_id in manifest_ids:
        where = fresh.get(manifest_id) or write_receipt(context, manifest_id)
        receipt = receipt_now(context.database, manifest_id)
        door.screen.gap()
        show_receipt(door.screen, receipt, where)
        status = max(status, status_of(receipt))
    return status
