"""Alerts through Prefect: the flow, the events, and the automations of our files on a real server."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml  # type: ignore[import-untyped]  # Prefect brings it
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.events.schemas.automations import AutomationCore
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import text, update

from channels.webhook import Webhook
from domain.alerts import Alert, AlertKind, Raised, Severity, Subject
from flows.alert import alert
from storage import alerts, limits
from storage.alert_schema import alert_deliveries
from storage.alerts import newest
from tasks.outcomes import RunFailed
from tasks.parameters import AlertParameters
from tests.flows.conftest import Until
from tests.flows.prefect_server import ROOT, deploy, prefect, server
from tests.flows.workshop import Workshop

pytestmark = pytest.mark.slow

FILES = sorted((ROOT / "automations").glob("*.yaml"))
DOWN = Alert(AlertKind.CARRIER_DOWN, Severity.CRITICAL, Subject(carrier_account="supersim"), "It is down.")
FULL = Alert(AlertKind.PRODUCT_USAGE, Severity.WARNING, Subject(product_id="tracker"), "It is full.", "2026-11", 90)


def states(workshop: Workshop) -> list[dict[str, int]]:
    """The deliveries of each alert by state, the newest first."""
    with workshop.context.database.read() as tx:
        return [row.deliveries for row in newest(tx, 10)]


@pytest.mark.usefixtures("prefect_records")
def test_the_flow_raises_what_the_ledger_shows_and_emits_each_alert_once(workshop: Workshop) -> None:
    assert alert() == 0
    with workshop.context.database.begin() as tx:
        for _ in range(5):
            limits.record_failure(tx, "supersim", "no answer", threshold=5, pause_seconds=30)
        tx.execute(text("UPDATE limits SET paused_since = paused_since - 3600"))
    assert alert() == 1
    assert states(workshop) == [{"delivered": 1}]
    assert alert() == 0
    assert states(workshop) == [{"delivered": 1}]


@pytest.mark.usefixtures("prefect_records")
def test_a_channel_that_was_tried_for_the_last_time_fails_the_run(workshop: Workshop) -> None:
    closed = Webhook("ops", "http://127.0.0.1:9/", "a-secret-of-the-webhook", True, timeout_seconds=1)
    object.__setattr__(workshop.context, "channels", [closed])
    with workshop.context.database.begin() as tx:
        alerts.write_down(tx, [FULL], ["ops"])
        tx.execute(update(alert_deliveries).values(attempts=9))
    with pytest.raises(RunFailed, match="ops: 1 alerts are given up"):
        alert(AlertParameters(work_seconds=5))
    assert states(workshop) == [{"given_up": 1, "delivered": 1}]
    assert alert() == 0


@dataclass(frozen=True)
class Plant:
    """A Prefect server with our deployments, and no worker."""

    home: Path
    environment: dict[str, str]
    client: SyncPrefectClient

    def runs_of(self, name: str) -> list[dict[str, Any]]:
        """The parameters of every run of this deployment."""
        found = self.client.read_deployment_by_name(name)
        of_it = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[found.id]))
        return [run.parameters for run in self.client.read_flow_runs(flow_run_filter=of_it)]


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[Plant]:
    """The server as docs/prefect.md says, its events too."""
    home = tmp_path_factory.mktemp("server")
    with server(home, prefect_database) as environment:
        deploy(environment, home)
        with (
            temporary_settings({PREFECT_API_URL: environment["PREFECT_API_URL"]}),
            get_client(sync_client=True) as client,
        ):
            yield Plant(home, environment, client)


def emitted(plant: Plant, *found: Alert) -> str:
    """Emit these from a process of their own, as a worker's flow does; what it said."""
    raised = [Raised(f"a-{uuid4().hex}", datetime.now(UTC), one) for one in found]
    code = "import pickle, sys; from tasks.events import PrefectEvents as Events\n"
    code += "print(Events().send(pickle.load(sys.stdin.buffer)))"
    ended = subprocess.run(
        [sys.executable, "-c", code], env=plant.environment, input=pickle.dumps(raised), capture_output=True, check=True
    )
    return ended.stdout.decode().strip()


@pytest.mark.timeout(600)
def test_the_automation_of_our_file_starts_activate_for_the_carrier_that_is_back(plant: Plant, until: Until) -> None:
    id_ = str(plant.client.read_deployment_by_name("activate/activate").id)
    file = plant.home / "carrier-back.yaml"
    file.write_text((ROOT / "automations" / "carrier-back.yaml").read_text().replace("DEPLOYMENT_ID", id_))
    prefect(plant.environment, plant.home, "automation", "create", "--from-file", str(file))
    assert plant.runs_of("activate/activate") == []
    back = Alert(AlertKind.CARRIER_BACK, Severity.INFO, Subject(carrier_account="supersim"), "It is back.")
    assert emitted(plant, DOWN, back) == "2 emitted"
    until(lambda: plant.runs_of("activate/activate"))
    assert plant.runs_of("activate/activate") == [{"parameters": {"carrier_account": "supersim"}}]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_automation_is_one_that_prefect_takes_and_answers_to_alerts(file: Path) -> None:
    text = file.read_text().replace("DEPLOYMENT_ID", str(uuid4())).replace("BLOCK_ID", str(uuid4()))
    loaded = AutomationCore.model_validate(yaml.safe_load(text))
    expected = yaml.safe_load(text)["trigger"]["expect"]
    assert loaded.actions and loaded.enabled
    kinds = {f"simline.alert.{kind}" for kind in AlertKind} | {"simline.alert.*"}
    assert set(expected) <= kinds
