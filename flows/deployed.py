"""For doors that people use: start a deployment on the Prefect server that PREFECT_API_URL names."""

from flows.server import NotDeployed, server
from tasks.parameters import (
    Parameters,
    PickUpParameters,
    ProvisionParameters,
    ReconcileParameters,
    ReportUsageParameters,
    SettleParameters,
    UsageParameters,
)


def start_pick_up(source: str | None = None) -> str:
    """Start `pick-up/pick-up`, for one source or all; the id of its flow run. Raises `NotDeployed`, `ServerAway`."""
    return _start("pick-up/pick-up", PickUpParameters(source=source), None)


def start_provision(manifest_id: str, *, approved_by: str | None = None, once: bool = False) -> str:
    """Start `provision/provision`; the id of its flow run. With `once` a second start is answered by the first run.

    Raises `NotDeployed`, `ServerAway`, and pydantic's `ValidationError` for a manifest id that is none.
    """
    parameters = ProvisionParameters(manifest_id=manifest_id, approved_by=approved_by)
    return _start("provision/provision", parameters, f"provision {manifest_id}" if once else None)


def start_settle() -> str:
    """Start `settle/settle` for every carrier account; the id of its flow run. Raises `NotDeployed`, `ServerAway`."""
    return _start("settle/settle", SettleParameters(), None)


def start_collect_usage(parameters: UsageParameters) -> str:
    """Start `collect-usage/collect-usage`; the id of its flow run. Raises `NotDeployed`, `ServerAway`."""
    return _start("collect-usage/collect-usage", parameters, None)


def start_report_usage(parameters: ReportUsageParameters) -> str:
    """Start `report-usage/report-usage`; the id of its flow run. Raises `NotDeployed`, `ServerAway`."""
    return _start("report-usage/report-usage", parameters, None)


def start_reconcile(parameters: ReconcileParameters) -> str:
    """Start `reconcile/reconcile`; the id of its flow run. Raises `NotDeployed`, `ServerAway`."""
    return _start("reconcile/reconcile", parameters, None)


def _start(deployment: str, parameters: Parameters, idempotency_key: str | None) -> str:
    from prefect.exceptions import ObjectNotFound

    given = {"parameters": parameters.model_dump(mode="json")}
    with server() as client:
        try:
            found = client.read_deployment_by_name(deployment)
        except ObjectNotFound:
            raise NotDeployed(f"There is no deployment {deployment}. Make it with `prefect deploy --all`.") from None
        run = client.create_flow_run_from_deployment(found.id, parameters=given, idempotency_key=idempotency_key)
    return str(run.id)
