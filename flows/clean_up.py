"""Clean-up: reports and reconciliations that were kept long enough are removed."""

from prefect import flow

from tasks.parameters import CleanUpParameters
from tasks.reconciling import remove_old_runs
from tasks.reports import remove_old_reports
from tasks.runner import side_by_side

AS_CONFIGURED = CleanUpParameters()


@flow(name="clean-up", task_runner=side_by_side())
def clean_up(parameters: CleanUpParameters = AS_CONFIGURED) -> int:
    """Remove what was kept for its `keep_days`; how many things. Safe to run at any time and side by side."""
    runs = remove_old_runs(dry_run=parameters.dry_run)
    return len(runs) + len(remove_old_reports(dry_run=parameters.dry_run))
