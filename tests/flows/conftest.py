"""A fresh workshop for each test, and one Prefect server for all of them."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.workshop import Workshop, open_workshop

Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    """Two carrier accounts, an empty inbox, an empty database."""
    with open_workshop(tmp_path) as made:
        yield made


@pytest.fixture(scope="package")
def prefect_records(tmp_path_factory: pytest.TempPathFactory, prefect_database: Path) -> Iterator[str]:
    """Prefect's harness, once for these tests; yields its address. Nothing of it reaches the user's own folder.

    It ends with the last of them: an idle server takes a twelfth of a core.
    """
    from prefect import settings
    from prefect.testing import utilities

    from flows.embedded_settings import LIGHT

    home, records = tmp_path_factory.mktemp("prefect"), tmp_path_factory.mktemp("records")
    shutil.copyfile(prefect_database, records / "prefect-test.db")
    quiet: dict[Any, Any] = {
        settings.PREFECT_HOME: home,
        settings.PREFECT_LOCAL_STORAGE_PATH: home / "storage",
        settings.PREFECT_SERVER_ANALYTICS_ENABLED: False,
        settings.PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    } | LIGHT
    with pytest.MonkeyPatch.context() as patched, settings.temporary_settings(quiet):
        patched.setattr(utilities, "mkdtemp", lambda: str(records))  # there it finds the tables, and makes none
        with utilities.prefect_test_harness(server_startup_timeout=120):
            yield str(settings.PREFECT_API_URL.value())


@pytest.fixture(scope="session")
def until() -> Until:
    """Wait for what comes a moment later, at most 90 s."""

    def wait(is_so: Callable[[], object]) -> None:
        ends = time.monotonic() + 90
        while not is_so():
            assert time.monotonic() < ends, "it did not come within 90 s"
            time.sleep(0.1)

    return wait
