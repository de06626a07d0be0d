"""Steps in turn, carrier accounts side by side: at most one task run per account, and a bounded number in all."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from prefect.futures import PrefectFuture, as_completed
from prefect.tasks import Task

from engine.context import Stopwatch
from engine.tally import Tally

OUTSTANDING = 32
"""Futures that may wait at once: each costs memory here and time on the server."""

Step = Task[[str], Tally]
T = TypeVar("T")
R = TypeVar("R")


@dataclass
class AccountWork:
    """How far one carrier account has come in this run."""

    account: str
    tally: Tally = field(default_factory=Tally)
    turn: int = 0
    idle: int = 0  # steps in a row that found nothing due
    failure: str = ""  # why the last step ended without an answer

    def has_ended(self, steps: int) -> bool:
        """A whole turn found nothing, or a step failed for good."""
        return self.idle >= steps or bool(self.failure)


def go_on(
    accounts: Iterable[str],
    steps: Sequence[Step],
    *,
    at_most_seconds: float,
    stopwatch: Stopwatch,
    after: Callable[[], None] = lambda: None,
) -> list[AccountWork]:
    """Run the steps in turn for each account until a whole turn finds nothing due; start none after the time is over.

    `after` is called when a step has moved something.
    """
    ends = stopwatch.monotonic() + at_most_seconds
    works = [AccountWork(account) for account in accounts]
    waiting = iter(works)
    pending = {_next_step(work, steps): work for work in islice(waiting, OUTSTANDING)}
    while pending:
        future: PrefectFuture[Tally] = next(as_completed(list(pending)))
        work = pending.pop(future)
        if _count(work, future):
            after()
        in_time = stopwatch.monotonic() < ends
        if in_time and not work.has_ended(len(steps)):
            pending[_next_step(work, steps)] = work
        elif in_time and (another := next(waiting, None)):
            pending[_next_step(another, steps)] = another
    return works


def _next_step(work: AccountWork, steps: Sequence[Step]) -> PrefectFuture[Tally]:
    step = steps[work.turn % len(steps)]
    work.turn += 1
    return step.submit(work.account)


def _count(work: AccountWork, future: PrefectFuture[Tally]) -> bool:
    """Add one step's outcome to the account's; whether it took anything."""
    tally = outcome(future)
    if isinstance(tally, Exception):
        work.failure = str(tally)
        return False
    work.tally.add(tally)
    work.idle = 0 if tally.taken else work.idle + 1
    return tally.taken > 0


def outcome(future: PrefectFuture[R]) -> R | Exception:
    """What a task run gave, or the error that ended it, as a value."""
    given: R | Exception = future.result(raise_on_failure=False)
    return given


def each(step: Task[[T], Any], items: Iterable[T], *, at_most: int) -> Iterator[PrefectFuture[Any]]:
    """One task run per item, at most so many at once; the items are drawn no faster than they are worked off."""
    source = iter(items)
    pending = [step.submit(item) for item in islice(source, at_most)]
    while pending:
        future = next(as_completed(pending))
        pending.remove(future)
        yield future
        pending.extend(step.submit(item) for item in islice(source, 1))
