"""Decide: SIMs that only a person can settle are settled by what a person saw at the carrier."""

from prefect import flow

from tasks.context import engine
from tasks.outcomes import end_by
from tasks.parameters import DecideParameters
from tasks.receipts import make_receipts, unmade
from tasks.runner import side_by_side
from tasks.steering import decide_sims


@flow(name="decide", flow_run_name="decide {parameters.saw.value}", task_runner=side_by_side())
def decide(parameters: DecideParameters) -> int:
    """Settle what the word settles, and make receipts anew; how many SIMs moved.

    Sends nothing: what is to be sent again is sent by the next `settle`. A second run finds nothing to move.
    """
    decisions = decide_sims(parameters)
    troubles = make_receipts()
    end_by(engine(), [], unmade(troubles, [one.manifest_id for one in decisions]))
    return sum(1 for one in decisions if one.target is not None)
