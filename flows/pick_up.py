"""Pick up: what appeared in the sources goes into the ledger, and each new manifest is provisioned."""

from prefect import flow

from flows.deployed import start_provision
from flows.provision import provision
from flows.server import NotDeployed
from tasks.artifacts import show_intakes
from tasks.context import engine
from tasks.outcomes import NothingRead, end_by
from tasks.parameters import PickUpParameters, ProvisionParameters
from tasks.runner import side_by_side
from tasks.taking_in import sweep

EVERYWHERE = PickUpParameters()


@flow(name="pick-up", task_runner=side_by_side())
def pick_up(parameters: PickUpParameters = EVERYWHERE) -> list[str]:
    """Take in every complete manifest and start its provisioning; returns the ids of those that were loaded.

    Safe to run at any time and side by side: each delivery is taken in once. A refused or quarantined file is an
    outcome with a receipt, not a failure of this run.
    """
    swept = sweep(engine(), parameters.source)
    show_intakes(swept.intakes)
    if swept.nothing_read:
        raise NothingRead(*swept.problems)
    failures = [failure for manifest_id in swept.loaded if (failure := start_or_provision(manifest_id))]
    end_by(engine(), [], swept.problems + failures)
    return swept.loaded


def start_or_provision(manifest_id: str) -> str | None:
    """Start the deployment `provision`, once per manifest; where there is none, provision now. Why that failed."""
    try:
        start_provision(manifest_id, once=True)
    except NotDeployed:
        state = provision(ProvisionParameters(manifest_id=manifest_id), return_state=True)
        return str(state.result(raise_on_failure=False)) if state.is_failed() else None
    return None
