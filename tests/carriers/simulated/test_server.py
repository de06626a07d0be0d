"""The simulated carrier as others meet it: over HTTP, in a process of its own, under a limit, over a restart."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from carriers.simulated.carrier import Options
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.log import effect_counts, most_in_any_window, read_log
from carriers.simulated.supersim import CREDENTIALS
from domain.pacing import Window
from tests.carriers.conftest import Simulate

ROOT = Path(__file__).parents[3]
AUTH = (CREDENTIALS["account_sid"], CREDENTIALS["auth_token"])
ICCID = "89883070000123456789"
CLAIM = {"Iccid": ICCID, "RegistrationCode": "code"}
PLAN = "HF" + 32 * "a"
BARRED = json.dumps({"sims": [{"iccid": ICCID, "state": "barred"}]})

Start = Callable[..., tuple[str, subprocess.Popen[str]]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a simulated carrier in a process of its own."""
    running: list[subprocess.Popen[str]] = []

    def started(*arguments: str) -> tuple[str, subprocess.Popen[str]]:
        command = [sys.executable, "-m", "carriers.simulated", "supersim", "--open", *arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout
        return process.stdout.readline().strip(), process

    yield started
    for process in running:
        process.kill()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


def test_a_sim_goes_its_way_in_super_sims_words(simulate: Simulate) -> None:
    url = simulate(Options(open_registry=True, activation_seconds=0.1)).url
    claimed = requests.post(f"{url}/v1/Sims", CLAIM, auth=AUTH, timeout=5)
    assert (claimed.status_code, claimed.json()["status"]) == (201, "new")
    address = claimed.json()["url"]
    changed = requests.post(address, {"Status": "active", "Fleet": "my fleet"}, auth=AUTH, timeout=5)
    assert (changed.status_code, changed.json()["status"]) == (202, "scheduled")
    time.sleep(0.15)
    assert requests.get(address, auth=AUTH, timeout=5).json()["status"] == "active"
    again = requests.post(address, {"Status": "active"}, auth=AUTH, timeout=5)
    assert (again.status_code, again.json()["status"]) == (200, "active")


@pytest.mark.parametrize(
    ("asked", "form", "status", "code"),
    [
        ("POST /v1/Sims", {"Iccid": ICCID}, 400, 83001),
        ("POST /v1/Sims", {"Iccid": "1", "RegistrationCode": "wrong"}, 400, 83002),
        (f"POST /v1/Sims/HS{32 * '0'}", {"Status": "active"}, 404, 20404),
        (f"POST /v1/Sims/HS{32 * '0'}", {"Status": "asleep"}, 400, 20001),
        ("GET /v1/Sims?PageSize=1001", None, 400, 20001),
        ("GET /v1/Sims?PageToken=x", None, 400, 20001),
        ("GET /v1/Sims?Status=asleep", None, 400, 20001),
        (f"GET /v1/Sims/HS{32 * '0'}", None, 404, 20404),
        ("GET /v2/Sims", None, 404, 20404),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_its_code(
    simulate: Simulate, asked: str, form: dict[str, str] | None, status: int, code: int
) -> None:
    method, path = asked.split()
    url = simulate(Options()).url
    answer = requests.request(method, url + path, data=form, auth=AUTH, timeout=5)
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (status, code, status)


def test_a_form_that_is_sent_as_json_is_not_understood(simulate: Simulate) -> None:
    answer = requests.post(f"{simulate().url}/v1/Sims", json=CLAIM, auth=AUTH, timeout=5)
    assert answer.json()["code"] == 83001


def test_a_body_past_the_bound_is_refused(simulate: Simulate) -> None:
    assert requests.post(f"{simulate().url}/v1/Sims", "x" * (17 << 20), auth=AUTH, timeout=5).status_code == 413


def test_only_good_credentials_are_let_in(simulate: Simulate) -> None:
    url = simulate().url
    for auth in (None, ("a", "b")):
        assert requests.get(f"{url}/v1/Sims", auth=auth, timeout=5).json()["code"] == 20003


def test_a_token_is_good_until_it_expires(simulate: Simulate) -> None:
    url = simulate(Options(token_seconds=1.0)).url
    form = {
        "grant_type": "client_credentials",
        "client_id": CREDENTIALS["client_id"],
        "client_secret": CREDENTIALS["client_secret"],
    }
    token = requests.post(f"{url}/oauth/token", form, timeout=5).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{url}/v1/Sims", headers=bearer, timeout=5).status_code == 200
    time.sleep(1.05)
    assert requests.get(f"{url}/v1/Sims", headers=bearer, timeout=5).status_code == 401
    assert requests.post(f"{url}/oauth/token", form | {"client_secret": "x"}, timeout=5).status_code == 401


@pytest.mark.parametrize("retry_after", [True, False])
def test_never_more_requests_than_the_limit_are_let_in(simulate: Simulate, retry_after: bool) -> None:
    server = simulate(Options(limits=[Window(20, 0.5)], retry_after=retry_after))
    with ThreadPoolExecutor(8) as threads, requests.Session() as session:
        session.auth = AUTH
        answers = list(threads.map(lambda _: session.get(f"{server.url}/v1/Sims", timeout=5), range(120)))
    refused = [answer for answer in answers if answer.status_code == 429]
    let_in = [entry for entry in server.carrier.log.entries() if entry.status == 200]
    assert len(refused) + len(let_in) == 120
    assert refused
    assert most_in_any_window(let_in, 0.5) == 20
    assert refused[0].json()["code"] == 20429
    assert all(("Retry-After" in answer.headers) is retry_after for answer in refused)


def test_faults_and_fleet_can_be_changed_while_it_runs(simulate: Simulate) -> None:
    url = simulate(Options()).url
    card = {"iccid": ICCID, "registration_code": "code"}
    sim = {"iccid": "89883070000000000001", "state": "active", "plan": PLAN}
    fleet = requests.post(f"{url}/_simulator/fleet", json={"cards": [card], "sims": [sim]}, timeout=5)
    assert fleet.json()["counts"] == {"active": 1}
    requests.post(f"{url}/_simulator/faults", json={"rates": {"error_503": 1.0}, "kinds": ["claim"]}, timeout=5)
    assert requests.get(f"{url}/_simulator/faults", timeout=5).json()["rates"] == {"error_503": 1.0}
    assert requests.post(f"{url}/v1/Sims", CLAIM, auth=AUTH, timeout=5).status_code == 503
    requests.post(f"{url}/_simulator/faults", json={}, timeout=5)
    assert requests.post(f"{url}/v1/Sims", CLAIM, auth=AUTH, timeout=5).status_code == 201


@pytest.mark.parametrize(
    ("question", "body", "status"),
    [
        ("faults", '{"rates": {"typo": 1}}', 400),
        ("faults", "{", 400),
        ("fleet", "[]", 400),
        ("fleet", BARRED, 400),
        ("typo", "{}", 404),
    ],
)
def test_the_loopback_door_refuses_what_makes_no_sense(
    simulate: Simulate, question: str, body: str, status: int
) -> None:
    assert requests.post(f"{simulate().url}/_simulator/{question}", body, timeout=5).status_code == status


def test_a_late_effect_is_logged_when_it_comes(simulate: Simulate) -> None:
    faults = Faults({Fault.LATE_EFFECT: 1.0}, first=1, late_seconds=0.8)
    server = simulate(Options(open_registry=True, faults=faults))
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{server.url}/v1/Sims", CLAIM, auth=AUTH, timeout=5)
    server.carrier.settle()
    assert not effect_counts(server.carrier.log.entries())
    time.sleep(0.85)
    again = requests.post(f"{server.url}/v1/Sims", CLAIM, auth=AUTH, timeout=5)
    assert again.json()["code"] == 83003
    lost, late, redundant = server.carrier.log.entries()
    assert (lost.status, lost.effects) == ("lost", ())
    assert (late.method, late.status, late.effects) == ("", "late", (ICCID,))
    assert (redundant.status, redundant.effects, redundant.redundant) == (400, (), (ICCID,))


def test_a_reset_tears_the_connection_down_and_a_lost_reply_ends_it(simulate: Simulate) -> None:
    server = simulate()
    for fault, torn in ((Fault.RESET, True), (Fault.LOST_REPLY, False)):
        server.carrier.faults = Faults({fault: 1.0})
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
            connection.sendall(f"GET /v1/Sims HTTP/1.1\r\nAuthorization: {_basic()}\r\n\r\n".encode())
            try:
                assert connection.recv(100) == b""
                assert not torn
            except ConnectionResetError:
                assert torn


def _basic() -> str:
    request = requests.Request("GET", "http://127.0.0.1", auth=AUTH).prepare()
    return str(request.headers["Authorization"])


def test_a_closed_server_answers_nobody_not_even_on_an_open_connection(simulate: Simulate) -> None:
    server = simulate()
    with requests.Session() as session:
        session.auth = AUTH
        assert session.get(f"{server.url}/v1/Sims", timeout=5).status_code == 200
        server.close()
        with pytest.raises(requests.ConnectionError):
            session.get(f"{server.url}/v1/Sims", timeout=5)


def test_a_killed_process_goes_on_with_its_fleet_and_its_log(start: Start, tmp_path: Path) -> None:
    files = ["--state", str(tmp_path / "state.jsonl"), "--log", str(tmp_path / "log.jsonl")]
    url, process = start(*files)
    sid = requests.post(f"{url}/v1/Sims", CLAIM, auth=AUTH, timeout=5).json()["sid"]
    process.kill()
    process.wait(10)
    url, process = start(*files)
    assert requests.get(f"{url}/v1/Sims", {"Iccid": ICCID}, auth=AUTH, timeout=5).json()["sims"][0]["sid"] == sid
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert [entry.kind for entry in read_log(tmp_path / "log.jsonl")] == [RequestKind.CLAIM, RequestKind.READ]


def test_the_process_takes_its_limit_and_faults_from_the_command_line(start: Start) -> None:
    faults = json.dumps({"rates": {"error_500": 1.0}, "kinds": ["claim"]})
    url, _ = start("--limit", "2/60", "--faults", faults, "--no-retry-after")
    statuses = [requests.post(f"{url}/v1/Sims", CLAIM, auth=AUTH, timeout=5).status_code for _ in range(3)]
    assert statuses == [500, 500, 429]


@pytest.mark.slow
def test_300_requests_a_second_are_sustained_by_one_core(start: Start, tmp_path: Path) -> None:
    url, process = start("--log", str(tmp_path / "log.jsonl"), "--state", str(tmp_path / "state.jsonl"))

    def claims(_thread: int) -> None:
        with requests.Session() as session:
            session.auth = AUTH
            for _ in range(150):
                assert session.post(f"{url}/v1/Sims", CLAIM, timeout=10).status_code in (201, 400)

    before = core_seconds(process)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(claims, range(8)))
    assert core_seconds(process) - before < 8 * 150 / 300


def core_seconds(process: "subprocess.Popen[str]") -> float:
    """How long a core has worked for this process: the same beside busy neighbours as alone."""
    user, system = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
