"""What Prefect's forms take and refuse."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from console.rerunning import Part
from tasks.parameters import (
    ActivateParameters,
    ActParameters,
    AlertParameters,
    CleanUpParameters,
    DecideParameters,
    Parameters,
    PickUpParameters,
    ProvisionParameters,
    ReconcileParameters,
    ReportUsageParameters,
    RerunParameters,
    SettleParameters,
    SteerParameters,
    UsageParameters,
)

MANIFEST = "m-0123456789ab"
RERUN = {"manifest_id": MANIFEST, "only": "failed", "reason": "the plan is there now", "actor": "ann@example.com"}
ACT = {"action": "release", "iccids": ["8934076500002589174"], "reason": "returned", "actor": "ann@example.com"}
STEER = {"manifest_id": MANIFEST, "word": "pause", "reason": "two pallets mixed up", "actor": "ann@example.com"}
DECIDE = {"manifest_id": MANIFEST, "saw": "active", "reason": "seen in the console", "actor": "ann@example.com"}
MODELS: list[type[BaseModel]] = [
    PickUpParameters,
    ProvisionParameters,
    ActivateParameters,
    SettleParameters,
    UsageParameters,
    ReportUsageParameters,
    CleanUpParameters,
    RerunParameters,
    ActParameters,
    SteerParameters,
    DecideParameters,
    AlertParameters,
    ReconcileParameters,
]


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (PickUpParameters, {"sorce": "inbox"}),
        (ProvisionParameters, {}),
        (ProvisionParameters, {"manifest_id": "batch.csv"}),
        (ProvisionParameters, {"manifest_id": MANIFEST, "approved_by": ""}),
        (ProvisionParameters, {"manifest_id": MANIFEST, "work_seconds": 0}),
        (ActivateParameters, {"carrier_account": "Super SIM"}),
        (SettleParameters, {"work_seconds": 100_000}),
        (UsageParameters, {"last_day": "2026-02-28"}),
        (UsageParameters, {"first_day": "2026-03-01", "last_day": "2026-02-28"}),
        (UsageParameters, {"first_day": "2026-02-30"}),
        (RerunParameters, RERUN | {"product": "tracker"}),
        (RerunParameters, RERUN | {"only": "rejected", "home_country": "Germany"}),
        (RerunParameters, RERUN | {"only": "all"}),
        (RerunParameters, RERUN | {"reason": ""}),
        (RerunParameters, RERUN | {"actor": ""}),
        (RerunParameters, {name: word for name, word in RERUN.items() if name != "actor"}),
        (ActParameters, ACT | {"iccids": []}),
        (ActParameters, ACT | {"product": "tracker"}),
        (ActParameters, ACT | {"action": "delete"}),
        (ActParameters, ACT | {"reason": "x"}),
        (ActParameters, ACT | {"confirmation": "perhaps"}),
        (ActParameters, ACT | {"iccids": [], "home_country": "Germany"}),
        (SteerParameters, STEER | {"word": "stop"}),
        (SteerParameters, STEER | {"reason": ""}),
        (DecideParameters, DECIDE | {"saw": "asleep"}),
        (DecideParameters, DECIDE | {"then": "wait"}),
        (DecideParameters, DECIDE | {"iccids": ["8988307000000000001"]}),
        (DecideParameters, DECIDE | {"manifest_id": None}),
        (DecideParameters, DECIDE | {"manifest_id": None, "iccids": ["the blue one"]}),
    ],
)
def test_what_does_not_fit_is_refused(model: type[BaseModel], given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(given)


@pytest.mark.parametrize("part", Part)
def test_every_part_that_the_command_line_knows_can_be_named(part: Part) -> None:
    assert RerunParameters.model_validate(RERUN | {"only": part.value}).only.value == part.value


def test_without_a_part_everything_goes_on_as_on_the_command_line() -> None:
    asked = RerunParameters.model_validate({name: word for name, word in RERUN.items() if name != "only"})
    assert (asked.only.value, asked.release_for_good) == ("everything", False)


def test_an_action_only_shows_until_somebody_confirms_it() -> None:
    asked = ActParameters.model_validate(ACT)
    assert (asked.confirmation.value, asked.release_for_good) == ("show", False)
    assert ActParameters.model_validate(ACT | {"iccids": [], "product": "tracker"}).product == "tracker"


def test_every_field_of_every_form_has_a_title_and_says_what_it_means_and_those_with_a_choice_say_which() -> None:
    assert set(MODELS) == set(Parameters.__subclasses__())
    for model in MODELS:
        schema = model.model_json_schema()
        assert schema["additionalProperties"] is False
        assert all(field.get("title") and field.get("description") for field in schema["properties"].values())
    assert "failed" in RerunParameters.model_json_schema()["$defs"]["Only"]["enum"]
