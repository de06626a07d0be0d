"""How many steps of one flow run at once. Always bounded: Prefect's default starts a thread for each task run."""

from typing import Any

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

ACCOUNTS_AT_ONCE = 16


def side_by_side() -> TaskRunner[PrefectFuture[Any]]:
    """Sixteen steps at once. Steps submit no further steps: in a bounded pool that would wait for itself."""
    runner: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=ACCOUNTS_AT_ONCE)
    return runner
