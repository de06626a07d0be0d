"""Soracom's batch jobs around the simulated fleet: one API action a job, one job of an action at a time.

A job works on all its SIMs at once here, and ends when the last of them has changed; a SIM that is stuck is left out
when the job is stopped. Jobs do not outlive the process.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count, islice

from carriers.simulated.faults import RequestKind
from carriers.simulated.fleet import Fate, Fleet, Sim
from carriers.simulated.wire import Answer, Fates, Request, Wish, certain, fields_of
from domain.lifecycle import SimState

MOST_TASKS = 10_000
MOST_PER_PAGE = 1_000
BATCH_GROUPS = {"g": "gggg1111", "jp": "jjjj1111"}
"""The batch groups that are there; with an open registry every name is one."""
ACTIONS: dict[str, tuple[RequestKind, SimState]] = {
    "activate": (RequestKind.ACTIVATE, SimState.ACTIVE),
    "deactivate": (RequestKind.DEACTIVATE, SimState.DEACTIVATED),
}
TASK_PATH = re.compile(r"/v1/sims/([^/]+)/([a-z_]+)")


def refusal(status: int, message: str, reason: str) -> Answer:
    """Soracom's error body. Its codes are not published, so they say no more than the status does."""
    return Answer(status, {"code": f"SIM{status:04d}", "message": message}, reason=reason)


NO_SUCH_JOB = refusal(404, "Batch job not found", "not found")


@dataclass(slots=True)
class Task:
    """One SIM of a job: `status` and `answer` hold from `due_at` on (`math.inf`: never)."""

    number: int
    request: Mapping[str, object]
    status: str
    due_at: float
    code: int
    body: Callable[[], object]

    def shown(self, now: float) -> str:
        """Its status word."""
        return self.status if now >= self.due_at else "pending"

    def document(self, now: float, created_at: float) -> dict[str, object]:
        """As the listing of tasks has it."""
        task: dict[str, object] = {"taskId": self.number, "request": self.request, "status": self.shown(now)}
        if now < self.due_at:
            return task
        times = {"startedTime": int(created_at), "finishedTime": int(self.due_at)}
        return task | times | {"response": {"statusCode": self.code, "body": self.body()}}


@dataclass(slots=True)
class Job:
    """One batch job of one coverage."""

    id: str
    where: str
    group: str
    action: str
    name: str
    created_at: float
    tasks: list[Task] = field(default_factory=list)

    def status(self, now: float) -> str:
        """Running until the last task has ended that ever will."""
        ends = [task.due_at for task in self.tasks if task.due_at < math.inf]
        if now < max(ends, default=0.0):
            return "running"
        if len(ends) < len(self.tasks):
            return "aborted"
        return "failed" if any(task.status == "error" for task in self.tasks) else "completed"

    def document(self, now: float) -> dict[str, object]:
        """The job resource."""
        words = [task.shown(now) for task in self.tasks]
        return {
            "jobId": self.id,
            "jobName": self.name,
            "batchGroupId": self.group,
            "status": self.status(now),
            "abortOnFailure": False,
            "summary": {word: words.count(word) for word in ("success", "error", "pending")},
            "createdTime": int(self.created_at),
            "updatedTime": int(now),
        }


class Jobs:
    """The batch jobs of one simulated Soracom. Not thread-safe: its owner holds the lock."""

    def __init__(
        self,
        fleet: Fleet,
        clock: Callable[[], float],
        find: Callable[[str, str], Sim | None],
        sim_document: Callable[[Sim], object],
    ) -> None:
        self._fleet = fleet
        self._clock = clock
        self._find = find
        self._sim_document = sim_document
        self._jobs: dict[str, Job] = {}
        self._numbers = count(1)

    def wish(self, where: str, group: str, rest: list[str], request: Request) -> Wish:
        """What a request below `/v1/batch_groups/{group}` asks for."""
        if group != BATCH_GROUPS[where] and self._fleet.card("") is None:
            return certain(RequestKind.OTHER, refusal(404, "Batch group not found", "no group"))
        match (request.method, *rest):
            case ("POST", "jobs"):
                return self._create(where, group, request.document)
            case ("GET", "jobs", job_id):
                return Wish(RequestKind.FOLLOW, (), lambda _fates: self._show(where, group, job_id))
            case ("GET", "jobs", job_id, "tasks"):
                return Wish(RequestKind.FOLLOW, (), lambda _fates: self._list(where, group, job_id, request.query))
            case _:
                return certain(RequestKind.OTHER, refusal(404, "No such resource found", "path"))

    def _create(self, where: str, group: str, document: object) -> Wish:
        fields = fields_of(document)
        tasks = fields.get("tasks")
        asked = tasks if isinstance(tasks, list) else []
        requests = [fields_of(task.get("request")) for task in asked if isinstance(task, dict)]
        named = [TASK_PATH.fullmatch(str(each.get("path"))) for each in requests]
        whole = [path for path in named if path]
        actions = {path[2] for path in whole}
        if not 1 <= len(requests) <= MOST_TASKS or len(whole) != len(requests):
            return certain(RequestKind.OTHER, refusal(400, f"A job has 1 to {MOST_TASKS} tasks", "tasks"))
        if len(actions) > 1 or not actions <= ACTIONS.keys():
            return certain(RequestKind.OTHER, refusal(400, "A job has one API action of those supported", "action"))
        (action,) = actions
        job = Job("", where, group, action, str(fields.get("jobName") or ""), 0.0)
        sim_ids = tuple(path[1] for path in whole)
        return Wish(ACTIONS[action][0], sim_ids, lambda fates: self._run(job, requests, sim_ids, fates))

    def _run(self, job: Job, requests: list[dict[str, object]], sim_ids: tuple[str, ...], fates: Fates) -> Answer:
        job.created_at = self._clock()
        if any(self._in_the_way(job, other) for other in self._jobs.values()):
            return refusal(400, "A job with the same API is running already", "job running")
        job.id = f"job{next(self._numbers):08d}"
        effects: list[str] = []
        redundant: list[str] = []
        for number, (request, sim_id) in enumerate(zip(requests, sim_ids, strict=True), 1):
            sim, fate = self._find(job.where, sim_id), fates(sim_id)
            task = Task(number, request, "error", job.created_at, 404, lambda: refusal(404, "No such SIM", "").document)
            if sim and fate is not Fate.NORMAL:
                task.due_at = math.inf if fate is Fate.STUCK else job.created_at
                task.code, task.body = 400, lambda: refusal(400, "The SIM cannot be changed", "").document
            elif sim:
                (effects if self._change(sim, job.action, task) else redundant).append(sim_id)
            job.tasks.append(task)
        self._jobs[job.id] = job
        return Answer(200, job.document(self._clock()), tuple(effects), tuple(redundant))

    def _in_the_way(self, job: Job, other: Job) -> bool:
        same = (other.where, other.action) == (job.where, job.action)
        return same and other.status(job.created_at) == "running"

    def _change(self, sim: Sim, action: str, task: Task) -> bool:
        effect = self._fleet.change(sim, ACTIONS[action][1], None)
        task.status, task.code = "success", 200
        task.due_at = sim.due_at if sim.target else task.due_at
        task.body = lambda: self._sim_document(sim)
        return effect

    def _found(self, where: str, group: str, job_id: str) -> Job | None:
        job = self._jobs.get(job_id)
        return job if job and (job.where, job.group) == (where, group) else None

    def _show(self, where: str, group: str, job_id: str) -> Answer:
        job = self._found(where, group, job_id)
        return Answer(200, job.document(self._clock())) if job else NO_SUCH_JOB

    def _list(self, where: str, group: str, job_id: str, query: Mapping[str, str]) -> Answer:
        job, now = self._found(where, group, job_id), self._clock()
        size, after = query.get("limit", "10"), query.get("last_evaluated_key", "T0")
        if job is None:
            return NO_SUCH_JOB
        if not size.isdecimal() or not 1 <= int(size) <= MOST_PER_PAGE or not re.fullmatch("T[0-9]{1,9}", after):
            return refusal(400, "A parameter of the listing is not valid", "query")
        wanted = (task for task in job.tasks[int(after[1:]) :] if query.get("status") in (None, task.shown(now)))
        tasks = list(islice(wanted, int(size) + 1))
        headers = {"x-soracom-next-key": f"T{tasks[int(size)].number - 1}"} if len(tasks) > int(size) else {}
        return Answer(200, [task.document(now, job.created_at) for task in tasks[: int(size)]], headers=headers)
