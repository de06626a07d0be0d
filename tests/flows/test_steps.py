"""What our own `task`, the rounds and the artifacts promise, with Prefect's engine behind them."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.settings import PREFECT_RESULTS_PERSIST_BY_DEFAULT, temporary_settings

from engine.context import RealStopwatch
from engine.tally import Tally
from tasks import decorator
from tasks.artifacts import TABLE_ROWS, show_table
from tasks.decorator import task
from tasks.rounds import OUTSTANDING, AccountWork, Step, each, go_on, outcome
from tasks.runner import side_by_side

pytestmark = [pytest.mark.usefixtures("prefect_records"), pytest.mark.slow]


class Passing(Exception):
    retryable = True


class Lasting(Exception):
    pass


def step_of(work: dict[str, int], most: list[int] | None = None) -> tuple[Step, Counter[str]]:
    """A step that takes one unit of an account's work a time, and how often it ran for each account."""
    lock, running, runs = threading.Lock(), Counter[str](), Counter[str]()

    @task(name=f"step {uuid4()}", run_name="step {account}")
    def step(account: str) -> Tally:
        with lock:
            running[account] += 1
            runs[account] += 1
            assert running[account] == 1, "two task runs of one account at once"
            if most is not None:
                most.append(running.total())
        time.sleep(0.01)
        with lock:
            running[account] -= 1
            taken = min(1, work[account])
            work[account] -= taken
        return Tally(taken=taken)

    return step, runs


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retries without the wait."""
    monkeypatch.setattr(decorator, "BACKOFF_SECONDS", 0.01)
    yield


@pytest.mark.parametrize(("error", "tries"), [(Passing, 4), (Lasting, 1)])
@pytest.mark.usefixtures("quick")
def test_only_an_error_that_may_pass_is_tried_again_and_not_for_ever(error: type[Exception], tries: int) -> None:
    runs: list[str] = []

    @task(name="fails", run_name="fails {what}")
    def fails(what: str) -> str:
        runs.append(what)
        raise error("no")

    @flow(task_runner=side_by_side())
    def asks() -> str:
        ended = outcome(fails.submit("x"))
        return repr(ended)

    assert asks() == f"{error.__name__}('no')"
    assert len(runs) == tries


def test_a_second_call_with_the_same_arguments_works_again() -> None:
    step, runs = step_of({"a": 2})

    @flow(task_runner=side_by_side())
    def twice() -> int:
        return step("a").taken + step("a").taken

    with temporary_settings({PREFECT_RESULTS_PERSIST_BY_DEFAULT: True}):
        assert twice() == 2
    assert runs == {"a": 2}


def test_accounts_go_on_side_by_side_until_a_whole_turn_finds_nothing() -> None:
    most: list[int] = []
    step, runs = step_of({"a": 3, "b": 1, "c": 0}, most)

    @flow(task_runner=side_by_side())
    def works() -> list[AccountWork]:
        return go_on("abc", (step, step), at_most_seconds=30, stopwatch=RealStopwatch())

    assert {work.account: work.tally.taken for work in works()} == {"a": 3, "b": 1, "c": 0}
    assert runs == {"a": 5, "b": 3, "c": 2}
    assert max(most) > 1


def test_no_more_than_the_bound_are_outstanding_and_every_account_has_its_turn() -> None:
    most: list[int] = []
    work = {f"account-{number}": 1 for number in range(OUTSTANDING + 8)}
    step, runs = step_of(work, most)

    @flow(task_runner=side_by_side())
    def works() -> None:
        go_on(list(work), (step,), at_most_seconds=60, stopwatch=RealStopwatch())

    works()
    assert set(runs) == set(work)
    assert max(most) <= OUTSTANDING
    assert not any(work.values())


def test_after_the_time_is_over_nothing_new_is_started() -> None:
    step, runs = step_of({"a": 100})

    @flow(task_runner=side_by_side())
    def works() -> None:
        go_on(["a"], (step,), at_most_seconds=0, stopwatch=RealStopwatch())

    works()
    assert runs == {"a": 1}


def test_a_step_that_fails_ends_its_account_alone() -> None:
    well, _ = step_of({"a": 0, "b": 2})

    @task(name="breaks", run_name="breaks {account}")
    def breaks(account: str) -> Tally:
        if account == "a":
            raise Lasting("The vault is locked.")
        return well.fn(account)

    @flow(task_runner=side_by_side())
    def works() -> list[AccountWork]:
        return go_on("ab", (breaks,), at_most_seconds=30, stopwatch=RealStopwatch())

    ended = {work.account: (work.failure, work.tally.taken) for work in works()}
    assert ended == {"a": ("The vault is locked.", 0), "b": ("", 2)}


def test_items_are_drawn_no_faster_than_they_are_worked_off() -> None:
    drawn: list[int] = []
    ahead: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(6):
            drawn.append(number)
            yield number

    @task(name="reads", run_name="reads {number}")
    def reads(number: int) -> int:
        return number

    @flow(task_runner=side_by_side())
    def works() -> set[int]:
        done: set[int] = set()
        for future in each(reads, numbers(), at_most=2):
            ahead.append(len(drawn) - len(done))
            done.add(future.result())
        return done

    assert works() == set(range(6))
    assert max(ahead) <= 2


def test_a_table_is_cut_at_its_bound_and_says_so() -> None:
    key = f"rows-{uuid4().hex[:8]}"

    @flow
    def shows() -> None:
        show_table(key, ({"n": n} for n in range(TABLE_ROWS + 5)), "Rows.")

    shows()
    with get_client(sync_client=True) as client:
        [artifact] = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    assert str(artifact.data).count('"n"') == TABLE_ROWS
    assert artifact.description == "Rows. The first 1,000 of 1,005 rows; all are in the receipts."
