"""Mail as its server sees it."""

import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import ChannelRefused, NotDelivered
from channels.mail import Encryption, Mail, message
from domain.alerts import Alert, AlertKind, Raised, Severity, Subject
from tests.channels.conftest import RAISED_AT
from tests.channels.receivers import Mailbox, contexts, smtp_server

PASSWORD = "a-password-of-the-mailbox"
Make = Callable[..., Raised]


def mail(port: int, **changes: Any) -> Mail:
    """From simline to two people, through a server on this machine."""
    usual: dict[str, Any] = {"encryption": Encryption.NONE, "timeout_seconds": 2.0}
    return Mail(
        "ops", "127.0.0.1", port, "simline@example.com", ("a@example.com", "b@example.com"), **(usual | changes)
    )


def test_several_alerts_are_one_mail_with_the_worst_first(raised: Make) -> None:
    with smtp_server(box := Mailbox()) as port:
        said = mail(port).send([raised(1), raised(2, "A carrier is <down>.", Severity.CRITICAL)])
    assert said == "127.0.0.1 took it for 2 of 2 recipients"
    (got,) = box.mails
    assert box.recipients == [["a@example.com", "b@example.com"]]
    assert got["Subject"] == "[simline] critical: product-usage product=tracker (and 1 more)"
    assert got["Simline-Alert"] == "a-0000000000000001 a-0000000000000002"
    plain, page = got.get_body(("plain",)), got.get_body(("html",))
    assert plain and page
    text = plain.get_content()
    assert text.index("A carrier is <down>.") < text.index("Look at tracker.")
    assert "gone: unknown" in text
    assert "A carrier is &lt;down&gt;." in page.get_content()


@pytest.mark.parametrize("encryption", [Encryption.STARTTLS, Encryption.TLS])
def test_the_way_is_encrypted_before_the_password_is_said(raised: Make, tmp_path: Path, encryption: Encryption) -> None:
    server, client = contexts(tmp_path)
    starts = encryption is Encryption.STARTTLS
    box = Mailbox({"simline": PASSWORD}, tls=server if starts else None)
    with smtp_server(box, None if starts else server) as port:
        given_ = mail(port, encryption=encryption, username="simline", password=PASSWORD, tls=client)
        given_.send([raised()])
        assert "answers (250)" in given_.check()
    assert box.was_encrypted == [True]
    assert len(box.mails) == 1


def test_a_server_that_offers_no_encryption_gets_no_password_and_no_mail(raised: Make, tmp_path: Path) -> None:
    _, client = contexts(tmp_path)
    box = Mailbox({"simline": PASSWORD})
    with smtp_server(box) as port, pytest.raises(NotDelivered, match="STARTTLS"):
        mail(port, encryption=Encryption.STARTTLS, username="simline", password=PASSWORD, tls=client).send([raised()])
    assert box.mails == []


def test_a_certificate_of_nobody_we_trust_ends_it(raised: Make, tmp_path: Path) -> None:
    server, _ = contexts(tmp_path)
    with smtp_server(box := Mailbox(tls=server)) as port, pytest.raises(NotDelivered, match=r"(?i)certificate"):
        mail(port, encryption=Encryption.STARTTLS).send([raised()])
    assert box.mails == []


def test_a_wrong_password_is_a_sentence_without_it(raised: Make) -> None:
    with smtp_server(Mailbox({"simline": "another"})) as port:
        given_ = mail(port, username="simline", password=PASSWORD)
        with pytest.raises(NotDelivered, match="does not take our user and password") as refused:
            given_.send([raised()])
        with pytest.raises(NotDelivered):
            given_.check()
    assert PASSWORD not in str(refused.value) + repr(given_)


def test_a_recipient_that_is_refused_is_named_and_the_others_get_it(raised: Make) -> None:
    with smtp_server(box := Mailbox(refused={"b@example.com"})) as port:
        said = mail(port).send([raised()])
    assert said == "127.0.0.1 took it for 1 of 2 recipients, but not for b@example.com"
    assert len(box.mails) == 1


def test_when_nobody_is_taken_it_is_no_delivery(raised: Make) -> None:
    with smtp_server(Mailbox(refused={"a@example.com", "b@example.com"})) as port, pytest.raises(NotDelivered):
        mail(port).send([raised()])


def test_a_server_that_is_away_or_busy_is_a_sentence(raised: Make) -> None:
    with smtp_server(Mailbox(greeting="421 too busy")) as port, pytest.raises(NotDelivered, match="too busy"):
        mail(port).send([raised()])
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NotDelivered, match="did not take it"):
        mail(port).send([raised()])


def test_the_same_alerts_have_the_same_message_id(raised: Make) -> None:
    one, again, other = (
        message(alerts, "simline@example.com", ["a@example.com"])["Message-ID"]
        for alerts in ([raised(1), raised(2)], [raised(2), raised(1)], [raised(1)])
    )
    assert one == again != other


@given(st.text(max_size=200), st.text(max_size=60))
def test_no_word_of_an_alert_becomes_a_header(sentence: str, product: str) -> None:
    alert = Alert(AlertKind.TEST, Severity.INFO, Subject(f"x\r\nBcc: all@example.com\r\n{product}"), sentence)
    made = message([Raised("a-1", RAISED_AT + timedelta(0), alert)], "simline@example.com", ["a@example.com"])
    assert sorted(made.keys()) == sorted(
        [
            "Subject",
            "From",
            "To",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "Simline-Alert",
            "MIME-Version",
            "Content-Type",
        ]
    )
    head = made.as_bytes().split(b"\r\n\r\n")[0]
    assert not any(line.lower().startswith(b"bcc") for line in head.splitlines())


@pytest.mark.parametrize(
    "address",
    ["a@example.com\r\nBcc: x@example.com", "nobody", "a@b@c", "A <a@example.com>", "ä@example.com", "a@example.com,b"],
)
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(ChannelRefused):
        Mail("ops", "localhost", 25, "simline@example.com", (address,))


def test_without_encryption_only_this_machine_is_written_to() -> None:
    with pytest.raises(ChannelRefused, match="encryption"):
        Mail("ops", "mail.example.com", 25, "simline@example.com", ("a@example.com",), Encryption.NONE)
