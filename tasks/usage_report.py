"""The usage report as a step."""

from engine.report_alerts import alert_of_usage
from engine.usage_question import NothingToReport, question
from engine.usage_report import report_of
from storage.usage_figures import figures
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
            context.database,
            context.carriers,
            first=parameters.first_day,
            last=parameters.last_day,
            last_month=parameters.last_month,
            product=parameters.product,
            carrier_account=parameters.carrier_account,
        )
    except NothingToReport as nothing:
        raise RunFailed(str(nothing)) from None
    told = figures(context.database, context.scratch, asked, context.thresholds)
    report = report_of(told)
    with run_log() as log:
        for warning in report.warnings:
            log.warning(warning)
    page = publish_report(report).page
    alert_of_usage(context, told)
    return page
