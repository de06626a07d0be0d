"""Report usage: what SIMs used, what that costs and where it is heading, as far as it is known."""

from prefect import flow

from tasks.parameters import ReportUsageParameters
from tasks.runner import side_by_side
from tasks.usage_report import make_usage_report

THE_RUNNING_MONTH = ReportUsageParameters()


@flow(name="report-usage", task_runner=side_by_side())
def report_usage(parameters: ReportUsageParameters = THE_RUNNING_MONTH) -> str:
    """Make the report and keep its files in place of those of the same name; where its page is.

    Safe to run late, twice, or two at once: the same question on the same usage makes the same files.
    """
    return make_usage_report(parameters)
