"""Settle: carriers are asked what became of everything that is open; what became due again is sent."""

from prefect import flow

from tasks.artifacts import show_accounts
from tasks.bars import move_bars
from tasks.context import engine
from tasks.manifests import due_accounts
from tasks.outcomes import end_by
from tasks.parameters import SettleParameters
from tasks.receipts import make_receipts, unmade
from tasks.rounds import go_on
from tasks.runner import side_by_side
from tasks.sending import send_lease, settle_lease

EVERYTHING_DUE = SettleParameters()


@flow(name="settle", task_runner=side_by_side())
def settle(parameters: SettleParameters = EVERYTHING_DUE) -> int:
    """Read, judge and go on, until nothing is due or the time is over; how many operations were looked at or sent.

    This is what carries every manifest to its end: it waits for no carrier, it comes back.
    """
    context = engine()
    works = go_on(
        due_accounts(context, parameters.carrier_account),
        (settle_lease, send_lease),
        at_most_seconds=parameters.work_seconds,
        stopwatch=context.stopwatch,
    )
    troubles = make_receipts()
    show_accounts(works)
    move_bars(context, works)
    end_by(context, works, unmade(troubles))
    return sum(work.tally.taken for work in works)
