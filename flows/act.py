"""Act: SIMs are deactivated, activated again or released, on a person's word."""

from prefect import flow

from tasks.acting import accounts_of, plan_action, show_action, write_action
from tasks.artifacts import show_accounts
from tasks.bars import move_bars
from tasks.context import engine
from tasks.outcomes import end_by
from tasks.parameters import ActParameters, Confirmation
from tasks.receipts import make_receipts
from tasks.rounds import go_on
from tasks.runner import side_by_side
from tasks.sending import send_lease, settle_lease


@flow(name="act", flow_run_name="{parameters.action.value}", task_runner=side_by_side())
def act(parameters: ActParameters) -> int:
    """Show what would become of each SIM; with a confirmation write it down and send it; how many SIMs change.

    What is so already is asked for nothing, so a second run of the same changes nothing.
    """
    context = engine()
    plan = plan_action(parameters)
    show_action(plan)
    if parameters.confirmation is Confirmation.SHOW:
        return plan.sim_count
    plan = write_action(parameters).plan
    works = go_on(
        accounts_of(plan),
        (send_lease, settle_lease),
        at_most_seconds=parameters.work_seconds,
        stopwatch=context.stopwatch,
    )
    make_receipts()
    show_accounts(works)
    move_bars(context, works)
    end_by(context, works)
    return plan.sim_count
