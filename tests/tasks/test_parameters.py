"""What Prefect's forms take and refuse."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tasks.parameters import (
    ActivateParameters,
    CleanUpParameters,
    Parameters,
    PickUpParameters,
    ProvisionParameters,
    RerunParameters,
    SettleParameters,
)

MANIFEST = "m-0123456789ab"
RERUN = {"manifest_id": MANIFEST, "only": "failed", "reason": "the plan is there now", "actor": "ann@example.com"}
MODELS: list[type[BaseModel]] = [
    PickUpParameters,
    ProvisionParameters,
    ActivateParameters,
    SettleParameters,
    RerunParameters,
    CleanUpParameters,
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
        (RerunParameters, RERUN | {"only": "all"}),
        (RerunParameters, RERUN | {"reason": ""}),
        (RerunParameters, RERUN | {"actor": ""}),
        (RerunParameters, {name: word for name, word in RERUN.items() if name != "actor"}),
    ],
)
def test_what_does_not_fit_is_refused(model: type[BaseModel], given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(given)


@pytest.mark.parametrize("part", ["failed", "unknown", "needs-review", "held", "everything"])
def test_every_part_of_a_manifest_can_be_named(part: str) -> None:
    assert RerunParameters.model_validate(RERUN | {"only": part}).only.value == part


def test_every_field_of_every_form_has_a_title_and_those_with_a_choice_say_which() -> None:
    assert set(MODELS) == set(Parameters.__subclasses__())
    for model in MODELS:
        schema = model.model_json_schema()
        assert schema["additionalProperties"] is False
        assert all(field.get("title") for field in schema["properties"].values())
    assert "failed" in RerunParameters.model_json_schema()["$defs"]["Only"]["enum"]
