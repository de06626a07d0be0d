"""With a Prefect server configured: read here, run there, followed from here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.commands import CANNOT, FINE
from tests.flows.prefect_server import deploy, server, worker

WHERE = ("--product", "tracker", "--home-country", "DE")


@pytest.fixture(scope="module")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Path]]:
    """A server without any deployment, and its folder."""
    home = tmp_path_factory.mktemp("prefect")
    with server(home) as environment:
        yield environment, home


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_a_sentence_and_the_manifest_is_kept(
    place: Any, rows: Any, process: Callable[..., Any]
) -> None:
    file = place.file("order.csv", *rows(2))
    said = process("import", file, *WHERE, env={"PREFECT_API_URL": "http://127.0.0.1:9/api"}, timeout=200)
    assert said.returncode == CANNOT
    assert "PREFECT_API_URL" in said.stderr
    assert "Traceback" not in said.stdout + said.stderr
    assert place.simline("status", "order.csv", "--json").json["steps"] == {"planned": 2}


@pytest.mark.slow
def test_the_deployment_does_the_work_and_is_followed(
    place: Any, rows: Any, process: Callable[..., Any], prefect_server: tuple[dict[str, str], Path]
) -> None:
    environment, home = prefect_server
    mine = {name: environment[name] for name in ("PREFECT_API_URL", "PREFECT_HOME")}
    file = place.file("order.csv", *rows(3))
    none_yet = process("import", file, *WHERE, env=mine, timeout=200)
    assert none_yet.returncode == CANNOT
    assert "There is no deployment provision/provision" in none_yet.stderr

    deploy(environment, home)
    alone = process("import", file, *WHERE, "--wait", "3", env=mine, timeout=200)
    assert alone.returncode == FINE
    assert "waits for a worker" in alone.stdout
    assert "3 SIMs are still in progress" in alone.stdout
    assert place.changes() == []

    with worker(environment | {"SIMLINE_CONFIG": str(place.folder / "simline.toml")}, home):
        said = process("import", file, *WHERE, "--wait", "150", env=mine, timeout=250)
    assert said.returncode == FINE, said.stdout + said.stderr
    assert "Prefect runs it: flow run" in said.stdout
    assert "All 3 SIMs are active" in said.stdout
    assert len(place.changes()) == 6
