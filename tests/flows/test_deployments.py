"""The deployments as a file: they load, they are complete, and nothing in flows/ hides another module."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # Prefect brings it
from prefect.cli.deploy._models import DeploymentConfig, PrefectYamlModel
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.flows import Flow, load_flow_from_entrypoint

ROOT = Path(__file__).parents[2]
FLOWS = {"pick-up", "provision", "activate", "settle", "rerun", "act", "steer", "decide", "collect-usage"} | {
    "clean-up",
    "reconcile",
}


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


def test_what_is_scheduled_has_no_slot_that_a_crash_could_leave_taken(deployments: list[DeploymentConfig]) -> None:
    scheduled = [one for one in deployments if one.schedules]
    assert {one.name for one in scheduled} == {"pick-up", "settle", "collect-usage", "clean-up", "reconcile"}
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


def test_each_flow_module_holds_the_flow_of_its_name() -> None:
    for name in FLOWS:
        module = name.replace("-", "_")
        assert isinstance(getattr(importlib.import_module(f"flows.{module}"), module), Flow)


def schedules_of(document: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The schedules of all deployments that are of this kind."""
    every = [schedule for one in document["deployments"] for schedule in one.get("schedules", [])]
    return [schedule for schedule in every if kind in schedule]


def test_usage_is_collected_each_night_before_the_utc_day_ends(document: dict[str, Any]) -> None:
    (usage,) = (one for one in document["deployments"] if one["name"] == "collect-usage")
    (schedule,) = usage["schedules"]
    assert CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"]).timezone == "UTC"
    minute, hour, *every_day = schedule["cron"].split()
    assert (int(hour), every_day) == (23, ["*", "*", "*"])
    assert int(minute) < 60


def test_the_other_schedules_are_intervals_of_a_minute(document: dict[str, Any]) -> None:
    schedules = schedules_of(document, "interval")
    assert len(schedules) == 2
    for schedule in schedules:
        assert IntervalSchedule(interval=schedule["interval"]).interval.total_seconds() == 60


def test_what_goes_on_all_day_comes_each_minute_and_the_rest_by_night_in_utc(document: dict[str, Any]) -> None:
    schedules = {one["name"]: one["schedules"] for one in document["deployments"] if one.get("schedules")}
    each_minute = {name for name, those in schedules.items() if any("interval" in schedule for schedule in those)}
    assert each_minute == {"pick-up", "settle"}
    for name, those in schedules.items():
        for schedule in those:
            if name in each_minute:
                assert IntervalSchedule(interval=schedule["interval"]).interval.total_seconds() == 60
            else:
                assert CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"]).timezone == "UTC"
