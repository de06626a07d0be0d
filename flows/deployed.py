"""For doors that people use: start a deployment on the Prefect server that PREFECT_API_URL names, and watch a run."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tasks.parameters import Parameters, ProvisionParameters, RerunParameters


class NotDeployed(Exception):
    """There is no such deployment, or no server. The sentence says what to do."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """One state of a flow run. `name` is Prefect's word (Scheduled, Running, Completed...), `at` is UTC."""

    name: str
    message: str
    at: datetime
    is_final: bool


def start_provision(manifest_id: str, *, approved_by: str | None = None, once: bool = False) -> str:
    """Start `provision/provision`; the id of its flow run. With `once` a second start is answered by the first run.

    Raises `NotDeployed`, and pydantic's `ValidationError` for a manifest id that is none.
    """
    parameters = ProvisionParameters(manifest_id=manifest_id, approved_by=approved_by)
    return _start("provision/provision", parameters, f"provision {manifest_id}" if once else None)


def start_rerun(parameters: RerunParameters) -> str:
    """Start `rerun/rerun`; the id of its flow run. Raises `NotDeployed`."""
    return _start("rerun/rerun", parameters, None)


def _start(deployment: str, parameters: Parameters, idempotency_key: str | None) -> str:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        raise NotDeployed("No Prefect server is configured. Set PREFECT_API_URL to its address.")
    given = {"parameters": parameters.model_dump(mode="json")}
    with get_client(sync_client=True) as client:
        try:
            found = client.read_deployment_by_name(deployment)
        except ObjectNotFound:
            raise NotDeployed(f"There is no deployment {deployment}. Make it with `prefect deploy --all`.") from None
        run = client.create_flow_run_from_deployment(found.id, parameters=given, idempotency_key=idempotency_key)
    return str(run.id)


def follow(
    flow_run_id: str, *, poll_seconds: float = 1.0, sleep: Callable[[float], None] = time.sleep
) -> Iterator[StateChange]:
    """The run's states from the first on, each once, as they come; ends with the final one."""
    from prefect.client.orchestration import get_client

    seen: set[UUID] = set()
    with get_client(sync_client=True) as client:
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
