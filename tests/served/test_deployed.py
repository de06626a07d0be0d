"""The whole of it as people run it: a Prefect server, our deployments, a worker, an inbox."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import yaml  # type: ignore[import-untyped]
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
)
from prefect.exceptions import PrefectHTTPStatusError

from domain.alerts import Alert, AlertKind, Raised, Severity, Subject
from domain.lifecycle import Step
from domain.manifests import ManifestState
from flows.deployed import start_provision
from flows.following import follow
from tests.configured import iccids
from tests.flows.conftest import Until
from tests.flows.prefect_server import ROOT, prefect, worker
from tests.flows.workshop import Workshop, open_workshop
from tests.served.conftest import Deployed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OPEN = {Step.PLANNED, Step.INTENT, Step.SENT, Step.ACCEPTED, Step.UNKNOWN}
REFUSED = iccids("second", 1)[0]


@dataclass(frozen=True)
class Plant:
    """A workshop behind real deployments."""

    workshop: Workshop
    server: Deployed

    @property
    def client(self) -> SyncPrefectClient:
        return self.server.client

    def run(self, deployment: str, **parameters: Any) -> None:
        """Start a deployment as a person does on Prefect's page, and wait until it has completed."""
        found = self.client.read_deployment_by_name(deployment)
        run = self.client.create_flow_run_from_deployment(found.id, parameters={"parameters": parameters})
        last = list(follow(str(run.id)))[-1]
        assert last.name == "Completed", last.message

    def runs_of(self, deployment: str) -> list[dict[str, Any]]:
        """The parameters of every run of this deployment."""
        found = self.client.read_deployment_by_name(deployment)
        of_it = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[found.id]))
        return [run.parameters for run in self.client.read_flow_runs(flow_run_filter=of_it)]

    def shows(self, *keys: str) -> bool:
        """Whether runs have put all of these on Prefect's pages."""
        named = ArtifactFilter(key=ArtifactFilterKey(any_=list(keys)))
        return {artifact.key for artifact in self.client.read_artifacts(artifact_filter=named)} == set(keys)


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, deployed: Deployed) -> Iterator[Plant]:
    """Nobody works for it, and nothing starts by itself."""
    with open_workshop(tmp_path_factory.mktemp("workshop")) as workshop:
        yield Plant(workshop, deployed)


@pytest.fixture(scope="module")
def at_work(plant: Plant) -> Iterator[Plant]:
    """A worker works for it, and `settle` starts by itself each minute."""
    plant.server.forget_runs()
    plant.server.schedule("settle")
    with worker(plant.server.environment, plant.server.home):
        yield plant
    plant.server.schedule()


def test_every_deployment_is_on_the_server_as_the_file_says(deployed: Deployed) -> None:
    deployments = deployed.deployments
    written = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    assert deployed.said.count("successfully created") == len(written)
    assert {one.name for one in deployments} == {one["name"] for one in written}
    assert all(one.enforce_parameter_schema and one.description and not one.pull_steps for one in deployments)
    scheduled = {one["name"] for one in written if one.get("schedules")}
    assert {one.name for one in deployments if one.schedules} == scheduled
    assert {one.work_pool_name for one in deployments} == {"simline"}


@pytest.mark.parametrize(
    ("deployment", "parameters"),
    [
        ("provision/provision", {"manifest_id": "batch.csv"}),
        ("provision/provision", {"manifest_id": "m-0123456789ab", "aproved_by": "ann"}),
        ("provision/provision", {}),
        ("rerun/rerun", {"manifest_id": "m-0123456789ab", "only": "all", "reason": "because", "actor": "ann"}),
        ("rerun/rerun", {"manifest_id": "m-0123456789ab", "only": "failed", "reason": "", "actor": "ann"}),
        ("activate/activate", {"work_seconds": 0}),
    ],
)
def test_wrong_parameters_are_refused_before_anything_starts(
    plant: Plant, deployment: str, parameters: dict[str, Any]
) -> None:
    before = len(plant.runs_of(deployment))
    with pytest.raises(PrefectHTTPStatusError) as refused:
        plant.run(deployment, **parameters)
    assert refused.value.response.status_code == 409
    assert len(plant.runs_of(deployment)) == before


def test_the_automation_of_our_file_starts_activate_for_the_carrier_that_is_back(plant: Plant, until: Until) -> None:
    id_ = str(plant.client.read_deployment_by_name("activate/activate").id)
    file = plant.server.home / "carrier-back.yaml"
    file.write_text((ROOT / "automations" / "carrier-back.yaml").read_text().replace("DEPLOYMENT_ID", id_))
    prefect(plant.server.environment, plant.server.home, "automation", "create", "--from-file", str(file))
    assert plant.runs_of("activate/activate") == []
    down = Alert(AlertKind.CARRIER_DOWN, Severity.CRITICAL, Subject(carrier_account="supersim"), "It is down.")
    back = Alert(AlertKind.CARRIER_BACK, Severity.INFO, Subject(carrier_account="supersim"), "It is back.")
    assert emitted(plant, down, back) == "2 emitted"
    until(lambda: plant.runs_of("activate/activate"))
    assert plant.runs_of("activate/activate") == [{"parameters": {"carrier_account": "supersim"}}]


def emitted(plant: Plant, *found: Alert) -> str:
    """Emit these from a process of their own, as a worker's flow does; what it said."""
    raised = [Raised(f"a-{uuid4().hex}", datetime.now(UTC), one) for one in found]
    code = "import pickle, sys; from tasks.events import PrefectEvents as Events\n"
    code += "print(Events().send(pickle.load(sys.stdin.buffer)))"
    command, env = [sys.executable, "-c", code], plant.server.environment
    ended = subprocess.run(command, env=env, input=pickle.dumps(raised), capture_output=True, check=True)
    return ended.stdout.decode().strip()


def test_a_manifest_started_once_has_one_run_and_started_again_another(plant: Plant) -> None:
    manifest_id = "m-0123456789ab"
    first = start_provision(manifest_id, once=True)
    assert start_provision(manifest_id, once=True) == first
    assert next(follow(first)).name == "Scheduled"
    assert start_provision(manifest_id) != first


def test_dropped_manifests_end_as_active_sims_with_receipts_and_what_people_see(at_work: Plant, until: Until) -> None:
    workshop = at_work.workshop
    workshop.drop("batch.csv", count=30)
    workshop.drop("refused.csv", account="second", count=2)
    workshop.carriers["second"].carrier.fleet.add_card(REFUSED, "another code")
    at_work.run("pick-up/pick-up")
    assert len(at_work.runs_of("provision/provision")) == 2
    until(lambda: not workshop.steps().keys() & OPEN)
    assert workshop.states() == {"active": 31, "absent": 1}
    until(lambda: workshop.manifest("refused.csv").state is ManifestState.FINISHED)
    assert workshop.receipts() == ["batch.csv.receipt.json", "refused.csv.receipt.json"]
    manifest_id = workshop.manifest("batch.csv").id
    shown = ("intakes", f"progress-{manifest_id}", f"receipt-{manifest_id}", f"receipt-page-{manifest_id}")
    until(lambda: at_work.shows(*shown))
    at_work.server.schedule()  # settle's has been seen at work


def test_through_the_deployments_a_person_reruns_what_was_refused_and_deactivates_sims(
    at_work: Plant, until: Until
) -> None:
    workshop, two = at_work.workshop, iccids("supersim", 2)
    manifest_id, before = workshop.manifest("refused.csv").id, len(workshop.changes())
    workshop.carriers["second"].carrier.fleet.add_card(REFUSED, f"code-{REFUSED}")
    why = {"reason": "the carrier has it now", "actor": "ann"}
    at_work.run("rerun/rerun", manifest_id=manifest_id, only="failed", **why)
    asked = {"action": "deactivate", "iccids": two, "reason": "devices returned", "actor": "ann"}
    at_work.run("act/act", **asked, confirmation="yes")
    at_work.run("settle/settle")
    until(lambda: workshop.steps() == {Step.DONE: 34})
    sent = workshop.changes()[before:]
    assert {entry.iccids for entry in sent if REFUSED in entry.iccids} == {(REFUSED,)}
    assert sorted(entry.iccids for entry in sent if REFUSED not in entry.iccids) == [(iccid,) for iccid in two]
    assert workshop.states() == {"active": 30, "deactivated": 2}
    until(lambda: at_work.shows("action"))
