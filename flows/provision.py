"""Provision: one manifest's SIMs are claimed and activated at their carriers, as far as that goes now."""

from prefect import flow

from tasks.artifacts import show_accounts
from tasks.bars import ManifestBar, move_bars
from tasks.context import engine
from tasks.manifests import IN_THE_LEDGER, carrier_accounts, row_of, take_in_approved
from tasks.outcomes import end_by
from tasks.parameters import ProvisionParameters
from tasks.receipts import make_receipts, unmade
from tasks.rounds import go_on
from tasks.runner import side_by_side
from tasks.sending import send_lease, settle_lease


@flow(name="provision", flow_run_name="provision {parameters.manifest_id}", task_runner=side_by_side())
def provision(parameters: ProvisionParameters) -> str:
    """Send what is due for the manifest's carrier accounts, settle what can be settled; returns the manifest's state.

    Ends as soon as nothing is due: what a carrier needs time for is `settle`'s. A manifest that was refused, or that
    waits for a person's word, is returned as such. Safe to run at any time and side by side.
    """
    context, manifest_id = engine(), parameters.manifest_id
    if parameters.approved_by is not None:
        take_in_approved(manifest_id, parameters.approved_by)
    row = row_of(context, manifest_id)
    if row.state not in IN_THE_LEDGER:
        return row.state.value
    works = go_on(
        carrier_accounts(context, manifest_id),
        (send_lease, settle_lease),
        at_most_seconds=parameters.work_seconds,
        stopwatch=context.stopwatch,
        after=ManifestBar(context, manifest_id).show,
    )
    troubles = make_receipts()
    show_accounts(works)
    move_bars(context, works)
    end_by(context, works, unmade(troubles, [row.id]))
    return row_of(context, manifest_id).state.value
