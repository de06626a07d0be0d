"""Soracom's batch jobs: one API action for up to 10,000 SIMs in one request, and how each of them ended. Pure.

A job works through its tasks one after the other. https://users.soracom.io/ja-jp/docs/batch-operation/
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from carriers.contract import Answer, AnswerKind, Order
from carriers.http import redacted
from carriers.soracom_words import VERBS, complaint
from carriers.words import fields_of

MOST_TASKS = 10_000
UNDER_WAY = ("pending", "running")
NOT_THE_SIMS_FAULT = (401, 403, 408, 409, 425, 429)
"""Statuses of a task that tell nothing for good of its SIM: a read shows how it stands."""

_NAME = re.compile(r"[0-9A-Za-z_-]{1,100}")
_TASK_PATH = re.compile(r"/v1/sims/([^/]+)/[a-z_]+")


@dataclass(frozen=True, slots=True)
class JobName:
    """A job as an operation remembers it: `coverage/group/job`."""

    coverage: str
    group: str
    job: str

    def __str__(self) -> str:
        return f"{self.coverage}/{self.group}/{self.job}"

    @property
    def path(self) -> str:
        """Where it is asked about."""
        return f"{jobs_path(self.group)}/{self.job}"


def jobs_path(group: str) -> str:
    """Where a batch group's jobs are."""
    return f"/v1/batch_groups/{group}/jobs"


def is_name(text: object) -> bool:
    """Whether this can be a batch group's or a job's id: nothing a carrier sends may lead to another address."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def job_name(text: str) -> JobName | None:
    """What an operation remembers, as the job that it names.

    >>> str(job_name("g/aaaa1111/bbbb2222")), job_name("g/../x")
    ('g/aaaa1111/bbbb2222', None)
    """
    parts = text.split("/")
    return JobName(*parts) if len(parts) == 3 and all(map(is_name, parts)) else None


def job_of(orders: Sequence[Order]) -> dict[str, object]:
    """The job that asks for these orders, all of one action. A task that fails does not stop the others."""
    verb = VERBS[orders[0].action]
    requests = [{"path": f"/v1/sims/{order.iccid}/{verb}", "method": "POST"} for order in orders]
    return {"jobName": f"simline {verb}", "tasks": [{"request": one} for one in requests], "abortOnFailure": False}


def started(orders: Sequence[Order], document: object, coverage: str, group: str) -> list[Answer]:
    """What the answer to a new job means for each of its orders."""
    job = document.get("jobId") if isinstance(document, dict) else None
    if not is_name(job):
        sentence = "A 2xx answer does not name the job that it should have begun."
        return [Answer(order.iccid, AnswerKind.UNKNOWN, "not_a_job", sentence) for order in orders]
    named = str(JobName(coverage, group, str(job)))
    return [Answer(order.iccid, AnswerKind.ACCEPTED, "job_begun", carrier_request=named) for order in orders]


@dataclass(frozen=True, slots=True)
class Job:
    """How a job stands. `errors`: tasks that failed, None where that is not told."""

    status: str
    errors: int | None

    @property
    def all_done(self) -> bool:
        """Ended without a word of failure: no task needs to be asked about."""
        return self.status == "completed" and not self.errors

    @property
    def task_filter(self) -> dict[str, str] | None:
        """Which tasks tell how this job's SIMs ended; None where none does."""
        if self.status == "failed":
            return {"status": "error"}
        return {} if self.status in ("completed", "aborted") else None


def job_from(document: object) -> Job:
    """A job resource; what makes no sense has no status."""
    fields = fields_of(document)
    errors = fields_of(fields.get("summary")).get("error")
    return Job(str(fields.get("status", "")), errors if isinstance(errors, int) else None)


def ended(job: Job, tasks: Sequence[object], iccids: Iterable[str]) -> list[Answer]:
    """How each SIM ended. A SIM that is not among a failed job's errors is done, if all errors were shown."""
    told = dict(pair for task in tasks for pair in _told(task))
    complete = job.status == "failed" and bool(told) and job.errors == len(told)
    rest = AnswerKind.DONE if complete else AnswerKind.UNKNOWN
    return [told.get(iccid) or Answer(iccid, rest, "done_by_job" if complete else "no_task") for iccid in iccids]


def of_all(iccids: Iterable[str], kind: AnswerKind, reason: str) -> list[Answer]:
    """The same for every SIM of a job."""
    return [Answer(iccid, kind, reason) for iccid in iccids]


def _told(task: object) -> list[tuple[str, Answer]]:
    fields = fields_of(task)
    request, response = (fields_of(fields.get(name)) for name in ("request", "response"))
    path = _TASK_PATH.fullmatch(str(request.get("path")))
    if path is None:
        return []
    iccid = path[1]
    if fields.get("status") == "success":
        return [(iccid, Answer(iccid, AnswerKind.DONE, "done_by_job"))]
    if fields.get("status") == "error":
        return [(iccid, _failed(iccid, response.get("statusCode"), response.get("body")))]
    return [(iccid, Answer(iccid, AnswerKind.UNKNOWN, "not_run"))]  # the job ended before it: a read tells


def _failed(iccid: str, status: object, body: object) -> Answer:
    said = complaint(body)
    words = f"code {said.code}: {redacted(said.message, ())}" if said else "no explanation"
    detail = f"Soracom's job met {status} for this SIM ({words})."
    if status == 404:
        return Answer(iccid, AnswerKind.REVIEW, "gone", detail)
    if isinstance(status, int) and 400 <= status < 500 and status not in NOT_THE_SIMS_FAULT:
        return Answer(iccid, AnswerKind.REJECTED, "refused", detail)
    return Answer(iccid, AnswerKind.UNKNOWN, "task_failed", detail)
