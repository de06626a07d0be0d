"""Alerts as steps: the ledger is looked at, and what is due goes to the channels and to Prefect's events."""

import logging

from domain.alerts import Severity
from engine.alerting import Outcome, deliver, watch_operations
from tasks.context import engine
from tasks.decorator import task
from tasks.events import PrefectEvents
from tasks.logs import run_log

LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.CRITICAL: logging.ERROR}


@task(name="watch", run_name="watch the ledger")
def watch_ledger() -> int:
    """Raise what the ledger shows to be wrong; how many alerts are new. Safe to repeat."""
    with run_log() as log:
        raised = watch_operations(engine())
        for one in raised:
            log.log(LEVELS[one.alert.severity], one.alert.sentence)
    return len(raised)


@task(name="deliver", run_name="deliver alerts")
def deliver_alerts(work_seconds: int) -> list[Outcome]:
    """Send what is due to every channel, and each alert as an event to Prefect. Safe to repeat."""
    with run_log():
        return deliver(engine(), [PrefectEvents()], at_most_seconds=work_seconds)
