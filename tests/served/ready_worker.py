"""A worker that has imported everything before the first flow run comes, and forks a process for each.

Prefect's own worker (test_deployed.py has it at work) starts an interpreter for each run, which imports for seconds.
Here as there a run is executed by `prefect.engine`, in a process of its own, by its deployment's entrypoint.
"""

import os
import runpy
import threading
import time
from contextlib import suppress
from typing import Any

import prefect.flow_engine  # noqa: F401
import requests

import flows.collect_usage
import flows.pick_up
import flows.provision
import flows.reconcile
import flows.report_usage
import flows.settle  # noqa: F401

LOOK_EVERY_SECONDS = 0.8
LONGEST_SECONDS = 300


def ask(path: str, **body: Any) -> Any:
    """Prefect's answer, however long a busy server takes: a run that it granted to nobody's ears would never start."""
    answer = requests.post(f"{os.environ['PREFECT_API_URL']}/{path}", json=body, timeout=LONGEST_SECONDS)
    answer.raise_for_status()
    return answer.json()


def main() -> None:
    """Until somebody ends it; in a forked process, until its flow run has ended."""
    assert threading.active_count() == 1  # a fork takes no other thread along
    while True:
        for found in ask("work_pools/simline/get_scheduled_flow_runs"):
            run = found["flow_run"]["id"]
            taken = ask(f"flow_runs/{run}/set_state", state={"type": "PENDING"})
            if taken["status"] == "ACCEPT" and os.fork() == 0:
                os.environ["PREFECT__FLOW_RUN_ID"] = run
                runpy.run_module("prefect.engine", run_name="__main__")
                return
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(LOOK_EVERY_SECONDS)


if __name__ == "__main__":
    main()
