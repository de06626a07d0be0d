"""The receiver of callbacks on loopback, from the address to the ledger; it gives nothing away and holds nobody up."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests
from sqlalchemy import update

from carriers.callbacks import twilio_signature
from carriers.contract import CarrierAccount
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.faults import CallbackFault, Faults, RequestKind
from carriers.simulated.registry import SIMULATIONS
from carriers.simulated.server import SimulatedCarrierServer, run_server
from carriers.simulated.supersim import CREDENTIALS
from carriers.simulated.telnyx import DEFAULT_GROUP
from carriers.simulated.telnyx_webhooks import PUBLIC_KEY
from console.listening import bound, server_of, url_of
from console.receiver import MOST_BODY_BYTES, listening_accounts, receiver
from domain.lifecycle import Step
from engine.context import CarrierAtWork, Timing
from engine.draining import drain
from engine.hints import FLOOR_SECONDS
from engine.settling import settle_due
from storage import catalogue
from storage.database import Database
from storage.schema import operations
from tests.engine.rig import ACCOUNT, PLAN, Rig, iccids, open_rig, stock

SECRET = "s3cr3t-m4rk3r-0123456789"
(ICCID,) = iccids(1)
ACTIVATION_SECONDS = 1.0
FAR = Timing(poll_first_seconds=3600.0, poll_longest_seconds=3600.0)


@dataclass
class Scene:
    """A receiver, the carrier that calls it, and an engine that would not look again for an hour."""

    url: str
    rig: Rig
    server: SimulatedCarrierServer

    @property
    def address(self) -> str:
        return f"{self.url}/callbacks/{ACCOUNT}/{SECRET}"

    def called(self, url: str = "", *, body: bytes = b"", kind: str = "", token: str = "") -> int:
        """Call as Super SIM does (or with another token); the status of the answer."""
        url = url or f"{self.address}?iccid={ICCID}"
        signature = twilio_signature(token or CREDENTIALS["auth_token"], url, [])
        headers = {"X-Twilio-Signature": signature} | ({"Content-Type": kind} if kind else {})
        return requests.post(url, data=body, headers=headers, timeout=10).status_code

    def reads(self) -> int:
        """Looks at SIMs that reached the carrier."""
        return sum(entry.kind is RequestKind.READ for entry in self.server.carrier.log.entries())

    def settles_within(self, seconds: float) -> bool:
        """Whether rounds of settling find the SIM active in that time."""
        ends = time.monotonic() + seconds
        while self.rig.steps() != {Step.DONE: 1} and time.monotonic() < ends:
            settle_due(self.rig.context, ACCOUNT)
            time.sleep(0.05)
        return self.rig.steps() == {Step.DONE: 1}


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Sets a scene: with what goes wrong with callbacks, with which patience."""
    ends: list[Callable[[], object]] = []

    def set_up(
        *, timing: Timing = FAR, oauth: bool = False, away: bool = False, at: str = "supersim", **faults: float
    ) -> Scene:
        opened = bound("127.0.0.1", 0)
        listening = opened.__enter__()
        url = url_of(listening)
        wanted = Options(
            open_registry=True,
            activation_seconds=ACTIVATION_SECONDS,
            webhook_url=f"{url}/callbacks/{ACCOUNT}/{SECRET}",
            faults=Faults(callbacks={CallbackFault(name): rate for name, rate in faults.items()}),
        )
        simulated, carrier_url = run_server(wanted, carrier=at)
        ends.append(simulated.close)
        options = {"callback_url": url} if at == "supersim" else {"webhook_public_key": PUBLIC_KEY}
        options |= {"auth": "oauth", "token_url": f"{carrier_url}/oauth/token"} if oauth else {}
        keys = {**SIMULATIONS[at].credentials, "callback_secret": SECRET}
        carrier = open_carrier(CarrierAccount(ACCOUNT, at, carrier_url, options, keys, 5.0))
        ends.append(carrier.close)
        stock(database)
        if at == "telnyx":
            with database.begin() as tx:
                catalogue.sync_plans(tx, [replace(PLAN, carrier_reference=DEFAULT_GROUP)])
        rig = open_rig(database, carrier, tmp_path, timing=timing)
        work = replace(rig.context.carriers[ACCOUNT], callback_secret=SECRET)
        rig = rig.but(carriers={ACCOUNT: work, "deaf": replace(work, callback_secret=None)})
        nowhere = Database("postgresql://nobody@127.0.0.1:9/none")
        ends.append(nowhere.close)
        server = server_of(receiver(rig.but(database=nowhere).context if away else rig.context))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join(10)
            opened.__exit__(None, None, None)

        ends.append(stop)
        while not server.started:
            time.sleep(0.01)
        return Scene(url, rig, simulated)

    yield set_up
    for end in reversed(ends):
        end()


@pytest.fixture
def activating(stage: Callable[..., Scene]) -> Callable[..., Scene]:
    """A scene with one SIM that was just sent and accepted."""

    def begin(**how: object) -> Scene:
        scene = stage(**how)
        scene.rig.load(1)
        drain(scene.rig.context, ACCOUNT, at_most_seconds=10)
        assert scene.rig.steps() == {Step.ACCEPTED: 1}
        return scene

    return begin


# ---- from the carrier to the ledger


@pytest.mark.parametrize("oauth", [False, True])
def test_a_callback_makes_a_sim_active_in_the_ledger_long_before_anybody_would_poll(
    activating: Callable[..., Scene], oauth: bool
) -> None:
    scene = activating(oauth=oauth)
    assert scene.settles_within(ACTIVATION_SECONDS + 2)
    assert scene.reads() == 1
    assert scene.server.carrier.calls.outcomes == {"204": 1}


def test_telnyxs_webhook_makes_a_sim_active_in_the_ledger_as_soon(activating: Callable[..., Scene]) -> None:
    scene = activating(at="telnyx")
    assert scene.settles_within(ACTIVATION_SECONDS + 2)
    assert scene.server.carrier.calls.outcomes == {"204": 1}


def test_a_webhook_that_somebody_else_signed_is_refused(activating: Callable[..., Scene]) -> None:
    scene = activating(at="telnyx", forged=1.0)
    assert not scene.settles_within(ACTIVATION_SECONDS + 1)
    assert scene.server.carrier.calls.outcomes == {"404": 1}
    assert scene.rig.steps() == {Step.ACCEPTED: 1}


def test_lost_callbacks_cost_time_and_nothing_else(activating: Callable[..., Scene]) -> None:
    quick = Timing(poll_first_seconds=0.5, poll_longest_seconds=0.5)
    scene = activating(timing=quick, lost=1.0)
    assert scene.settles_within(ACTIVATION_SECONDS + 4)
    assert scene.server.carrier.calls.outcomes == {}


def test_an_early_callback_costs_one_look_and_changes_no_state(activating: Callable[..., Scene]) -> None:
    scene = activating(early=1.0)
    assert not scene.settles_within(ACTIVATION_SECONDS + 1)
    assert scene.rig.steps() == {Step.ACCEPTED: 1}
    assert scene.reads() == 1


@pytest.mark.parametrize(("oauth", "answer", "looks"), [(False, "404", 0), (True, "204", 1)])
def test_a_forged_callback_is_refused_or_costs_one_look_where_no_signature_is_known(
    activating: Callable[..., Scene], oauth: bool, answer: str, looks: int
) -> None:
    scene = activating(oauth=oauth, forged=1.0)
    assert not scene.settles_within(ACTIVATION_SECONDS + 1)
    assert scene.server.carrier.calls.outcomes == {answer: 1}
    assert scene.rig.steps() == {Step.ACCEPTED: 1}
    assert scene.reads() == looks


@pytest.mark.slow
def test_hundreds_of_equal_callbacks_cost_at_most_one_look_for_each_floor(activating: Callable[..., Scene]) -> None:
    scene = activating(lost=1.0)
    scene.server.carrier.fleet.activation_seconds = 3600.0
    sim = scene.server.carrier.fleet.find(ICCID)
    assert sim is not None
    sim.due_at = time.time() + 3600.0
    began = time.monotonic()
    with requests.Session() as session:
        url = f"{scene.address}?iccid={ICCID}"
        headers = {"X-Twilio-Signature": twilio_signature(CREDENTIALS["auth_token"], url, [])}
        for number in range(300):
            assert session.post(url, headers=headers, timeout=10).status_code == 204
            if number % 20 == 0:
                settle_due(scene.rig.context, ACCOUNT)
    floors = 1 + int((time.monotonic() - began) / FLOOR_SECONDS)
    assert 1 <= scene.reads() <= floors
    assert scene.rig.steps() == {Step.ACCEPTED: 1}


# ---- the address


@pytest.mark.parametrize(
    "path",
    [
        f"/callbacks/{ACCOUNT}/wrong-wrong-wrong-wrong",
        f"/callbacks/{ACCOUNT}/{SECRET}x",
        f"/callbacks/{ACCOUNT}/%C3%A9",
        f"/callbacks/nobody/{SECRET}",
        f"/callbacks/deaf/{SECRET}",
        "/callbacks/deaf/None",
        f"/callbacks/{ACCOUNT}/{SECRET}/",
        f"/callbacks/{ACCOUNT}",
        "/callbacks",
        "/docs",
        "/openapi.json",
    ],
)
def test_every_wrong_address_gets_the_same_answer(stage: Callable[..., Scene], path: str) -> None:
    scene = stage()
    answer = requests.post(f"{scene.url}{path}?iccid={ICCID}", timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.content) == (404, b"")
    assert scene.called(token="another") == 404


def test_a_good_call_is_answered_without_a_word(stage: Callable[..., Scene]) -> None:
    scene = stage()
    assert scene.called() == 204
    assert scene.called(f"{scene.address}?iccid=%3Cscript%3E") == 204
    health = requests.get(f"{scene.url}/healthz", timeout=10)
    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    assert "server" not in health.headers


def test_nothing_that_is_sent_comes_back(stage: Callable[..., Scene]) -> None:
    scene = stage()
    for method in ("GET", "POST", "PUT", "OPTIONS", "HEAD"):
        for url in (f"{scene.address}?m4rk=1", f"{scene.url}/m4rk", f"{scene.url}/callbacks/m4rk/m4rk"):
            headers = {"X-M4rk": "m4rk", "Origin": "http://m4rk"}
            answer = requests.request(method, url, data=b"m4rk", headers=headers, timeout=10, allow_redirects=False)
            assert "m4rk" not in answer.text + str(answer.headers)
            assert SECRET not in answer.text + str(answer.headers)


# ---- the body


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/x-www-form-urlencoded", 204),
        ("Application/JSON; charset=utf-8", 204),
        ("text/xml", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
def test_a_callback_is_a_form_or_json(stage: Callable[..., Scene], kind: str, status: int) -> None:
    assert stage().called(kind=kind) == status


def exchange(url: str, head: str, *pieces: bytes) -> bytes:
    """Raw bytes to the receiver, and the first line of what comes back."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode("latin-1"))
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:  # it has answered and hung up
                break
        try:
            return connection.recv(4096).split(b"\r\n")[0]
        except ConnectionResetError:
            return b"reset"


def chunk(size: int) -> bytes:
    return f"{size:x}\r\n".encode() + b"x" * size + b"\r\n"


def test_a_body_past_the_bound_is_cut_off_whatever_its_length_is_said_to_be(stage: Callable[..., Scene]) -> None:
    scene = stage(oauth=True)
    head = f"POST /callbacks/{ACCOUNT}/{SECRET} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    chunked = head + "Transfer-Encoding: chunked\r\n\r\n"
    assert b" 413 " in exchange(scene.url, chunked, chunk(MOST_BODY_BYTES), chunk(1))
    assert b" 204 " in exchange(scene.url, chunked, chunk(MOST_BODY_BYTES), b"0\r\n\r\n")
    too_long = head + f"Content-Length: {MOST_BODY_BYTES + 1}\r\n\r\n"
    assert b" 413 " in exchange(scene.url, too_long, b"x" * (MOST_BODY_BYTES + 1))
    just_fits = head + f"Content-Length: {MOST_BODY_BYTES}\r\n\r\n"
    assert b" 204 " in exchange(scene.url, just_fits, b"x" * MOST_BODY_BYTES)


def test_a_body_that_never_ends_is_not_kept(stage: Callable[..., Scene]) -> None:
    scene = stage(oauth=True)
    head = f"POST /callbacks/{ACCOUNT}/{SECRET} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    said = exchange(scene.url, head, *[chunk(65_536)] * 200)
    assert b" 413 " in said or said == b"reset"
    assert scene.called() == 204


@pytest.mark.parametrize("line", ["POST /callbacks/k\xe9/x HTTP/1.1", "POST /%ff%fe HTTP/1.1", "NONSENSE", "\x00\x01"])
def test_what_is_no_request_does_it_no_harm(stage: Callable[..., Scene], line: str) -> None:
    scene = stage()
    said = exchange(scene.url, f"{line}\r\nHost: x\r\n\r\n")
    assert b" 204 " not in said
    assert b" 500 " not in said
    assert scene.called() == 204


# ---- what goes wrong behind it


def test_while_the_database_is_away_the_carrier_is_asked_to_call_again(stage: Callable[..., Scene]) -> None:
    scene = stage(away=True)
    assert scene.called() == 503
    assert scene.called(token="another") == 404
    assert requests.get(f"{scene.url}/healthz", timeout=5).ok


def test_others_are_answered_while_callbacks_wait_for_a_writer(activating: Callable[..., Scene]) -> None:
    scene = activating(lost=1.0)
    answers: list[int] = []
    calling = [threading.Thread(target=lambda: answers.append(scene.called())) for _ in range(20)]
    with scene.rig.context.database.begin() as tx:
        tx.execute(update(operations).values(worker="writer"))
        for one in calling:
            one.start()
        time.sleep(0.3)
        began = time.monotonic()
        assert requests.get(f"{scene.url}/healthz", timeout=5).ok
        assert requests.post(f"{scene.url}/callbacks/x/y", timeout=5).status_code == 404
        assert time.monotonic() - began < 2
        assert answers == []
    for one in calling:
        one.join(20)
    assert answers == [204] * 20


def test_a_caller_that_hangs_up_in_mid_call_does_it_no_harm(
    stage: Callable[..., Scene], capfd: pytest.CaptureFixture[str]
) -> None:
    scene = stage(oauth=True)
    host, port = scene.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            f"POST /callbacks/{ACCOUNT}/{SECRET} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx".encode()
        )
        time.sleep(0.2)
    assert scene.called() == 204
    assert "Traceback" not in capfd.readouterr().err


def test_no_line_of_a_log_holds_the_secret_and_a_flood_of_refusals_is_counted_not_listed(
    activating: Callable[..., Scene], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        scene = activating()
        assert scene.called() == 204
        for number in range(20):
            assert scene.called(token="another") == 404
            assert requests.post(f"{scene.address}{number}", timeout=10).status_code == 404
            assert requests.post(f"{scene.url}/callbacks/{number}%0Aforged/{SECRET}", timeout=10).status_code == 404
        assert scene.called(body=b"x" * (MOST_BODY_BYTES + 1)) == 413
        assert scene.called(kind="text/plain") == 415
    out, err = capfd.readouterr()
    assert SECRET not in "\n".join(f"{one.getMessage()} {one.args}" for one in caplog.records if _is_ours(one))
    assert SECRET not in out + err
    lines = [one.getMessage() for one in caplog.records if one.name == "simline.callbacks"]
    assert f"Callback for {ACCOUNT}: looked at sooner" in lines
    assert [line for line in lines if "forged" in line] == [
        f"Callback for {ACCOUNT}: forged (number {number} of these)" for number in (1, 2, 4, 8, 16)
    ]
    assert len([line for line in lines if "an account that does not listen" in line]) == 5
    assert not any("\n" in line for line in lines)


def _is_ours(record: logging.LogRecord) -> bool:
    """What the test's own client logs of its own addresses does not count."""
    return not record.name.startswith(("urllib3", "asyncio"))


def test_only_accounts_with_a_secret_whose_carrier_can_call_are_listened_for(stage: Callable[..., Scene]) -> None:
    context = stage().rig.context
    assert listening_accounts(context) == [ACCOUNT]
    work = context.carriers[ACCOUNT]
    assert SECRET not in repr(work)
    assert SECRET not in json.dumps([str(work), str(CarrierAtWork(work.carrier, work.pace, callback_secret=SECRET))])
