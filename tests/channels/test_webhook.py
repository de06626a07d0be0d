"""A webhook as its receiver sees it."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from channels.contract import ChannelRefused, NotDelivered
from channels.webhook import Webhook
from domain.alerts import Raised
from tests.channels.receivers import Answers, contexts, web_server

SECRET = "a-secret-of-the-webhook"
Make = Callable[..., Raised]


@pytest.fixture
def answers() -> Answers:
    """What the receiver says."""
    return Answers()


@pytest.fixture
def webhook(answers: Answers) -> Iterator[Webhook]:
    """A webhook to a receiver on this machine."""
    with web_server(answers) as port:
        yield Webhook("ops", f"http://127.0.0.1:{port}/hooks?to=ops", SECRET, True, timeout_seconds=2)


def test_an_alert_comes_as_json_with_its_id_and_a_signature_that_holds(
    webhook: Webhook, answers: Answers, raised: Make
) -> None:
    assert webhook.send([raised(sentence="Größe = 1")]) == "200 thanks"
    (request,) = answers.received
    assert request.path == "/hooks?to=ops"
    assert request.headers["Simline-Alert"] == "a-0000000000000001"
    said = json.loads(request.body)
    assert (said["id"], said["sentence"], said["kind"], said["product"], said["facts"]["percent"]) == (
        *("a-0000000000000001", "Größe = 1", "product-usage", "tracker"),
        90,
    )
    moment, signature = request.headers["Simline-Signature"].removeprefix("t=").split(",v1=")
    assert abs(int(moment) - time.time()) < 10
    assert hmac.new(SECRET.encode(), f"{moment}.".encode() + request.body, hashlib.sha256).hexdigest() == signature


def test_a_repetition_has_the_same_id_and_body(webhook: Webhook, answers: Answers, raised: Make) -> None:
    for _ in range(2):
        webhook.send([raised()])
    first, second = answers.received
    assert first.headers["Simline-Alert"] == second.headers["Simline-Alert"]
    assert first.body == second.body


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_an_answer_that_is_no_yes_is_no_delivery(webhook: Webhook, answers: Answers, raised: Make, status: int) -> None:
    answers.status, answers.body = status, f"no \x1b[2J{SECRET}".encode()
    with pytest.raises(NotDelivered, match=f"answered {status} no") as refused:
        webhook.send([raised()])
    assert SECRET not in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(webhook: Webhook, answers: Answers, raised: Make, status: int) -> None:
    with web_server(elsewhere := Answers()) as port:
        answers.status, answers.headers = status, {"Location": f"http://127.0.0.1:{port}/"}
        with pytest.raises(NotDelivered, match="redirects are not followed"):
            webhook.send([raised()])
    assert elsewhere.received == []


def test_a_receiver_that_is_silent_or_drips_holds_nobody(webhook: Webhook, answers: Answers, raised: Make) -> None:
    answers.pause = threading.Event()
    brief = Webhook("ops", webhook.url, SECRET, True, timeout_seconds=0.5)
    for answers.drip in (False, True):
        began = time.monotonic()
        with pytest.raises(NotDelivered, match="no usable answer"):
            brief.send([raised()])
        assert time.monotonic() - began < 3
        answers.pause.set()
    assert len(answers.received) == 2


def test_a_receiver_of_our_own_network_needs_the_operators_word(raised: Make, answers: Answers, tmp_path: Path) -> None:
    server, client = contexts(tmp_path)
    with web_server(answers, server) as port:
        with pytest.raises(NotDelivered, match="allow_private"):
            Webhook("ops", f"https://127.0.0.1:{port}/", SECRET, tls=client).send([raised()])
        with pytest.raises(ChannelRefused, match="allow_private"):
            Webhook("ops", f"https://127.0.0.1:{port}/", SECRET, tls=client).check()
    assert answers.received == []


def test_over_tls_the_certificate_must_be_for_the_name_and_from_somebody_trusted(
    raised: Make, answers: Answers, tmp_path: Path
) -> None:
    server, client = contexts(tmp_path, "hooks.example.com")

    def to(host: str, port: int, **more: object) -> Webhook:
        here = lambda _host, _port: ["127.0.0.1"]  # noqa: E731
        return Webhook("ops", f"https://{host}:{port}/", SECRET, True, resolver=here, **more)  # type: ignore[arg-type]

    with web_server(answers, server) as port:
        assert to("hooks.example.com", port, tls=client).send([raised()]) == "200 thanks"
        assert "can be reached" in to("hooks.example.com", port, tls=client).check()
        for wrong in (to("other.example.com", port, tls=client), to("hooks.example.com", port)):
            with pytest.raises(NotDelivered):
                wrong.send([raised()])
            with pytest.raises(NotDelivered, match="ertificate"):
                wrong.check()
    assert len(answers.received) == 1
    assert answers.received[0].headers["Host"] == f"hooks.example.com:{port}"


def test_a_proxy_in_the_environment_is_not_asked(
    webhook: Webhook, answers: Answers, raised: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_server(proxy := Answers()) as port:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        webhook.send([raised()])
    assert (len(answers.received), len(proxy.received)) == (1, 0)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("http://hooks.example.com/", SECRET),
        ("ftp://hooks.example.com/", SECRET),
        ("https://ann:pass@hooks.example.com/", SECRET),
        ("file:///etc/passwd", SECRET),
        ("https://hooks.example.com:99999/", SECRET),
        ("https://hooks.example.com/a b", SECRET),
        ("https://hooks.example.com/\r\nX: y", SECRET),
        ("https://größe.example.com/", SECRET),
        ("https:///x", SECRET),
        ("https://hooks.example.com/", "short"),
    ],
)
def test_an_address_or_a_secret_that_will_not_do_is_refused_at_once(url: str, secret: str) -> None:
    with pytest.raises(ChannelRefused):
        Webhook("ops", url, secret)


def test_the_secret_is_in_no_text_about_it(webhook: Webhook) -> None:
    assert SECRET not in repr(webhook)
