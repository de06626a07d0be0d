"""The usage report as a step."""

from engine.usage_report import NothingToReport, question, usage_report
from tasks.context import engine
from tasks.decorator import task
from tasks.logs import run_log
from tasks.outcomes import RunFailed
from tasks.parameters import ReportUsageParameters
from tasks.reports import publish_report


@task(name="report usage", run_name="report usage")
def make_usage_report(parameters: ReportUsageParameters) -> str:
    """Make the report, keep it and show it with this run; where its page is. Safe to repeat."""
    context = engine()
    try:
        asked = question(
            context,
            first=parameters.first_day,
            last=parameters.last_day,
            last_month=parameters.last_month,
            product=parameters.product,
            carrier_account=parameters.carrier_account,
        )
    except NothingToReport as nothing:
        raise RunFailed([str(nothing)]) from None
    report = usage_report(context, asked)
    with run_log() as log:
        for warning in report.warnings:
            log.warning(warning)
    return publish_report(report).page
