"""For doors that people use: watch one flow run on the Prefect server until it has ended."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flows.server import server

_ENDED_BY = re.compile(r"Flow run encountered an exception[:.] (?:[a-z_]\w*\.)*(?P<error>[A-Z]\w*): ")


@dataclass(frozen=True, slots=True)
class StateChange:
    """One state of a flow run. `name` is Prefect's word (Scheduled, Running, Completed...), `at` is UTC.

    Where an error ended the run, `error` is the name of its class and `message` only what it says.
    """

    name: str
    message: str
    at: datetime
    is_final: bool
    error: str = ""


def error_and_words(message: str) -> tuple[str, str]:
    """The class of the error that ended a run, and its sentences, out of what Prefect makes of both.

    >>> error_and_words("Flow run encountered an exception: RunFailed: The folder is away. Mount it.")
    ('RunFailed', 'The folder is away. Mount it.')
    >>> error_and_words("Flow run was paused.")
    ('', 'Flow run was paused.')
    """
    found = _ENDED_BY.match(message)
    return (found["error"], message[found.end() :]) if found else ("", message)


def follow(
    flow_run_id: str, *, poll_seconds: float = 1.0, sleep: Callable[[float], None] = time.sleep
) -> Iterator[StateChange]:
    """The run's states from the first on, each once, as they come; ends with the final one. Raises `ServerAway`."""
    seen: set[UUID] = set()
    with server() as client:
        while True:
            for state in sorted(client.read_flow_run_states(UUID(flow_run_id)), key=lambda one: one.timestamp):
                if state.id not in seen:
                    seen.add(state.id)
                    error, message = error_and_words(state.message or "")
                    name = state.name or state.type.value
                    yield StateChange(name, message, state.timestamp, state.is_final(), error)
                if state.is_final():
                    return
            sleep(poll_seconds)
