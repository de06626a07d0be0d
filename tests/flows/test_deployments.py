"""The deployments as a file: they load, they are complete, and nothing hides a module of ours."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import prefect
import pytest
import yaml  # type: ignore[import-untyped]  # Prefect brings it
from prefect.cli.deploy._models import DeploymentConfig, PrefectYamlModel
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.states import Cancelling

ROOT = Path(__file__).parents[2]
EVERY_SECONDS = {"pick-up": 60, "settle": 60, "alert": 180}
AT_TIMES = {
    "collect-usage nightly": "45 23 * * *",  # before midnight: some carriers forget with the month
    "reconcile nightly": "15 2 * * *",
    "clean-up nightly": "40 4 * * *",
    "report-usage nightly": "30 5 * * *",
    "report-usage month-end": "50 5 1,2,8 * *",
}
"""Deployment and slug -> when, in UTC."""
SCHEDULED = {*EVERY_SECONDS, *(name.split()[0] for name in AT_TIMES)}
FLOWS = {*SCHEDULED, "provision", "activate", "rerun", "act", "steer", "decide"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The file as it stands."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    return loaded


@pytest.fixture(scope="module")
def deployments(document: dict[str, Any]) -> list[DeploymentConfig]:
    """The deployments as Prefect reads them."""
    return PrefectYamlModel.model_validate(document).deployments


def test_every_flow_has_one_deployment_of_its_own_name(deployments: list[DeploymentConfig]) -> None:
    assert sorted(str(one.name) for one in deployments) == sorted(FLOWS)


def test_no_key_is_one_that_prefect_would_ignore_in_silence(document: dict[str, Any]) -> None:
    known = set(DeploymentConfig.model_fields)
    assert {key for one in document["deployments"] for key in one} <= known
    assert set(document) - set(PrefectYamlModel.model_fields) == {"definitions"}  # only anchors


def test_every_entrypoint_is_a_module_that_loads_the_flow(deployments: list[DeploymentConfig]) -> None:
    for one in deployments:
        assert one.entrypoint
        assert ":" not in one.entrypoint
        flow: Flow[..., Any] = load_flow_from_entrypoint(one.entrypoint)
        assert flow.name == one.name
        assert one.description
        assert one.enforce_parameter_schema is True
        assert one.pull == []
        assert one.work_pool
        assert one.work_pool.name == "simline"


def test_the_parameters_of_each_deployment_are_ones_that_its_flow_takes(deployments: list[DeploymentConfig]) -> None:
    for one in deployments:
        flow: Flow[..., Any] = load_flow_from_entrypoint(str(one.entrypoint))
        if one.parameters:
            assert flow.validate_parameters(one.parameters)
        else:
            assert "parameters" in flow.parameters.required


def test_every_field_of_every_form_says_what_it_means(deployments: list[DeploymentConfig]) -> None:
    for one in deployments:
        schema = load_flow_from_entrypoint(str(one.entrypoint)).parameters.model_dump()
        (asked,) = schema["properties"].values()
        fields = schema["definitions"][asked["$ref"].rpartition("/")[2]]["properties"]
        silent = [name for name, field in fields.items() if not (field.get("title") and field.get("description"))]
        assert (one.name, silent) == (one.name, [])


def test_what_is_scheduled_has_no_slot_that_a_crash_could_leave_taken(deployments: list[DeploymentConfig]) -> None:
    scheduled = [one for one in deployments if one.schedules]
    assert {one.name for one in scheduled} == SCHEDULED
    for one in scheduled:
        assert one.concurrency_limit is None
    for one in deployments:
        assert one.schedules or one.concurrency_limit


def test_every_flow_runs_its_steps_in_a_bounded_pool(deployments: list[DeploymentConfig]) -> None:
    for one in deployments:
        flow: Flow[..., Any] = load_flow_from_entrypoint(str(one.entrypoint))
        assert vars(flow.task_runner)["_max_workers"] <= 32


def test_no_module_of_flows_or_tasks_hides_a_package_of_ours_when_its_folder_comes_first() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    modules = {path.stem for path in ROOT.glob("flows/*.py")} - {"__init__"}
    assert modules
    assert modules & (packages | set(sys.stdlib_module_names)) == set()


def test_prefects_own_script_for_the_hooks_of_a_cancelled_run_finds_our_packages(
    deployments: list[DeploymentConfig], tmp_path: Path
) -> None:
    pools = [one.work_pool for one in deployments if one.work_pool]
    environments = [pool.job_variables["env"] for pool in pools if pool.job_variables]
    assert environments == environments[:1] * len(deployments)
    run = FlowRun(flow_id=uuid4(), name="cancelled")
    manifest = {"runtime_entrypoint": "flows.provision.provision", "working_directory": str(tmp_path)}
    given = {"manifest": json.dumps(manifest), "run": run.model_dump_json(), "state": Cancelling().model_dump_json()}
    for name, text in given.items():
        (tmp_path / name).write_text(text)
    script = Path(prefect.__file__).parent / "runner" / "_workspace_runtime_bootstrap.py"
    command = [sys.executable, str(script), "hook", "cancellation", *given]
    environment = os.environ | environments[0] | {"PREFECT_HOME": str(tmp_path / "prefect")}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_each_flow_module_holds_the_flow_of_its_name() -> None:
    for name in FLOWS:
        module = name.replace("-", "_")
        assert isinstance(getattr(importlib.import_module(f"flows.{module}"), module), Flow)


def schedules_of(document: dict[str, Any], kind: str) -> list[tuple[str, dict[str, Any]]]:
    """The schedules of all deployments that are of this kind, each with its deployment's name."""
    every = [(one["name"], schedule) for one in document["deployments"] for schedule in one.get("schedules", [])]
    return [(name, schedule) for name, schedule in every if kind in schedule]


def test_what_runs_at_a_time_of_day_runs_by_utc(document: dict[str, Any]) -> None:
    found = {f"{name} {schedule['slug']}": schedule for name, schedule in schedules_of(document, "cron")}
    assert {name: schedule["cron"] for name, schedule in found.items()} == AT_TIMES
    for schedule in found.values():
        assert CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"]).timezone == "UTC"


def test_the_other_schedules_are_intervals(document: dict[str, Any]) -> None:
    found = {name: IntervalSchedule(interval=one["interval"]) for name, one in schedules_of(document, "interval")}
    assert {name: one.interval.total_seconds() for name, one in found.items()} == EVERY_SECONDS
