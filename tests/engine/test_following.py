"""Jobs and actions of a carrier are asked about where that is cheapest, and for the reason of what came to nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from carriers.contract import Answer, AnswerKind, CarrierSim, Gate, Order, Page
from carriers.errors import ReadFailed
from domain.lifecycle import SimState, Step
from engine.following import MOST_REASONS
from engine.sending import send_due
from engine.settling import settle_due
from storage import sims
from tests.conftest import MovingClock
from tests.engine.rig import ACCOUNT, Rig, iccids
from tests.engine.scripted import ScriptedCarrier

DAY = 86_400.0


@dataclass
class JobCarrier(ScriptedCarrier):
    """Takes many SIMs as one job; `ends` is how the job stands for each SIM."""

    ends: AnswerKind = AnswerKind.ACCEPTED
    requests: list[int] = field(default_factory=list)
    followed: list[str] = field(default_factory=list)
    per_sim: bool = False
    down: bool = False

    def submit(self, orders: Sequence[Order], gate: Gate) -> Sequence[Answer]:
        gate.wait_for_slot()
        self.requests.append(len(orders))
        job = f"job-{len(self.requests)}"
        return [Answer(one.iccid, AnswerKind.ACCEPTED, carrier_request=job) for one in orders]

    def follow(self, carrier_request: str, iccids: Sequence[str], gate: Gate) -> Sequence[Answer]:
        gate.wait_for_slot()
        self.followed.append(carrier_request)
        if self.down:
            raise ReadFailed("no usable answer")
        return [Answer(iccid, self.ends, "barred", "The carrier bars it.") for iccid in iccids]


@pytest.fixture
def jobs() -> JobCarrier:
    carrier = JobCarrier()
    carrier.can(claims=False, orders_per_request=100, follows=True, page_size=2)
    return carrier


@pytest.fixture
def rig(scripted_rig: Rig, jobs: JobCarrier) -> Rig:
    work = replace(scripted_rig.context.carriers[ACCOUNT], carrier=jobs)
    rig = scripted_rig.but(carriers={ACCOUNT: work})
    rig.load(7)
    send_due(rig.context, ACCOUNT)
    return rig


def settle(rig: Rig, clock: MovingClock, seconds: float = 5.0) -> dict[Step, int]:
    clock.move(seconds)
    settle_due(rig.context, ACCOUNT)
    return rig.steps()


def test_a_job_of_many_sims_is_asked_about_once_and_no_sim_is_read(
    rig: Rig, jobs: JobCarrier, moving_clock: MovingClock
) -> None:
    assert (jobs.requests, rig.steps()) == ([7], {Step.ACCEPTED: 7})
    assert settle(rig, moving_clock) == {Step.ACCEPTED: 7}
    jobs.ends = AnswerKind.DONE
    assert settle(rig, moving_clock, 60) == {Step.DONE: 7}
    assert (jobs.followed, jobs.read_iccids, jobs.queries) == (["job-1", "job-1"], [], [])
    with rig.context.database.read() as tx:
        assert {sim.state for sim in sims.page(tx, limit=10)} == {SimState.ACTIVE}


def test_a_sim_that_its_job_refused_is_rejected_with_the_jobs_reason(
    rig: Rig, jobs: JobCarrier, moving_clock: MovingClock
) -> None:
    jobs.ends = AnswerKind.REJECTED
    assert settle(rig, moving_clock) == {Step.REJECTED: 7}
    with rig.context.database.read() as tx:
        (operation,) = sims.story(tx, iccids(1)[0])
    assert (operation.reason, operation.detail) == ("barred", "The carrier bars it.")


def test_a_job_that_never_ends_is_timed_out(rig: Rig, moving_clock: MovingClock) -> None:
    assert settle(rig, moving_clock, DAY + 60) == {Step.TIMED_OUT: 7}


def test_a_job_that_cannot_be_asked_about_changes_nothing_where_nothing_else_is_known(
    rig: Rig, jobs: JobCarrier, moving_clock: MovingClock
) -> None:
    jobs.down = True
    jobs.pages = [Page((), None)]
    jobs.show = lambda iccid: CarrierSim(iccid, SimState.ACTIVATING, "on its way")
    assert settle(rig, moving_clock) == {Step.ACCEPTED: 7}


def test_actions_of_single_sims_are_asked_only_for_the_reason_of_what_came_to_nothing(
    scripted_rig: Rig, jobs: JobCarrier, moving_clock: MovingClock
) -> None:
    numbers = iccids(3)
    jobs.can(orders_per_request=1, page_size=0)
    jobs.show = lambda iccid: CarrierSim(
        iccid, SimState.INACTIVE if iccid == numbers[1] else SimState.ACTIVE, "disabled or enabled"
    )
    jobs.ends = AnswerKind.REJECTED
    work = replace(scripted_rig.context.carriers[ACCOUNT], carrier=jobs)
    rig = scripted_rig.but(carriers={ACCOUNT: work})
    rig.load(3)
    send_due(rig.context, ACCOUNT)
    assert settle(rig, moving_clock) == {Step.DONE: 2, Step.REJECTED: 1}
    assert (sorted(jobs.read_iccids), len(jobs.followed)) == (numbers, 1)


def test_more_actions_than_are_asked_in_a_round_wait_for_their_reason(
    scripted_rig: Rig, jobs: JobCarrier, moving_clock: MovingClock
) -> None:
    jobs.can(orders_per_request=1, page_size=0)
    jobs.show = lambda iccid: CarrierSim(iccid, SimState.INACTIVE, "disabled")
    jobs.ends = AnswerKind.REJECTED
    work = replace(scripted_rig.context.carriers[ACCOUNT], carrier=jobs, quiet_seconds=1.0)
    rig = scripted_rig.but(carriers={ACCOUNT: work})
    rig.load(MOST_REASONS + 5)
    send_due(rig.context, ACCOUNT)
    assert settle(rig, moving_clock, 30) == {Step.REJECTED: MOST_REASONS, Step.ACCEPTED: 5}
    assert settle(rig, moving_clock, 900) == {Step.REJECTED: MOST_REASONS + 5}
    assert len(jobs.followed) == MOST_REASONS + 5
