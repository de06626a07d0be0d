"""Collect usage: what every carrier account's SIMs used, day by day, and again what may have come late."""

from prefect import flow

from tasks.context import engine
from tasks.parameters import UsageParameters
from tasks.runner import side_by_side
from tasks.usage import collect_all, end_with_standing, works_of

THE_USUAL_DAYS = UsageParameters()


@flow(name="collect-usage", task_runner=side_by_side())
def collect_usage(parameters: UsageParameters = THE_USUAL_DAYS) -> int:
    """Ask within the carriers' limits until everything wanted is known or the time is over; how many days were told.

    Run late it asks for what was missed; run twice it asks once; of two at once each account has one at work.
    """
    context = engine()
    works = works_of(context, parameters)
    collect_all(context, works, at_most_seconds=parameters.work_seconds)
    return end_with_standing(context, works)
