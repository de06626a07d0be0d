"""For doors that people use: watch one flow run on the Prefect server until it has ended."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flows.server import server


@dataclass(frozen=True, slots=True)
class StateChange:
    """One state of a flow run. `name` is Prefect's word (Scheduled, Running, Completed...), `at` is UTC."""

    name: str
    message: str
    at: datetime
    is_final: bool


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
                    yield StateChange(
                        state.name or state.type.value, state.message or "", state.timestamp, state.is_final()
                    )
                if state.is_final():
                    return
            sleep(poll_seconds)
