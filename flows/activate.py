"""Activate: everything that is due is sent to its carrier account, the accounts side by side."""

from prefect import flow

from tasks.artifacts import show_accounts
from tasks.bars import move_bars
from tasks.context import engine
from tasks.manifests import due_accounts
from tasks.outcomes import end_by
from tasks.parameters import ActivateParameters
from tasks.receipts import make_receipts, unmade
from tasks.rounds import go_on
from tasks.runner import side_by_side
from tasks.sending import send_lease

EVERYTHING_DUE = ActivateParameters()


@flow(name="activate", task_runner=side_by_side())
def activate(parameters: ActivateParameters = EVERYTHING_DUE) -> int:
    """Send what is due within the carriers' limits, until nothing is or the time is over; how many SIMs were sent.

    A million SIMs are several of these runs, one after the other or side by side: each claims what is due.
    """
    context = engine()
    works = go_on(
        due_accounts(context, parameters.carrier_account),
        (send_lease,),
        at_most_seconds=parameters.work_seconds,
        stopwatch=context.stopwatch,
    )
    troubles = make_receipts()
    show_accounts(works)
    move_bars(context, works)
    end_by(context, works, unmade(troubles))
    return sum(work.tally.taken for work in works)
