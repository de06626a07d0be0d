"""Rerun: a part of a manifest goes on, on a person's word."""

from prefect import flow

from tasks.artifacts import show_accounts, show_intakes
from tasks.bars import move_bars
from tasks.context import engine
from tasks.manifests import carrier_accounts, judge_rejected_lines, rerun_part, row_of
from tasks.outcomes import end_by
from tasks.parameters import RerunParameters
from tasks.receipts import make_receipts, unmade
from tasks.rounds import go_on
from tasks.runner import side_by_side
from tasks.sending import send_lease, settle_lease


@flow(name="rerun", flow_run_name="rerun {parameters.manifest_id}", task_runner=side_by_side())
def rerun(parameters: RerunParameters) -> int:
    """Move the chosen part, read it at the carrier where it may have arrived, send the rest; how many SIMs moved.

    What is done stays done, and a second run of the same finds nothing to move.
    """
    context = engine()
    row = row_of(context, parameters.manifest_id)
    moved = rerun_part(parameters).taken
    intake = judge_rejected_lines(parameters)
    show_intakes([intake] if intake else [])
    ids = [row.id, *([intake.manifest_id] if intake else [])]
    works = go_on(
        carrier_accounts(context, *ids),
        (settle_lease, send_lease),
        at_most_seconds=parameters.work_seconds,
        stopwatch=context.stopwatch,
    )
    troubles = make_receipts()
    show_accounts(works)
    move_bars(context, works)
    end_by(context, works, unmade(troubles, ids))
    return moved
