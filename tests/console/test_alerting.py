"""`alerts`: the list, the sending and the test message, at receivers on this machine."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domain.alerts import Alert, AlertKind, Severity, Subject
from storage import alerts
from storage.database import Database
from tests.channels.receivers import Answers, Mailbox, smtp_server, web_server
from tests.console.conftest import Place, Result

Channels = Callable[..., None]
WEBHOOK = """
[[alerts.webhooks]]
name = "{name}"
url = "http://127.0.0.1:{port}/hook"
secret = "TEST_WEBHOOK_SECRET"
allow_private = true
"""
MAIL = """
[[alerts.mail]]
name = "people"
host = "127.0.0.1"
port = {port}
encryption = "none"
sender = "simline@example.com"
recipients = ["ann@example.com"]
"""
ALERT = Alert(AlertKind.CARRIER_DOWN, Severity.CRITICAL, Subject(carrier_account="supersim"), "It is down.")


@pytest.fixture
def answers() -> Answers:
    """What the webhook's receiver says."""
    return Answers()


@pytest.fixture
def mailbox() -> Mailbox:
    """What the mail server takes."""
    return Mailbox()


@pytest.fixture
def with_channels(place: Place, answers: Answers, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The place with a webhook `ops` and mail to `people`."""
    monkeypatch.setenv("TEST_WEBHOOK_SECRET", "a-secret-of-the-webhook")
    with web_server(answers) as web, smtp_server(mailbox) as smtp:
        add(place.folder, WEBHOOK.format(name="ops", port=web), MAIL.format(port=smtp))
        yield place


def add(folder: Path, *sections: str) -> None:
    """Write more sections into simline.toml."""
    file = folder / "simline.toml"
    file.write_text(file.read_text() + "".join(sections))


def raise_one(place: Place, *channels: str) -> None:
    """One alert, written down for these channels."""
    place.simline("products")
    database = Database(f"sqlite:///{place.folder / 'simline.db'}")
    with database.begin() as tx:
        alerts.write_down(tx, [ALERT], channels)
    database.close()


def test_without_channels_the_list_is_empty_and_a_test_says_what_to_add(place: Place) -> None:
    assert "No alert was raised yet." in place.simline("alerts").out
    refused = place.simline("alerts", "test")
    assert (refused.status, "[[alerts.webhooks]]" in refused.err) == (2, True)


def test_a_test_message_reaches_every_channel_and_tells_what_was_answered(
    with_channels: Place, answers: Answers, mailbox: Mailbox
) -> None:
    said = with_channels.simline("alerts", "test")
    assert said.status == 0
    assert "ops: 200 thanks" in said.out
    assert "people: 127.0.0.1 took it for 1 of 1 recipients" in said.out
    assert json.loads(answers.received[0].body)["kind"] == "test"
    assert len(mailbox.mails) == 1
    assert with_channels.simline("alerts", "--json").json == []


def test_a_test_of_one_channel_leaves_the_others_alone_and_fails_with_it(
    with_channels: Place, answers: Answers, mailbox: Mailbox
) -> None:
    answers.status = 500
    said = with_channels.simline("alerts", "test", "--channel", "ops")
    assert (said.status, "answered 500" in said.out, mailbox.mails) == (2, True, [])
    unknown = with_channels.simline("alerts", "test", "--channel", "opps")
    assert (unknown.status, "ops, people" in unknown.err) == (2, True)


def test_alerts_are_listed_and_sent_once(with_channels: Place, answers: Answers, mailbox: Mailbox) -> None:
    raise_one(with_channels, "ops", "people")
    (listed,) = with_channels.simline("alerts", "--json").json
    assert (listed["kind"], listed["deliveries"]) == ("carrier-down", {"waiting": 2})
    assert with_channels.simline("alerts", "send").status == 0
    again = with_channels.simline("alerts", "send")
    assert "Nothing is to be sent." in again.out
    assert (len(answers.received), len(mailbox.mails)) == (2, 1)
    assert answers.received[0].headers["Simline-Alert"] == listed["id"]
    assert "2 delivered" in with_channels.simline("alerts", "list").out


def test_what_a_channel_did_not_take_needs_a_person_and_stays_waiting(with_channels: Place, answers: Answers) -> None:
    raise_one(with_channels, "ops")
    answers.status = 503
    said: Result = with_channels.simline("alerts", "send")
    assert (said.status, "ops: 1 alert" in said.out) == (1, True)
    assert with_channels.simline("alerts", "--json").json[0]["deliveries"]["waiting"] == 1


def test_check_looks_at_each_channel_and_sends_nothing(
    with_channels: Place, answers: Answers, mailbox: Mailbox
) -> None:
    found = {one["what"]: one for one in with_channels.simline("check", "--json").json}
    assert found["alert channel ops"]["ok"] and found["alert channel people"]["ok"]
    assert answers.received == [] and mailbox.mails == []


def test_check_says_what_is_wrong_with_a_channel(with_channels: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_WEBHOOK_SECRET")
    found = {one["what"]: one for one in with_channels.simline("check", "--json").json}
    assert "TEST_WEBHOOK_SECRET" in found["alert channel ops"]["sentence"]
    assert not found["alert channel ops"]["ok"]
    assert found["alert channel people"]["ok"]
