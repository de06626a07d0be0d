"""Our own `task`: no answers out of a cache, and another try only where trying again can help."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import prefect
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 3
BACKOFF_SECONDS = 2.0
JITTER = 0.5


def task(*, name: str, run_name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A Prefect task that runs each time it is asked to (Prefect's own default answers a second poll from the first).

    An error that says `retryable` is tried again at most three times, after about 2, 4 and 8 s; any other ends it.
    """

    def made(function: Callable[P, R]) -> Task[P, R]:
        return prefect.task(
            name=name,
            task_run_name=run_name,
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=RETRIES,
            retry_delay_seconds=exponential_backoff(BACKOFF_SECONDS),
            retry_jitter_factor=JITTER,
            retry_condition_fn=may_pass,
        )(function)

    return made


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether the error that ended this try says that trying again helps; an error that says nothing does not."""
    return getattr(state.data, "retryable", False) is True
