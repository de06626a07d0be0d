"""The client against servers that misbehave, on loopback."""

import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from carriers import connection
from carriers.contract import OpenGate
from carriers.errors import (
    CarrierDown,
    CarrierError,
    LimitReached,
    NotSent,
    OutcomeUnknown,
    ReadFailed,
    RequestRefused,
)
from carriers.http import HttpClient, Wire, retry_after
from carriers.login import FixedLogin, Form, Json, basic
from carriers.supersim import complaint
from tests.carriers.canned import Canned, CannedCarrier, CountingGate

GATE = OpenGate()


def client(url: str, timeout_seconds: float = 2.0) -> HttpClient:
    return HttpClient(Wire("Test", url, timeout_seconds, complaint), FixedLogin.basic("user", "p4ssw0rd"))


class ClosedGate:
    def wait_for_slot(self) -> None:
        raise NotSent("no slot before the lease ends")

    def told_to_wait(self, seconds: float) -> None: ...


@pytest.fixture
def silent() -> Iterator[tuple[str, list[bytes]]]:
    """A port that takes connections and reads, and never answers."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        while True:
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            heard.append(taken.recv(65_536))
            connections.append(taken)

    connections: list[socket.socket] = []
    threading.Thread(target=listen, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
    listener.close()
    for taken in connections:
        taken.close()


def test_nothing_leaves_while_the_gate_is_closed() -> None:
    with CannedCarrier(Canned(200, {})) as carrier:
        with pytest.raises(NotSent):
            client(carrier.url).change("/x", Form({}), ClosedGate())
        with pytest.raises(NotSent):
            client(carrier.url).read("/x", {}, ClosedGate())
        assert carrier.asked == []


def test_every_attempt_of_a_read_passes_the_gate() -> None:
    with CannedCarrier(Canned(500), Canned(502), Canned(200, {"a": 1})) as carrier:
        gate = CountingGate()
        assert client(carrier.url).read("/x", {}, gate).document == {"a": 1}
        assert (gate.passed, len(carrier.asked)) == (3, 3)


def test_requests_of_a_thread_share_one_connection_and_threads_do_not() -> None:
    with CannedCarrier(Canned(200, {})) as carrier:
        talker = client(carrier.url)
        for _ in range(3):
            talker.read("/x", {}, GATE)
        other = threading.Thread(target=talker.read, args=("/x", {}, GATE))
        other.start()
        other.join()
        connections = [asked.connection for asked in carrier.asked]
        assert len(set(connections[:3])) == 1
        assert connections[3] not in connections[:3]


def test_a_connection_that_stood_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.05)
    with CannedCarrier(Canned(200, {})) as carrier:
        talker = client(carrier.url)
        talker.read("/x", {}, GATE)
        time.sleep(0.1)
        talker.change("/x", Form({}), GATE)
        assert carrier.asked[0].connection != carrier.asked[1].connection


def test_neither_proxies_nor_netrc_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login intruder password intruder\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setitem(os.environ, "NO_PROXY", "")
    with CannedCarrier(Canned(200, {})) as carrier:
        client(carrier.url).read("/x", {}, GATE)
        assert carrier.asked[0].headers["Authorization"] == basic("user", "p4ssw0rd")


def test_a_cookie_is_not_sent_back() -> None:
    with CannedCarrier(Canned(200, {}, {"Set-Cookie": "a=b"})) as carrier:
        talker = client(carrier.url)
        talker.read("/x", {}, GATE)
        talker.read("/x", {}, GATE)
        assert "Cookie" not in carrier.asked[1].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with CannedCarrier(Canned(200, {})) as elsewhere:
        moved = Canned(status, b"", {"Location": f"{elsewhere.url}/x"})
        with CannedCarrier(moved) as carrier:
            with pytest.raises(OutcomeUnknown, match="redirect"):
                client(carrier.url).change("/x", Form({}), GATE)
            with pytest.raises(ReadFailed, match="redirect"):
                client(carrier.url).read("/x", {}, GATE)
        assert elsewhere.asked == []


def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with pytest.raises(CarrierDown):
        client(f"http://127.0.0.1:{port}").change("/x", Form({}), GATE)


def test_a_name_without_an_address_means_that_nothing_was_sent() -> None:
    with pytest.raises(CarrierDown):
        client("https://carrier.invalid").change("/x", Form({}), GATE)


def test_a_bad_certificate_means_that_nothing_was_sent(tmp_path: Path) -> None:
    with CannedCarrier(Canned(200, {}), tls=_self_signed(tmp_path)) as carrier:
        with pytest.raises(CarrierDown, match="SSLError"):
            client(carrier.url).change("/x", Form({}), GATE)
        assert carrier.asked == []


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = (
        builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1)).sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_silence_after_the_request_is_an_unknown_outcome(silent: tuple[str, list[bytes]]) -> None:
    url, heard = silent
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown) as unknown:
        client(url, 0.3).change("/x", Form({"a": "b"}), GATE)
    assert unknown.value.__suppress_context__, "the cause may print our headers"
    assert time.monotonic() - started < 1
    assert len(heard) == 1


def test_an_unknown_outcome_stays_one_while_another_error_is_dealt_with(silent: tuple[str, list[bytes]]) -> None:
    url, _ = silent
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    try:
        client(f"http://127.0.0.1:{port}").change("/x", Form({}), GATE)
    except CarrierDown:
        with pytest.raises(OutcomeUnknown):
            client(url, 0.2).change("/x", Form({}), GATE)


def test_a_head_that_comes_byte_by_byte_is_awaited_no_longer_than_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            taken, _ = listener.accept()
            with taken, suppress(OSError):
                taken.recv(65_536)
                for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200:
                    taken.send(bytes([byte]))
                    time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown, match="within 0"):
            client(f"http://127.0.0.1:{listener.getsockname()[1]}", 0.4).change("/x", Form({}), GATE)
        assert time.monotonic() - started < 2.0


def test_a_reply_longer_than_the_bound_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_REPLY_BYTES", 1000)
    with CannedCarrier(Canned(200, b" " * 300_000)) as carrier, pytest.raises(OutcomeUnknown, match="ReplyTooLong"):
        client(carrier.url).change("/x", Form({}), GATE)


@pytest.mark.parametrize("body", [b" ", b"{", b"\xff", b"[" * 200_000, b"<html>"])
def test_a_2xx_without_valid_json_is_an_unknown_outcome(body: bytes) -> None:
    with CannedCarrier(Canned(200, body)) as carrier, pytest.raises(OutcomeUnknown, match="JSON"):
        client(carrier.url).change("/x", Form({}), GATE)


def test_a_2xx_without_a_body_is_an_answer_without_a_document() -> None:
    with CannedCarrier(Canned(204, b"", {"X-Total-Pages": "3"})) as carrier:
        reply = client(carrier.url).change("/x", None, GATE, method="DELETE")
    assert (reply.status, reply.document, reply.headers["x-total-pages"]) == (204, None, "3")
    assert (carrier.asked[0].method, carrier.asked[0].body) == ("DELETE", b"")


def test_json_is_sent_as_json() -> None:
    with CannedCarrier(Canned(200, {})) as carrier:
        client(carrier.url).change("/x", Json([{"iccid": "1"}]), GATE, method="PUT")
    assert carrier.asked[0].headers["Content-Type"] == "application/json"
    assert (carrier.asked[0].method, carrier.asked[0].body) == ("PUT", b'[{"iccid": "1"}]')


def test_a_refusal_keeps_code_and_status() -> None:
    with CannedCarrier(Canned(422, {"code": 20001, "message": "no\r\nsuch"})) as carrier:
        with pytest.raises(RequestRefused, match="no  such") as refused:
            client(carrier.url).change("/x", Form({}), GATE)
        assert (refused.value.code, refused.value.status) == ("20001", 422)


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (rb'{"sid": "HS\u0000x"}', {"sid": "HS\u2400x"}),
        (rb'{"sid": ["HS\uD800x", 1, null]}', {"sid": ["HS?x", 1, None]}),
        (b'{"sid": "HS\xed\xa0\x80x"}', {"sid": "HS?x"}),
        (rb'{"sid": "\ud83d\ude00"}', {"sid": "\U0001f600"}),
    ],
)
def test_text_that_no_database_takes_is_mended_before_anybody_sees_it(body: bytes, document: object) -> None:
    with CannedCarrier(Canned(200, body)) as carrier:
        assert client(carrier.url).read("/x", {}, GATE).document == document


def test_an_overloaded_carrier_that_names_a_time_is_left_alone_until_then() -> None:
    with CannedCarrier(Canned(503, {}, {"Retry-After": "9"})) as carrier:
        gate = CountingGate()
        with pytest.raises(OutcomeUnknown):
            client(carrier.url).change("/x", Form({}), gate)
        assert gate.waits == [9.0]


@pytest.mark.parametrize(("asked", "waited"), [("3", 3.0), ("99999999", 3600.0), ("soon", 1.0), ("-5", 1.0)])
def test_a_wait_is_as_long_as_asked_within_reason(asked: str, waited: float) -> None:
    with CannedCarrier(Canned(429, {}, {"Retry-After": asked})) as carrier:
        with pytest.raises(LimitReached) as reached:
            client(carrier.url).change("/x", Form({}), GATE)
        assert reached.value.retry_after_seconds == waited


def test_retry_after_may_be_a_date() -> None:
    assert retry_after({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 1792567670.0) == 10.0
    assert retry_after({"Retry-After": "Wed, 21 Oct 2020 07:28:00 GMT"}, 1792567670.0) == 0.0


@pytest.mark.parametrize("our_clock", [0.0, 1792567670.0, 2e9])
def test_a_date_counts_from_the_carriers_own_clock(our_clock: float) -> None:
    dates = {"Date": "Wed, 21 Oct 2026 07:27:00 GMT", "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert retry_after(dates, our_clock) == 60.0


@pytest.mark.parametrize("url", ["http://example.com", "ftp://example.com", "http://127.0.0.1.example.com"])
def test_an_address_that_would_show_our_secrets_is_refused(url: str) -> None:
    with pytest.raises(CarrierError, match="https"):
        client(url)


def test_a_log_line_names_method_path_status_and_time_but_not_the_query(caplog: pytest.LogCaptureFixture) -> None:
    with CannedCarrier(Canned(200, {})) as carrier, caplog.at_level(logging.DEBUG, "simline"):
        client(carrier.url).read("/v1/Sims", {"Iccid": "89883070000123456789"}, GATE)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "simline.carriers"]
    assert line.startswith("GET /v1/Sims -> 200 in ")
    assert line.endswith(" ms")
