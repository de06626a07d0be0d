"""Steer: a manifest is paused, resumed or cancelled in mid-run, on a person's word."""

from prefect import flow

from tasks.context import engine
from tasks.outcomes import end_by
from tasks.parameters import SteerParameters
from tasks.receipts import make_receipts, unmade
from tasks.runner import side_by_side
from tasks.steering import steer_manifest


@flow(name="steer", flow_run_name="{parameters.word.value} {parameters.manifest_id}", task_runner=side_by_side())
def steer(parameters: SteerParameters) -> int:
    """Put the word into the ledger, where every worker heeds it, and make the receipt anew; how many were withdrawn.

    Sends nothing: what goes on is sent by the next `settle`. Safe to run twice.
    """
    halted = steer_manifest(parameters)
    troubles = make_receipts()
    end_by(engine(), [], unmade(troubles, [halted.manifest_id]))
    return halted.withdrawn
