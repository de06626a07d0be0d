"""Alerts through Prefect: the flow, the events, and the automations of our files (test_deployed.py has one at work)."""

from pathlib import Path
from uuid import uuid4

import pytest
import yaml  # type: ignore[import-untyped]  # Prefect brings it
from prefect.events.schemas.automations import AutomationCore
from sqlalchemy import text, update

from channels.webhook import Webhook
from domain.alerts import Alert, AlertKind, Severity, Subject
from flows.alert import alert
from storage import alerts, limits
from storage.alert_schema import alert_deliveries
from storage.alerts import newest
from tasks.outcomes import RunFailed
from tasks.parameters import AlertParameters
from tests.flows.prefect_server import ROOT
from tests.flows.workshop import Workshop

pytestmark = pytest.mark.slow

FILES = sorted((ROOT / "automations").glob("*.yaml"))
DOWN = Alert(AlertKind.CARRIER_DOWN, Severity.CRITICAL, Subject(carrier_account="supersim"), "It is down.")
FULL = Alert(AlertKind.PRODUCT_USAGE, Severity.WARNING, Subject(product_id="tracker"), "It is full.", "2026-11", 90)


def states(workshop: Workshop) -> list[dict[str, int]]:
    """The deliveries of each alert by state, the newest first."""
    with workshop.context.database.read() as tx:
        return [row.deliveries for row in newest(tx, 10)]


@pytest.mark.usefixtures("prefect_records")
def test_the_flow_raises_what_the_ledger_shows_and_emits_each_alert_once(workshop: Workshop) -> None:
    assert alert() == 0
    with workshop.context.database.begin() as tx:
        for _ in range(5):
            limits.record_failure(tx, "supersim", "no answer", threshold=5, pause_seconds=30)
        tx.execute(text("UPDATE limits SET paused_since = paused_since - 3600"))
    assert alert() == 1
    assert states(workshop) == [{"delivered": 1}]
    assert alert() == 0
    assert states(workshop) == [{"delivered": 1}]


@pytest.mark.usefixtures("prefect_records")
def test_a_channel_that_was_tried_for_the_last_time_fails_the_run(workshop: Workshop) -> None:
    closed = Webhook("ops", "http://127.0.0.1:9/", "a-secret-of-the-webhook", True, timeout_seconds=1)
    object.__setattr__(workshop.context, "channels", [closed])
    with workshop.context.database.begin() as tx:
        alerts.write_down(tx, [FULL], ["ops"])
        tx.execute(update(alert_deliveries).values(attempts=9))
    with pytest.raises(RunFailed, match="ops: 1 alerts are given up"):
        alert(AlertParameters(work_seconds=5))
    assert states(workshop) == [{"given_up": 1, "delivered": 1}]
    assert alert() == 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_automation_is_one_that_prefect_takes_and_answers_to_alerts(file: Path) -> None:
    text = file.read_text().replace("DEPLOYMENT_ID", str(uuid4())).replace("BLOCK_ID", str(uuid4()))
    loaded = AutomationCore.model_validate(yaml.safe_load(text))
    expected = yaml.safe_load(text)["trigger"]["expect"]
    assert loaded.actions and loaded.enabled
    kinds = {f"simline.alert.{kind}" for kind in AlertKind} | {"simline.alert.*"}
    assert set(expected) <= kinds
