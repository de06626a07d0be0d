"""From planned to active: in this process, or on the Prefect server that PREFECT_API_URL names; followed either way."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from console.at_server import FOLLOWING_STOPS, follow_there, has_server
from console.commands import FINE
from console.door import Door
from console.following import Follower
from console.screen import Screen
from console.stopping import StopSign, stop_sign
from console.summary import receipt_now, show_receipt, status_of
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.context import Context

WAIT_SECONDS = 900
"""How long a command follows its SIMs before it leaves the rest to the schedule."""


def bring_on(
    door: Door, context: "Context", follower: Follower, wait_seconds: float, start: Callable[[], str] | None = None
) -> None:
    """Send and settle until every SIM of the follower's manifests has ended, or the time is over, or somebody stops it.

    With a server `start` starts the deployment there; without `start` the work is done here in any case. Raises
    `KeyboardInterrupt` after a stop.
    """
    with follower.drawn():
        if start is not None and has_server():
            with stop_sign(door.screen, FOLLOWING_STOPS) as sign:
                look, is_over = follower.look, follower.is_over
                follow_there(door.screen, sign, start, wait_seconds=wait_seconds, look=look, is_over=is_over)
        else:
            with stop_sign(door.screen) as sign:
                _here(door.screen, context, follower, sign, wait_seconds)
    say_what_is_left(door.screen, follower)


def _here(screen: Screen, context: "Context", follower: Follower, sign: StopSign, wait_seconds: float) -> None:
    from engine.draining import follow

    tally = follow(context, at_most_seconds=wait_seconds, is_over=lambda: sign.is_up or follower.is_over())
    if tally.problem and not follower.is_over():
        screen.say(tally.problem, Tone.ATTENTION)


def say_what_is_left(screen: Screen, follower: Follower) -> None:
    """How many SIMs of the follower's manifests have not ended, and who goes on with them."""
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
