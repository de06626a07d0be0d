"""Clean-up: reports that were kept long enough are removed."""

from prefect import flow

from tasks.parameters import CleanUpParameters
from tasks.reports import remove_old_reports
from tasks.runner import side_by_side

AS_CONFIGURED = CleanUpParameters()


@flow(name="clean-up", task_runner=side_by_side())
def clean_up(parameters: CleanUpParameters = AS_CONFIGURED) -> int:
    """Remove the reports that were kept for `keep_days`; how many. Safe to run at any time and side by side."""
    return len(remove_old_reports(dry_run=parameters.dry_run))
