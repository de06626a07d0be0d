"""The command line at a Prefect server on which nobody has deployed anything."""

from typing import Any

import pytest

from console.commands import CANNOT
from tests.console.conftest import place, simline  # noqa: F401  fixtures

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("command", ["pick-up", "settle", "watch"])
def test_a_deployment_that_there_is_not_is_named(
    place: Any,  # noqa: F811
    prefect_records: str,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_records)
    none_yet = place.simline(command)
    assert none_yet.status == CANNOT
    deployment = "settle/settle" if command == "settle" else "pick-up/pick-up"
    assert f"There is no deployment {deployment}. Make it with" in none_yet.err
