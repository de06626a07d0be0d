"""One Prefect server with our deployments, for the command line that leaves its work to them and for the flows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.responses import DeploymentResponse
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.console.conftest import iccid, place, process, rows, simline
from tests.flows.conftest import until
from tests.flows.prefect_server import deploy, server

__all__ = ["iccid", "place", "process", "rows", "simline", "until"]


@dataclass(frozen=True)
class Deployed:
    """The server after `prefect deploy --all`."""

    environment: dict[str, str]  # of its clients
    home: Path
    client: SyncPrefectClient
    said: str  # what `prefect deploy` printed
    deployments: list[DeploymentResponse]  # what the server had after it

    def mine(self) -> dict[str, str]:
        """What a person's shell needs for this server."""
        return {name: self.environment[name] for name in ("PREFECT_API_URL", "PREFECT_HOME")}

    def schedule(self, *names: str) -> None:
        """From now on these deployments start by themselves, and no others."""
        for one in self.deployments:
            for schedule in one.schedules:
                self.client.update_deployment_schedule(one.id, schedule.id, active=one.name in names)

    def forget_runs(self) -> None:
        """A worker that starts now has nothing left over to do."""
        for run in self.client.read_flow_runs():
            self.client.delete_flow_run(run.id)


@pytest.fixture(scope="package")
def deployed(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[Deployed]:
    """Nothing starts by itself: each run is a process, and they would crowd out a test's own."""
    home = tmp_path_factory.mktemp("prefect")
    with server(home, prefect_database) as environment:
        said = deploy(environment, home)
        knows = {PREFECT_API_URL: environment["PREFECT_API_URL"]}
        with temporary_settings(knows), get_client(sync_client=True) as client:
            made = Deployed(environment, home, client, said, client.read_deployments())
            made.schedule()
            yield made
