"""What Prefect is told when it runs inside this process."""

from pathlib import Path
from typing import Any

from prefect import settings

LIGHT: dict[Any, Any] = {
    settings.PREFECT_SERVER_REGISTER_BLOCKS_ON_START: False,  # no flow of ours uses one
    settings.PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE: 100,  # records in one go: a seventh less in all
    settings.PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE: 50,
}
"""What spares any server of Prefect's work, and takes nothing from anybody."""


def embedded_settings(home: Path, log_level: str) -> dict[Any, Any]:
    """For a server with its records in `home`, which serves nobody but the flows of this process while they run."""
    return {
        settings.PREFECT_HOME: home,
        settings.PREFECT_LOCAL_STORAGE_PATH: home / "storage",
        settings.PREFECT_API_DATABASE_CONNECTION_URL: f"sqlite+aiosqlite:///{home / 'prefect.db'}",
        settings.PREFECT_LOGGING_LEVEL: log_level,
        settings.PREFECT_SERVER_ANALYTICS_ENABLED: False,
        settings.PREFECT_UI_ENABLED: False,
        settings.PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,  # costs a second per flow; nobody watches for zombies here
        settings.PREFECT_SERVER_EVENTS_STREAM_OUT_ENABLED: False,  # to nobody
        settings.PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED: False,  # there is no worker that an automation could start
    } | LIGHT
