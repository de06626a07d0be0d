"""Soracom's batch jobs: how one begins and how it ends, in tables."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from carriers.contract import AnswerKind, OpenGate
from carriers.errors import CarrierError, CredentialsRefused, LimitReached, NotSent, OutcomeUnknown, ReadFailed
from tests.carriers.canned import Canned
from tests.carriers.soracom_canned import CHANGE, ICCID, MANY, NOT_THERE, OTHER, SORACOM, body_of, no, talking


def job(status: str, **fields: object) -> dict[str, object]:
    return {"jobId": "bbbb2222", "batchGroupId": "aaaa1111", "status": status, **fields}


JOBS: list[tuple[str, Canned, AnswerKind | type[CarrierError]]] = [
    ("begun", Canned(200, job("pending")), AnswerKind.ACCEPTED),
    ("begun and failed", Canned(200, job("failed")), AnswerKind.ACCEPTED),
    ("no job", Canned(200, {"code": "X", "message": ""}), AnswerKind.UNKNOWN),
    ("a job with a path for a name", Canned(200, {"jobId": "../x"}), AnswerKind.UNKNOWN),
    ("empty", Canned(200), AnswerKind.UNKNOWN),
    ("another job runs", no(400), NotSent),
    ("conflict", no(409), NotSent),
    ("high load", no(429), LimitReached),
    ("no such group", no(404), CredentialsRefused),
    ("may not", no(403), CredentialsRefused),
    ("too large", no(413), CredentialsRefused),
    ("a proxy's 400", Canned(400, b"<html>"), OutcomeUnknown),
    ("broken", Canned(500), OutcomeUnknown),
]


@pytest.mark.parametrize(("label", "reply", "kind"), JOBS, ids=[row[0] for row in JOBS])
def test_a_job_is_answered_by_the_table(label: str, reply: Canned, kind: AnswerKind | type[CarrierError]) -> None:
    with talking(reply, batch_group="aaaa1111") as (adapter, carrier):
        if isinstance(kind, type):
            with pytest.raises(kind) as raised:
                adapter.submit(MANY, OpenGate())
            assert raised.type is kind, label
        else:
            answers = adapter.submit(MANY, OpenGate())
            named = "g/aaaa1111/bbbb2222" if kind is AnswerKind.ACCEPTED else None
            assert [(one.iccid, one.kind, one.carrier_request) for one in answers] == [
                (ICCID, kind, named),
                (OTHER, kind, named),
            ]
        _, asked = carrier.asked
        assert (asked.method, asked.path) == ("POST", "/v1/batch_groups/aaaa1111/jobs")
        assert body_of(asked) == {
            "jobName": "simline activate",
            "tasks": [{"request": {"path": f"/v1/sims/{n}/activate", "method": "POST"}} for n in (ICCID, OTHER)],
            "abortOnFailure": False,
        }


@pytest.mark.parametrize(("count", "seconds"), [(2, 30.0), (5_000, 150.0), (10_000, 300.0)])
def test_the_more_sims_wait_for_another_job_the_later_they_come_back(count: int, seconds: float) -> None:
    with talking(no(400), batch_group="aaaa1111") as (adapter, _):
        with pytest.raises(NotSent) as sent:
            adapter.submit([replace(CHANGE, iccid=SORACOM.iccid(number)) for number in range(count)], OpenGate())
        assert sent.value.retry_after_seconds == seconds


def task(iccid: str, status: str, code: int = 200, body: object = None) -> dict[str, object]:
    request = {"path": f"/v1/sims/{iccid}/activate", "method": "POST"}
    return {"taskId": 1, "request": request, "status": status, "response": {"statusCode": code, "body": body}}


def failed(errors: int) -> Canned:
    return Canned(200, job("failed", summary={"success": 1, "error": errors, "pending": 0}))


NO = {"code": "SEM0009", "message": "barred"}
ENDS: list[tuple[str, Sequence[Canned], AnswerKind, AnswerKind]] = [
    ("pending", [Canned(200, job("pending"))], AnswerKind.ACCEPTED, AnswerKind.ACCEPTED),
    ("running", [Canned(200, job("running"))], AnswerKind.ACCEPTED, AnswerKind.ACCEPTED),
    ("completed", [Canned(200, job("completed"))], AnswerKind.DONE, AnswerKind.DONE),
    ("unknown word", [Canned(200, job("paused"))], AnswerKind.UNKNOWN, AnswerKind.UNKNOWN),
    ("no job", [Canned(200, {"code": "X", "message": ""})], AnswerKind.UNKNOWN, AnswerKind.UNKNOWN),
    ("forgotten", [NOT_THERE], AnswerKind.UNKNOWN, AnswerKind.UNKNOWN),
    ("refused", [failed(1), Canned(200, [task(ICCID, "error", 400, NO)])], AnswerKind.REJECTED, AnswerKind.DONE),
    ("gone", [failed(1), Canned(200, [task(ICCID, "error", 404, NO)])], AnswerKind.REVIEW, AnswerKind.DONE),
    ("may not", [failed(1), Canned(200, [task(ICCID, "error", 403, NO)])], AnswerKind.UNKNOWN, AnswerKind.DONE),
    ("limited", [failed(1), Canned(200, [task(ICCID, "error", 429, NO)])], AnswerKind.UNKNOWN, AnswerKind.DONE),
    ("broken", [failed(1), Canned(200, [task(ICCID, "error", 500)])], AnswerKind.UNKNOWN, AnswerKind.DONE),
    (
        "no status",
        [failed(1), Canned(200, [{**task(ICCID, "error"), "response": 1}])],
        AnswerKind.UNKNOWN,
        AnswerKind.DONE,
    ),
    (
        "errors not all shown",
        [failed(2), Canned(200, [task(ICCID, "error", 400)])],
        AnswerKind.REJECTED,
        AnswerKind.UNKNOWN,
    ),
    ("errors not yet shown", [failed(0), Canned(200, [])], AnswerKind.UNKNOWN, AnswerKind.UNKNOWN),
    (
        "completed with errors",
        [
            Canned(200, job("completed", summary={"error": 1})),
            Canned(200, [task(ICCID, "error", 400, NO), task(OTHER, "success")]),
        ],
        AnswerKind.REJECTED,
        AnswerKind.DONE,
    ),
    (
        "aborted",
        [Canned(200, job("aborted")), Canned(200, [task(ICCID, "success"), task(OTHER, "pending")])],
        AnswerKind.DONE,
        AnswerKind.UNKNOWN,
    ),
    ("aborted, unlisted", [Canned(200, job("aborted")), Canned(200, [])], AnswerKind.UNKNOWN, AnswerKind.UNKNOWN),
    ("a task of nothing", [failed(1), Canned(200, [1])], AnswerKind.UNKNOWN, AnswerKind.UNKNOWN),
]


@pytest.mark.parametrize(("label", "replies", "first", "second"), ENDS, ids=[row[0] for row in ENDS])
def test_the_end_of_a_job_is_told_by_the_table(
    label: str, replies: Sequence[Canned], first: AnswerKind, second: AnswerKind
) -> None:
    with talking(*replies, batch_group="aaaa1111") as (adapter, carrier):
        answers = adapter.follow("g/aaaa1111/bbbb2222", [ICCID, OTHER], OpenGate())
        assert [(one.iccid, one.kind) for one in answers] == [(ICCID, first), (OTHER, second)], label
        _, asked, *pages = carrier.asked
        assert (asked.method, asked.path) == ("GET", "/v1/batch_groups/aaaa1111/jobs/bbbb2222")
        assert {page.path for page in pages} <= {f"{asked.path}/tasks"}
        refused = [one for one in answers if one.kind is AnswerKind.REJECTED]
        assert all(one.reason == "refused" and "400" in one.detail for one in refused)


def test_a_list_of_tasks_that_turns_in_a_circle_ends() -> None:
    page = Canned(200, [task(ICCID, "error", 400)], {"x-soracom-next-key": "T1"})
    with talking(failed(2), page, batch_group="aaaa1111") as (adapter, _), pytest.raises(ReadFailed, match="circle"):
        adapter.follow("g/aaaa1111/bbbb2222", [ICCID], OpenGate())
