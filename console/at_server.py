"""Where a Prefect server is configured: a deployment does the work there, and is followed from here."""

import os
import time
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.door import CannotDo
from console.screen import Screen
from console.stopping import StopSign
from reports.verdict import Tone

if TYPE_CHECKING:
    from flows.following import StateChange

LOOK_EVERY_SECONDS = 1.0
FOLLOWING_STOPS = "No longer following; what was started goes on at the Prefect server."
NO_WORKER = "The flow run waits for a worker. Start one: `prefect worker start --pool simline`."
NOTHING_READ = "NothingRead"
"""The error of a `pick-up` that found every source away: as without a server, nothing could be done."""

Here = Annotated[
    bool, Parameter(help="Work in this process, although a Prefect server is configured.", show_default=False)
]


def has_server() -> bool:
    """Whether a Prefect server is configured; asked without importing Prefect."""
    return bool(os.environ.get("PREFECT_API_URL"))


class _Enough(Exception):
    """The time is over, or somebody stopped it."""


def follow_there(
    screen: Screen,
    sign: StopSign,
    start: Callable[[], str],
    *,
    wait_seconds: float = inf,
    look: Callable[[], object] = lambda: None,
    is_over: Callable[[], bool] = lambda: True,
    announced: bool = True,
) -> bool:
    """Start a flow run, follow it to its end, and what it has begun until `is_over`; whether the run completed.

    `look` is called each second. It ends early when the time is over or the sign goes up; the run goes on there. What
    keeps the run from completing is said; where it runs only if `announced`. Raises `NotDeployed` and `ServerAway`, and
    `CannotDo` where the run could read no source.
    """
    from flows.following import follow

    ends = time.monotonic() + wait_seconds

    def rest(seconds: float) -> None:
        if sign.is_up or time.monotonic() > ends:
            raise _Enough
        look()
        time.sleep(seconds)

    run_id = start()
    if announced:
        screen.say(f"Prefect runs it: flow run {run_id}.", Tone.MOVING)
    last: StateChange | None = None
    try:
        for last in follow(run_id, poll_seconds=LOOK_EVERY_SECONDS, sleep=rest):
            _say_change(screen, last)
        while last is not None and last.name == "Completed" and not is_over():
            rest(LOOK_EVERY_SECONDS)
    except _Enough:
        if not sign.is_up and (last is None or last.name == "Scheduled"):
            screen.say(NO_WORKER, Tone.ATTENTION)
    return last is not None and last.name == "Completed"


def _say_change(screen: Screen, change: "StateChange") -> None:
    """What a person should know of: nobody takes the run, or it did not end well. Raises `CannotDo`."""
    if change.name == "Late":
        screen.say(NO_WORKER, Tone.ATTENTION)
    elif change.error == NOTHING_READ:
        raise CannotDo(change.message)
    elif change.is_final and change.name != "Completed":
        screen.say(f"The flow run ended as {change.name}. {change.message}", Tone.ATTENTION)
