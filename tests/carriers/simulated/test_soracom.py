"""What the simulated Soracom promises beyond the contract: two coverages, jobs, tokens, protection, traffic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import pytest

from carriers.simulated.carrier import Options, SimulatedCarrier
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.registry import open_simulated
from carriers.simulated.soracom import CREDENTIALS
from carriers.simulated.soracom_jobs import BATCH_GROUPS
from carriers.simulated.wire import Answer, Request
from domain.lifecycle import SimState
from domain.pacing import Window

NOON = 1_773_835_200.0  # 2026-03-18 12:00 UTC
HOSTS = {"g": "127.0.0.1:80", "jp": "localhost:80"}
ABROAD = [f"894231000000000{number:04d}" for number in range(5)]
AT_HOME = [f"898110000000000{number:04d}" for number in range(5)]


@dataclass
class Talk:
    """Requests to a simulated Soracom without its sockets, and its clock."""

    carrier: SimulatedCarrier
    clock: list[float]
    logins: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def login(self, where: str = "g", seconds: object = 3600, key: str = CREDENTIALS["auth_key"]) -> Answer:
        proof = {"authKeyId": CREDENTIALS["auth_key_id"], "authKey": key, "tokenTimeoutSeconds": seconds}
        answer = self.carrier.answer(Request("POST", "/v1/auth", document=proof, headers={"host": HOSTS[where]}))
        if isinstance(answer.document, dict) and answer.status == 200:
            names = {"x-soracom-api-key": "apiKey", "x-soracom-token": "token"}
            self.logins[where] = {header: answer.document[name] for header, name in names.items()}
        return answer

    def ask(
        self, method: str, path: str, document: object = None, *, where: str = "g", as_if: str = "", **query: str
    ) -> Answer:
        if (as_if or where) not in self.logins:
            self.login(as_if or where)
        headers = {"host": HOSTS[where], **self.logins[as_if or where]}
        return self.carrier.answer(Request(method, f"/v1/{path}", query, document=document, headers=headers))

    def start(self, *tasks: str, where: str = "g", group: str = "") -> Answer:
        """A job of these tasks, each `ICCID/verb`."""
        requests = [{"request": {"path": f"/v1/sims/{task}", "method": "POST"}} for task in tasks]
        path = f"batch_groups/{group or BATCH_GROUPS[where]}/jobs"
        return self.ask("POST", path, {"tasks": requests}, where=where)

    def job(self, begun: Answer, where: str = "g") -> dict[str, object]:
        return _fields(self.ask("GET", f"batch_groups/{BATCH_GROUPS[where]}/jobs/{self.id_of(begun)}", where=where))

    def tasks(self, begun: Answer, **query: str) -> Answer:
        return self.ask("GET", f"batch_groups/{BATCH_GROUPS['g']}/jobs/{self.id_of(begun)}/tasks", **query)

    def id_of(self, begun: Answer) -> str:
        return str(_fields(begun)["jobId"])


def _fields(answer: Answer) -> dict[str, object]:
    assert isinstance(answer.document, dict), answer
    return answer.document


def opened(options: Options) -> Talk:
    clock = [NOON]
    return Talk(open_simulated("soracom", options, lambda: clock[0]), clock)


@pytest.fixture
def talk() -> Talk:
    talk = opened(Options(activation_seconds=10.0))
    for iccid in (*ABROAD, *AT_HOME):
        talk.carrier.fleet.put(iccid, SimState.INACTIVE, None)
    return talk


@pytest.mark.parametrize("iccid", [ABROAD[0], AT_HOME[0]])
def test_a_sim_is_shown_and_changed_at_its_own_coverage_alone(talk: Talk, iccid: str) -> None:
    mine, other = ("g", "jp") if iccid in ABROAD else ("jp", "g")
    for method, path in (("GET", f"sims/{iccid}"), ("POST", f"sims/{iccid}/activate")):
        assert talk.ask(method, path, where=other).status == 404
        assert talk.ask(method, path, where=mine).status == 200
    listed = talk.ask("GET", "sims", where=mine, limit="100").document
    assert isinstance(listed, list)
    assert [sim["simId"] for sim in listed] == (ABROAD if mine == "g" else AT_HOME)


def test_a_sim_cannot_be_registered_at_the_other_coverage() -> None:
    talk = opened(Options(open_registry=True))
    secret = {"registrationSecret": "1234"}
    assert talk.ask("POST", f"sims/{AT_HOME[0]}/register", secret, where="g").status == 400
    assert talk.ask("POST", f"sims/{AT_HOME[0]}/register", secret, where="jp").status == 201


def test_a_token_is_good_at_the_coverage_that_gave_it(talk: Talk) -> None:
    assert talk.ask("GET", "sims", where="g").status == 200
    assert talk.ask("GET", "sims", where="jp", as_if="g").status == 401


def test_a_token_is_good_for_as_long_as_was_asked(talk: Talk) -> None:
    talk.login(seconds=60)
    assert talk.ask("GET", "sims").status == 200
    talk.clock[0] += 61
    assert talk.ask("GET", "sims").status == 401


@pytest.mark.parametrize("seconds", [0, 172_801, "60"])
def test_a_token_cannot_be_had_for_that_long(talk: Talk, seconds: object) -> None:
    assert talk.login(seconds=seconds).status == 400


def test_a_wrong_key_gets_no_token(talk: Talk) -> None:
    assert talk.login(key="wrong").status == 401


def test_a_request_for_one_sim_comes_true_at_once(talk: Talk) -> None:
    assert _fields(talk.ask("POST", f"sims/{ABROAD[0]}/activate"))["status"] == "active"
    assert _fields(talk.ask("POST", f"sims/{ABROAD[0]}/deactivate"))["status"] == "inactive"


def test_a_terminated_sim_is_no_longer_there(talk: Talk) -> None:
    assert _fields(talk.ask("POST", f"sims/{ABROAD[0]}/terminate"))["status"] == "terminated"
    assert talk.ask("GET", f"sims/{ABROAD[0]}").status == 404


def test_a_protected_sim_is_not_terminated(talk: Talk) -> None:
    assert _fields(talk.ask("POST", f"sims/{ABROAD[0]}/disable_termination"))["terminationEnabled"] is False
    assert talk.ask("POST", f"sims/{ABROAD[0]}/terminate").status == 400
    assert talk.ask("POST", f"sims/{ABROAD[0]}/enable_termination").status == 200
    assert talk.ask("POST", f"sims/{ABROAD[0]}/terminate").status == 200


def test_a_job_runs_for_as_long_as_its_changes_take_and_its_sims_keep_their_word_until_then(talk: Talk) -> None:
    begun = talk.start(*(f"{iccid}/activate" for iccid in ABROAD))
    assert (begun.status, begun.effects) == (200, tuple(ABROAD))
    assert talk.job(begun)["status"] == "running"
    assert _fields(talk.ask("GET", f"sims/{ABROAD[0]}"))["status"] == "ready"
    talk.clock[0] += 10
    assert talk.job(begun)["status"] == "completed"
    assert talk.job(begun)["summary"] == {"success": 5, "error": 0, "pending": 0}


def test_a_job_with_a_sim_that_is_not_ours_fails_and_does_the_rest(talk: Talk) -> None:
    begun = talk.start(f"{ABROAD[0]}/activate", f"{AT_HOME[0]}/activate")
    talk.clock[0] += 10
    assert talk.job(begun)["status"] == "failed"
    errors = talk.tasks(begun, status="error").document
    assert isinstance(errors, list)
    assert [(task["taskId"], task["response"]["statusCode"]) for task in errors] == [(2, 404)]
    assert _fields(talk.ask("GET", f"sims/{ABROAD[0]}"))["status"] == "active"


def test_tasks_come_in_pages(talk: Talk) -> None:
    begun = talk.start(*(f"{iccid}/activate" for iccid in ABROAD))
    seen: list[int] = []
    query = {"limit": "2"}
    for _ in range(3):
        page = talk.tasks(begun, **query)
        assert isinstance(page.document, list)
        seen += [task["taskId"] for task in page.document]
        query["last_evaluated_key"] = page.headers.get("x-soracom-next-key", "")
    assert (seen, query["last_evaluated_key"]) == ([1, 2, 3, 4, 5], "")


def test_one_job_of_an_action_runs_at_a_time_in_each_coverage(talk: Talk) -> None:
    assert talk.start(f"{ABROAD[0]}/activate").status == 200
    refused = talk.start(f"{ABROAD[1]}/activate")
    assert (refused.status, refused.reason, refused.effects) == (400, "job running", ())
    assert talk.start(f"{ABROAD[1]}/deactivate").status == 200
    assert talk.start(f"{AT_HOME[0]}/activate", where="jp").status == 200
    talk.clock[0] += 10
    assert talk.start(f"{ABROAD[1]}/activate").status == 200


@pytest.mark.parametrize(
    "tasks",
    [
        [],
        [f"{ABROAD[0]}/activate", f"{ABROAD[1]}/deactivate"],
        [f"{ABROAD[0]}/terminate"],
        [f"{ABROAD[0]}/register"],
        [ABROAD[0]],
        10_001 * [f"{ABROAD[0]}/activate"],
    ],
    ids=["none", "mixed", "terminate", "register", "no action", "too many"],
)
def test_a_job_that_is_none_is_refused_and_changes_nothing(talk: Talk, tasks: list[str]) -> None:
    refused = talk.start(*tasks)
    assert (refused.status, refused.effects) == (400, ())
    assert _fields(talk.ask("GET", f"sims/{ABROAD[0]}"))["status"] == "ready"


def test_there_are_no_other_batch_groups_unless_the_registry_is_open(talk: Talk) -> None:
    assert talk.start(f"{ABROAD[0]}/activate", group="zzzz9999").status == 404
    assert opened(Options(open_registry=True)).start(f"{ABROAD[0]}/activate", group="zzzz9999").status == 200


def test_a_stuck_sim_is_left_out_of_a_job_that_is_stopped_and_holds_up_no_other_job(talk: Talk) -> None:
    talk.carrier.faults = Faults({Fault.STUCK: 1.0}, frozenset({RequestKind.ACTIVATE}), frozenset({ABROAD[0]}))
    begun = talk.start(f"{ABROAD[0]}/activate", f"{ABROAD[1]}/activate")
    assert talk.job(begun)["status"] == "running"
    talk.clock[0] += 10
    assert talk.job(begun)["status"] == "aborted"
    assert talk.job(begun)["summary"] == {"success": 1, "error": 0, "pending": 1}
    assert talk.start(f"{ABROAD[2]}/activate").status == 200


def test_traffic_is_told_for_days_that_had_some(talk: Talk) -> None:
    talk.carrier.fleet.put_usage(ABROAD[0], date(2026, 3, 17), 1001)
    week = {"from": str(int(NOON) - 7 * 86_400), "to": str(int(NOON)), "period": "day"}
    told = talk.ask("GET", f"stats/air/sims/{ABROAD[0]}", **week).document
    assert isinstance(told, list)
    (day,) = told
    assert (day["date"], day["unixtime"]) == ("20260317", 1_773_705_600)
    counts = [traffic[name] for traffic in day["dataTrafficStatsMap"].values() for name in traffic if "Byte" in name]
    assert (len(counts), sum(counts)) == (4, 1001)


@pytest.mark.parametrize(
    ("first", "last", "period"),
    [(0, NOON, "day"), (NOON, NOON + 86_400, "day"), (NOON, NOON - 86_400, "day"), (NOON, NOON, "week")],
    ids=["too long ago", "to come", "backwards", "a week"],
)
def test_a_period_that_is_none_is_refused(talk: Talk, first: float, last: float, period: str) -> None:
    query = {"from": str(int(first)), "to": str(int(last)), "period": period}
    assert talk.ask("GET", f"stats/air/sims/{ABROAD[0]}", **query).status == 400


def test_a_429_says_how_many_seconds_the_minute_has_left() -> None:
    talk = opened(Options([Window(1, 60)]))
    talk.login()
    talk.clock[0] += 13.5
    refused = talk.ask("GET", "sims")
    assert (refused.status, refused.headers) == (429, {"X-Soracom-Ratelimit-Seconds-Before-Refresh": "47"})
