"""One manifest before its SIMs go to the carriers: approved, looked up, or let go on by a person's re-run."""

from domain.manifests import ManifestState
from engine.approving import approve
from engine.context import Context
from engine.intake import Intake
from engine.placing import Defaults
from engine.rerunning import Only, rerun
from engine.retrying_lines import retry_rejected
from engine.tally import Tally
from storage import manifests
from storage.manifests import ManifestRow
from storage.waiting import accounts_of, is_due
from tasks.context import engine
from tasks.decorator import task
from tasks.logs import run_log
from tasks.parameters import RerunParameters

IN_THE_LEDGER = frozenset({ManifestState.LOADED, ManifestState.FINISHED})


@task(name="approve", run_name="approve {manifest_id}")
def take_in_approved(manifest_id: str, approved_by: str) -> None:
    """Take a manifest in that waited for a person's word; one that did not wait stays as it is. Safe to repeat."""
    with run_log(manifest=manifest_id) as log:
        intake = approve(engine(), manifest_id, by=approved_by)
        log.info(f"approved by {approved_by}: {intake.state.value if intake else 'it did not wait for that'}")


@task(name="rerun", run_name="rerun {parameters.only.value} of {parameters.manifest_id}")
def rerun_part(parameters: RerunParameters) -> Tally:
    """Let the chosen part of a manifest go on. Sends nothing. Safe to repeat: the second finds nothing to move.

    Raises `NotAgreed` for releases without their own word.
    """
    with run_log(manifest=parameters.manifest_id) as log:
        tally = rerun(
            engine(),
            parameters.manifest_id,
            parameters.only,
            reason=parameters.reason,
            actor=parameters.actor,
            release=parameters.release_for_good,
        )
        log.info(f"{tally.taken} SIMs go on, on the word of {parameters.actor}: {parameters.reason}")
        if tally.problem:
            log.warning(tally.problem)
    return tally


@task(name="judge rejected lines", run_name="judge rejected lines of {parameters.manifest_id}")
def judge_rejected_lines(parameters: RerunParameters) -> Intake | None:
    """Take the manifest's rejected lines in again as a delivery of their own, where they are meant.

    None when there is nothing to judge.
    """
    if parameters.only not in (Only.REJECTED, Only.EVERYTHING):
        return None
    with run_log(manifest=parameters.manifest_id) as log:
        told = Defaults(parameters.product, parameters.home_country, parameters.carrier_account)
        intake = retry_rejected(engine(), parameters.manifest_id, actor=parameters.actor, told=told)
        log.info(f"now {intake.manifest_id}, {intake.state.value}" if intake else "no line to judge again")
    return intake


def row_of(context: Context, manifest_id: str) -> ManifestRow:
    """The manifest as the ledger has it. Raises `NoSuchManifest`."""
    with context.database.read() as tx:
        return manifests.find(tx, manifest_id)


def carrier_accounts(context: Context, *manifest_ids: str) -> list[str]:
    """The carrier accounts of these manifests' SIMs. Raises `LookupError` when one is not configured."""
    with context.database.read() as tx:
        named = {account for manifest_id in manifest_ids for account in accounts_of(tx, manifest_id)}
    if missing := named - set(context.carriers):
        raise LookupError(f"SIMs wait for {', '.join(sorted(missing))}. Put that carrier account into carriers.toml.")
    return sorted(named)


def due_accounts(context: Context, only: str | None = None) -> list[str]:
    """The carrier accounts, or this one, for which something is due now. Raises `LookupError` for an unknown one."""
    if only is not None and only not in context.carriers:
        raise LookupError(f"There is no carrier account {only}. Configured: {', '.join(context.carriers)}.")
    with context.database.read() as tx:
        return [account for account in context.carriers if only in (None, account) and is_due(tx, account)]
