"""From planned to active: in this process, or on the Prefect server that PREFECT_API_URL names; followed either way."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from console.at_server import FOLLOWING_STOPS, follow_there, has_server
from console.commands import CANNOT, FINE, NEEDS_YOU
from console.door import Door
from console.following import Follower
from console.left_undone import unless_database, waiting_receipts
from console.screen import Screen
from console.stopping import StopSign, stop_sign
from console.summary import receipt_now, show_receipt, status_of
from domain.lifecycle import Bucket
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.context import Context
    from engine.troubles import Trouble

Seconds = Annotated[float, Parameter(metavar="SECONDS", validator=validators.Number(gte=0))]
"""How long something may take; each command says in its help what."""
WAIT_SECONDS = 900
"""How long a command follows its SIMs before it leaves the rest to the schedule."""
RECEIPTS = "Receipts are made."
ASK_AGAIN = "`simline check` asks the carrier now; when it answers, `simline settle` goes on."
GOES_ON = "`simline settle` goes on with them, and so does `simline watch` while it runs."


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

    stoppable = replace(context, is_stopping=lambda: sign.is_up)
    tally = follow(stoppable, at_most_seconds=wait_seconds, is_over=follower.is_over)
    if tally.problem and not follower.is_over():
        screen.say(tally.problem, Tone.ATTENTION)


def say_what_is_left(screen: Screen, follower: Follower) -> None:
    """How many SIMs of the follower's manifests have not ended, and who goes on with them."""
    standing = follower.look(now=True)
    if left := standing.total - standing.ended:
        sims = counted(left, "SIM is", "SIMs are")
        who = "The schedule goes on, and so does `simline settle`." if has_server() else GOES_ON
        screen.say(f"{sims} still in progress. {who}", Tone.MOVING)


def fresh_receipts(screen: Screen, context: "Context") -> tuple[int, bool]:
    """Receipts made again: how many, and whether all that were due. What keeps others is said."""
    made, troubles = _refreshed(screen, context)
    for sentence in waiting_receipts(troubles):
        screen.say(sentence, Tone.ATTENTION)
    return len(made), not troubles


def _refreshed(screen: Screen, context: "Context") -> "tuple[dict[str, dict[str, str]], list[Trouble]]":
    """Receipts made again, with where each one's files are, and what kept others."""
    from engine.receipts import refresh_receipts

    troubles: list[Trouble] = []
    with screen.busy(RECEIPTS):
        return refresh_receipts(context, unless_database(troubles.append)), troubles


def _carrier_trouble(context: "Context", manifest_id: str) -> str:
    """Why a carrier keeps this manifest's SIMs from going on, and what to do: its last answer was a failure."""
    from storage import limits
    from storage.waiting import accounts_of

    with context.database.read() as tx:
        circuits = [limits.circuit(tx, account) for account in accounts_of(tx, manifest_id)]
    failures = [circuit.last_failure for circuit in circuits if circuit.failures_in_a_row and circuit.last_failure]
    return " ".join((*dict.fromkeys(failures), ASK_AGAIN)) if failures else ""


def end_with_receipts(door: Door, context: "Context", manifest_ids: Iterable[str]) -> int:
    """Bring the receipts up to date, show these manifests' own, and give the worst exit status among them.

    One of their own that cannot be put is shown all the same, and makes the status 2; of others it is only said.
    """
    from engine.receipts import write_receipt
    from engine.troubles import Attempts

    ids = list(manifest_ids)
    fresh, troubles = _refreshed(door.screen, context)
    waiting = {one.name for one in troubles}
    status = FINE
    for manifest_id in ids:
        if manifest_id not in fresh and manifest_id not in waiting:
            attempts = Attempts(context.stopwatch, unless_database(troubles.append))
            with door.screen.busy(RECEIPTS), attempts.trying("", manifest_id):
                fresh[manifest_id] = write_receipt(context, manifest_id)
        receipt = receipt_now(context.database, manifest_id)
        door.screen.gap()
        keeps = _carrier_trouble(context, manifest_id) if receipt.buckets[Bucket.IN_PROGRESS] else ""
        show_receipt(door.screen, receipt, fresh.get(manifest_id, {}), keeps)
        status = max(status, NEEDS_YOU if keeps else FINE, status_of(receipt))
    for sentence in waiting_receipts(one for one in troubles if one.name not in ids):
        door.screen.say(sentence, Tone.ATTENTION)
    for sentence in waiting_receipts(one for one in troubles if one.name in ids):
        door.screen.complain(sentence)
    return CANNOT if any(one.name in ids for one in troubles) else status
