"""docs/alerts.md: the kinds are the program's, the settings load, and the receiver believes only us."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from channels.contract import NotDelivered
from channels.signature import signed
from channels.webhook import Webhook, document
from config.channels import open_channels
from config.loading import load_settings
from domain.alert_rules import EXAMPLES, MOST_SIMS, CarrierFact, Thresholds, carrier_alerts
from domain.alerts import TRIES, WHEN, Alert, AlertKind, Raised, Severity, Subject, pause_after
from engine.alerting import LEASE_SECONDS
from tests.docs.conftest import ROOT, Page

PAGE = Page(ROOT / "docs" / "alerts.md")
EXAMPLE = {example.name: example.text for example in PAGE.examples()}
SECRETS = {"SIMLINE_OPS_WEBHOOK_SECRET": "a-secret-of-the-webhook", "SIMLINE_SMTP_PASSWORD": "a-password"}
DOWN = Alert(AlertKind.CARRIER_DOWN, Severity.CRITICAL, Subject(carrier_account="supersim"), "It is down.")


@dataclass(frozen=True)
class Receiver:
    """The page's receiver as a process of its own."""

    url: str
    process: "subprocess.Popen[str]"

    def ended(self) -> str:
        """What it said, when it has ended."""
        self.process.terminate()
        return self.process.communicate(timeout=20)[0]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """Started as the page says, on a free port."""
    (tmp_path / "receiver.py").write_text(EXAMPLE["receiver.py"])
    command = [sys.executable, str(tmp_path / "receiver.py"), "0"]
    with subprocess.Popen(
        command, env={**os.environ, **SECRETS}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        port = int(process.stdout.readline().split()[-1])
        yield Receiver(f"http://127.0.0.1:{port}/", process)
        process.kill()


def test_the_pages_receiver_takes_what_is_sent_once_and_believes_nobody_else(receiver: Receiver) -> None:
    raised = Raised("a-1", datetime.now(UTC), DOWN)
    ours = Webhook("ops", receiver.url, SECRETS["SIMLINE_OPS_WEBHOOK_SECRET"], True)
    assert [ours.send([raised]) for _ in range(2)] == ["204"] * 2
    with pytest.raises(NotDelivered, match="401"):
        replace(ours, secret="another-secret-of-16").send([raised])
    with pytest.raises(NotDelivered, match="401"):
        replace(ours, clock=lambda: time.time() - 400).send([raised])
    body = json.dumps(document(raised)).encode()
    header = signed(ours.secret, int(time.time()), body)
    assert requests.post(receiver.url, body, headers={"Simline-Signature": header}, timeout=5).status_code == 204
    changed = body.replace(b"critical", b"harmless")
    assert requests.post(receiver.url, changed, headers={"Simline-Signature": header}, timeout=5).status_code == 401
    assert requests.post(receiver.url, body, timeout=5).status_code == 401
    assert receiver.ended() == "critical It is down.\n"


def test_the_pages_settings_can_be_loaded_and_opened(tmp_path: Path) -> None:
    (tmp_path / "simline.toml").write_text(EXAMPLE["simline.toml"])
    settings = load_settings(tmp_path / "simline.toml", SECRETS)
    assert [channel.name for channel in open_channels(settings, SECRETS)] == ["ops", "people"]


def test_the_pages_body_is_what_is_sent() -> None:
    shown = json.loads(EXAMPLE["alert.json"])
    (alert,) = carrier_alerts([CarrierFact("supersim", 905, "no answer")], Thresholds())
    sent = document(Raised(shown["id"], datetime(2026, 11, 22, 3, 17, tzinfo=UTC), alert))
    assert list(shown) == list(sent)
    assert shown == sent


def test_the_page_lists_every_kind() -> None:
    table = "| kind | you are told when |\n|---|---|\n"
    table += "".join(f"| `{kind}` | {when} |\n" for kind, when in WHEN.items())
    PAGE.holds("kinds", table)
    assert set(WHEN) == set(AlertKind)


def test_the_numbers_on_the_pages_are_the_programs() -> None:
    texts = [" ".join(Page(ROOT / "docs" / name).text.split()) for name in ("alerts.md", "runbook.md")]
    for text in texts:
        assert re.search(r"ten times, after 30 seconds, then twice as long each time, at most an hour", text)
    assert (TRIES, pause_after(1), pause_after(TRIES - 1)) == (10, 30.0, 3600.0)
    assert "about 3 hours in all" in texts[1]
    assert 2.5 < sum(pause_after(n) or 0 for n in range(1, TRIES)) / 3600 < 3.5
    assert f"More than {MOST_SIMS} SIMs" in texts[0]
    assert EXAMPLES == 5 and "names five of them" in texts[0]
    assert LEASE_SECONDS == 300 and "a lease of 5 minutes" in texts[0]
