"""Reconcile: what carriers list, bill and measure beside our inventory. It says what differs and changes nothing."""

from prefect import flow

from tasks.context import engine
from tasks.parameters import ReconcileParameters
from tasks.reconciling import compare_and_show, end_with_what_is_missing, list_all
from tasks.runner import side_by_side

EVERYTHING = ReconcileParameters()


@flow(name="reconcile", task_runner=side_by_side())
def reconcile(parameters: ReconcileParameters = EVERYTHING) -> int:
    """List every carrier account within its limit, compare, write down and show; how many findings there are now.

    Run late it compares what is there then; run twice it lists once; a listing that broke off is gone on with.
    """
    context = engine()
    asked, works = list_all(context, parameters)
    run, count = compare_and_show(parameters, asked)
    end_with_what_is_missing(context, run, works)
    return count
