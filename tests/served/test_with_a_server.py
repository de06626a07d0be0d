"""With a Prefect server configured: read here or there, run there, followed from here."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import create_engine, text

from console.at_server import FOLLOWING_STOPS
from console.commands import CANNOT, FINE, NEEDS_YOU, STOPPED
from domain.lifecycle import SimState
from tests.configured import secrets
from tests.console.conftest import Result
from tests.flows.prefect_server import ROOT, end_group, running
from tests.served.conftest import Deployed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WHERE = ("--product", "tracker", "--home-country", "DE")
NO_SECRETS = {"TEST_CARRIER_SID": "", "TEST_CARRIER_TOKEN": "", "SIMLINE_KEY": ""}
LOOKS_AT_ONCE = {
    "SIMLINE_TIMING__POLL_FIRST_SECONDS": "0.001",
    "SIMLINE_TIMING__POLL_LONGEST_SECONDS": "0.001",
    "SIMLINE_RECONCILIATION__AGAIN_MINUTES": "0",
}
"""For a worker beside which no schedule settles: a SIM is due again at once, so the run that sent it sees it active."""


@pytest.fixture(scope="module")
def worker_of_all(deployed: Deployed) -> Iterator[tuple[Path, str]]:
    """A worker with nothing left over to do: the folder whose configuration it reads, a link, and its SIMLINE_KEY."""
    deployed.forget_runs()
    here, known = deployed.home / "place", secrets()
    own = {"SIMLINE_CONFIG": str(here / "simline.toml")} | known | LOOKS_AT_ONCE
    command = [sys.executable, "-m", "tests.served.ready_worker"]
    with running(command, os.environ | deployed.environment | own, deployed.home / "ready-worker.log"):
        yield here, known["SIMLINE_KEY"]


@pytest.fixture
def at_work(
    place: Any, worker_of_all: tuple[Path, str], deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """A worker works for this place; what a shell needs that knows the server and no secret."""
    here, key = worker_of_all
    here.unlink(missing_ok=True)
    here.symlink_to(place.folder)
    monkeypatch.setenv("SIMLINE_KEY", key)
    return deployed.mine() | NO_SECRETS


@pytest.fixture
def there(simline: Callable[..., Result]) -> Callable[..., Result]:
    """The command line in this process, in a shell with these variables."""

    def call(environment: dict[str, str], *words: str | Path) -> Result:
        knows = {PREFECT_API_URL: environment["PREFECT_API_URL"]}
        with pytest.MonkeyPatch.context() as shell, temporary_settings(knows):
            for name, value in environment.items():
                shell.setenv(name, value)
            return simline(*words)

    return call


def test_a_server_that_does_not_answer_is_a_sentence_and_the_manifest_is_kept(
    place: Any, rows: Any, process: Callable[..., Any], there: Callable[..., Result]
) -> None:
    file = place.file("order.csv", *rows(2))
    nowhere = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    said = process("import", file, *WHERE, env=nowhere, timeout=200)
    assert said.returncode == CANNOT
    assert "PREFECT_API_URL" in said.stderr
    assert "Traceback" not in said.stdout + said.stderr
    said = there(nowhere, "settle")
    assert said.status == CANNOT
    assert "PREFECT_API_URL" in said.err
    assert place.simline("status", "order.csv", "--json").json["steps"] == {"planned": 2}


def test_without_a_worker_each_command_says_that_its_flow_run_waits(
    place: Any, rows: Any, there: Callable[..., Result], deployed: Deployed
) -> None:
    file, environment = place.file("order.csv", *rows(3)), deployed.mine()
    alone = there(environment, "import", file, *WHERE, "--wait", "3")
    assert alone.status == FINE
    assert "waits for a worker" in alone.out
    assert "3 SIMs are still in progress" in alone.out
    assert place.changes() == []

    alone = there(environment, "settle", "--wait", "3")
    assert alone.status == NEEDS_YOU
    assert "waits for a worker" in alone.out

    alone = there(environment, "usage", "report", "--json", "--wait", "3")
    assert (alone.status, alone.out) == (CANNOT, "")
    assert "waits for a worker" in alone.err
    assert "No report was made there yet." in alone.err

    assert "Everything agrees." in place.simline("reconcile").out
    alone = there(environment, "reconcile", "--repair", "--yes", "--wait", "3")
    assert alone.status == CANNOT
    assert "waits for a worker" in alone.out
    assert "The flow run has not completed" in alone.err
    assert "Everything agrees." not in alone.out


def test_the_deployment_does_the_work_and_is_followed(
    place: Any, rows: Any, there: Callable[..., Result], at_work: dict[str, str], deployed: Deployed
) -> None:
    file = place.file("order.csv", *rows(3))
    assert place.simline("import", file, *WHERE, "--no-activate").status == FINE
    assert place.changes() == []
    said = there(deployed.mine(), "import", file, *WHERE, "--wait", "150")
    assert said.status == FINE, said.out + said.err
    assert "Prefect runs it: flow run" in said.out
    assert "All 3 SIMs are active" in said.out
    assert len(place.changes()) == 6


def test_here_means_here_although_there_is_a_server(place: Any, rows: Any, there: Callable[..., Result]) -> None:
    nowhere = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    place.drop("order.csv", *rows(2))
    assert there(nowhere, "pick-up", "--no-activate").status == FINE
    assert place.changes() == []
    said = there(nowhere, "settle", "--here")
    assert said.status == FINE
    assert "supersim: " in said.out
    assert len(place.changes()) == 4
    said = there(nowhere, "import", place.file("typed.csv", *rows(1, first=50)), *WHERE, "--here")
    assert said.status == FINE, said.out + said.err


def test_pick_up_settle_and_watch_leave_the_work_to_their_deployments(
    place: Any, rows: Any, there: Callable[..., Result], at_work: dict[str, str]
) -> None:
    place.drop("first.csv", *rows(3))
    taken = there(at_work, "pick-up", "--wait", "150")
    assert taken.status == FINE, taken.out + taken.err
    assert "Prefect runs it: flow run" in taken.out
    assert "first.csv: " in taken.out
    assert len(place.changes()) == 6
    settled = there(at_work, "settle", "--wait", "150")
    assert settled.status == FINE, settled.out + settled.err
    assert "supersim: nothing waits." in settled.out
    assert place.simline("status", "first.csv", "--json").json["buckets"]["done"] == 3
    assert place.simline("status", "first.csv", "--json").status == FINE
    assert "Nothing new lies in the sources." in there(at_work, "pick-up").out
    watched(place, rows, at_work)


def test_usage_is_collected_and_reported_by_the_deployments_and_told_as_without_them(
    place: Any, rows: Any, iccid: Any, there: Callable[..., Result], at_work: dict[str, str]
) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    place.simline("import", place.file("order.csv", *rows(2)), *WHERE)
    with create_engine(f"sqlite:///{place.folder / 'simline.db'}").begin() as connection:
        connection.execute(text("UPDATE sims SET first_activated_at = '2026-01-01 00:00:00.000000'"))
    place.server.carrier.fleet.put_usage(iccid(0), yesterday, 1_234_567)
    days = ("--from", str(yesterday - timedelta(days=40)), "--to", str(yesterday))
    words = ("--product", "tracker", "--from", str(yesterday), "--wait", "150", "--json")
    (account,) = there(at_work, "usage", "collect", *words).json
    assert (account["sims"], account["total_bytes"], account["missing"]) == (1, 1_234_567, [])
    told = there(at_work, "usage", "report", *days, "--wait", "150", "--json")
    here = place.simline("usage", "report", *days, "--json")
    assert here.status == told.status == NEEDS_YOU, told.out + told.err
    assert told.json == here.json
    assert here.json["warnings"][0].startswith("Not known: 80 days of 2 SIMs.")
    assert Path(here.json["page"]).is_file()


def test_reconcile_is_left_to_its_deployment_and_shows_what_that_found(
    place: Any, iccid: Any, there: Callable[..., Result], at_work: dict[str, str], deployed: Deployed
) -> None:
    assert "Everything agrees." in place.simline("reconcile").out
    place.server.carrier.fleet.put(iccid(0), SimState.ACTIVE, None)
    said = there(deployed.mine(), "reconcile", "--wait", "150")
    assert said.status == NEEDS_YOU, said.out + said.err
    assert "Prefect runs it: flow run" in said.out
    assert re.search(r"Ghosts +1\n", said.out)
    (alert,) = place.simline("alerts", "--json").json
    assert alert["kind"] == "reconciliation-findings"


def test_a_source_that_is_away_is_a_sentence_and_the_status_that_it_has_without_a_server(
    place: Any, there: Callable[..., Result], at_work: dict[str, str]
) -> None:
    (place.folder / "manifests").rename(place.folder / "gone")
    said, alone = there(at_work, "pick-up", "--wait", "150"), place.simline("pick-up")
    assert (said.status, alone.status) == (CANNOT, CANNOT), said.out + said.err
    assert said.err == alone.err
    assert "The folder " in said.err
    assert "NothingRead" not in said.out + said.err


def watched(place: Any, rows: Any, environment: dict[str, str]) -> None:
    """Drop a manifest while `watch` runs, and stop it when the SIMs are active."""
    command = [sys.executable, "-m", "console.main", "watch", "--every", "60"]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert "Watching inbox; the Prefect server at http://127.0.0.1" in process.stdout.readline()
            place.drop("second.csv", *rows(2, first=10))
            ends = time.monotonic() + 200
            while "2 new SIMs" not in process.stdout.readline():
                assert time.monotonic() < ends
            while place.simline("status", "second.csv", "--json").json["buckets"]["done"] < 2:
                assert time.monotonic() < ends
                time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
            assert process.wait(timeout=60) == STOPPED
            assert FOLLOWING_STOPS in rest
        finally:
            end_group(process)
