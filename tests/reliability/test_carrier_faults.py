"""What a carrier can do to a request, each by its name, and what becomes of the SIM."""

import socket
import threading
from collections.abc import Callable

import pytest

from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.registry import open_simulated
from carriers.simulated.server import SimulatedCarrierServer
from domain.lifecycle import SimState, Stage, Step
from storage import sims
from tests.reliability.world import QUIET_SECONDS, World

pytestmark = [
    pytest.mark.slow,  # each is quick, all of them are minutes
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),  # what a carrier does is met by the engine
]

ACTIVATE, CLAIM, READ, LIST = RequestKind.ACTIVATE, RequestKind.CLAIM, RequestKind.READ, RequestKind.LIST
SHOWS = (READ, LIST)
LEASE = 90.0

ONCE_AND_READ = {"claim": 1, "activate": 1}
ASKED_AGAIN = {"claim": 1, "activate": 2}


@pytest.fixture
def claimed(world: World) -> World:
    """One SIM that is claimed and waits for its activation."""
    world.rig.load(1)
    world.claim()
    assert world.rig.stages() == {(Stage.CHANGE, Step.PLANNED): 1}
    return world


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        (Fault.ERROR_500, ASKED_AGAIN),
        (Fault.ERROR_502, ASKED_AGAIN),
        (Fault.ERROR_503, ASKED_AGAIN),
        (Fault.ERROR_504, ASKED_AGAIN),
        (Fault.RESET, ASKED_AGAIN),
        (Fault.HANG, ASKED_AGAIN),
        (Fault.ERROR_INSIDE, ASKED_AGAIN),
        (Fault.REDIRECT, ASKED_AGAIN),
        (Fault.ERROR_AFTER_EFFECT, ONCE_AND_READ),
        (Fault.LOST_REPLY, ONCE_AND_READ),
        (Fault.LATE_EFFECT, ONCE_AND_READ),
        (Fault.SLOW, ONCE_AND_READ),
        (Fault.DRIBBLE, ONCE_AND_READ),
        (Fault.TRUNCATED, ONCE_AND_READ),
        (Fault.INVALID_JSON, ONCE_AND_READ),
        (Fault.UNKNOWN_WORD, ONCE_AND_READ),
    ],
)
def test_an_activation_without_a_usable_answer_is_unknown_and_asked_again_only_when_it_had_no_effect(
    claimed: World, fault: Fault, requests: dict[str, int]
) -> None:
    claimed.fail(fault, kinds=[ACTIVATE], slow_seconds=1.0, late_seconds=30.0)
    assert claimed.send() == {Step.UNKNOWN: 1}
    assert claimed.attempts() == [1]
    assert claimed.go_on() == {Step.DONE: 1}
    assert claimed.requests() == requests
    assert claimed.effects() == {1}
    assert claimed.broken() == []


@pytest.mark.parametrize(
    ("fault", "claims"),
    [(Fault.RESET, 2), (Fault.ERROR_503, 2), (Fault.LOST_REPLY, 1), (Fault.TRUNCATED, 1), (Fault.LATE_EFFECT, 1)],
)
def test_a_claim_without_a_usable_answer_is_made_again_only_when_the_sim_is_not_ours(
    world: World, fault: Fault, claims: int
) -> None:
    world.rig.load(1)
    world.fail(fault, kinds=[CLAIM], late_seconds=30.0)
    assert world.send() == {Step.UNKNOWN: 1}
    assert world.go_on() == {Step.DONE: 1}
    assert world.requests() == {"claim": claims, "activate": 1}
    assert world.effects() == {1}
    assert world.broken() == []


@pytest.mark.parametrize(("fault", "seconds"), [(Fault.LIMITED, 40), (Fault.LIMITED_SILENT, 1)])
def test_429_is_no_attempt_and_says_when_to_come_back(claimed: World, fault: Fault, seconds: int) -> None:
    claimed.fail(fault, kinds=[ACTIVATE], first=3, retry_after_seconds=40)
    for nth in range(1, 4):
        assert claimed.send() == {Step.PLANNED: 1}
        assert claimed.attempts() == [0]
        assert claimed.requests() == {"claim": 1, "activate": nth}
        claimed.clock.move(seconds - 0.5)
        claimed.send()
        assert claimed.requests() == {"claim": 1, "activate": nth}, "asked before the time that the carrier named"
        claimed.clock.move(1.0)
    assert claimed.send() == {Step.ACCEPTED: 1}
    assert claimed.circuit().failures_in_a_row == 0
    assert claimed.go_on() == {Step.DONE: 1}
    assert claimed.broken() == []


def test_202_and_then_never_is_timed_out_after_24_hours(claimed: World) -> None:
    claimed.fail(Fault.STUCK, kinds=[ACTIVATE])
    assert claimed.send() == {Step.ACCEPTED: 1}
    assert claimed.go_on(86_400 - 120, step_seconds=900) == {Step.ACCEPTED: 1}
    assert claimed.go_on(2_000, step_seconds=300) == {Step.TIMED_OUT: 1}
    assert claimed.requests() == ONCE_AND_READ
    assert claimed.broken() == []


def test_an_activation_that_the_carrier_took_back_is_asked_for_again_after_the_quiet_period(claimed: World) -> None:
    claimed.fail(Fault.FALLS_BACK, kinds=[ACTIVATE])
    assert claimed.send() == {Step.ACCEPTED: 1}
    claimed.clock.move(QUIET_SECONDS - 1)
    assert claimed.settle() == {Step.ACCEPTED: 1}
    assert claimed.go_on() == {Step.DONE: 1}
    assert claimed.requests() == ASKED_AGAIN
    assert claimed.broken() == []


def test_a_carrier_that_keeps_losing_requests_hands_the_sim_to_a_person(claimed: World) -> None:
    claimed.fail(Fault.RESET, kinds=[ACTIVATE], first=None)
    assert claimed.go_on(seconds=7200) == {Step.NEEDS_REVIEW: 1}
    assert claimed.requests() == {"claim": 1, "activate": 5}
    assert claimed.effects() == {1}
    assert claimed.broken() == []


@pytest.mark.parametrize("fault", [Fault.FLAPS, Fault.UNKNOWN_WORD])
def test_a_status_that_flaps_or_is_unknown_for_a_while_only_delays(claimed: World, fault: Fault) -> None:
    claimed.fail(fault, kinds=SHOWS, first=4)
    assert claimed.go_on() == {Step.DONE: 1}
    assert claimed.requests() == ONCE_AND_READ
    assert claimed.broken() == []


def test_an_unknown_status_word_that_stays_is_named_when_24_hours_are_over(claimed: World) -> None:
    claimed.fail(Fault.UNKNOWN_WORD, kinds=SHOWS, first=None)
    assert claimed.go_on(90_000, step_seconds=600) == {Step.TIMED_OUT: 1}
    assert "recalibrating" in claimed.details()[0]
    assert claimed.requests() == ONCE_AND_READ
    assert claimed.broken() == []


@pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.RESET, Fault.TRUNCATED, Fault.INVALID_JSON, Fault.REDIRECT])
def test_reads_that_fail_change_nothing_and_are_made_again(claimed: World, fault: Fault) -> None:
    claimed.fail(fault, kinds=SHOWS, first=6)
    claimed.send()
    claimed.clock.move(5)
    assert claimed.settle() == {Step.ACCEPTED: 1}
    assert claimed.go_on() == {Step.DONE: 1}
    assert claimed.requests() == ONCE_AND_READ
    assert claimed.broken() == []


@pytest.mark.parametrize("fault", [Fault.PAGE_REPEATS, Fault.PAGE_FOREIGN, Fault.PAGE_LOSES])
def test_listings_that_lie_lose_no_sim(world: World, fault: Fault) -> None:
    world.rig.load(12)
    world.fail(fault, kinds=[LIST], first=None)
    assert world.go_on() == {Step.DONE: 12}
    assert world.requests() == {"claim": 12, "activate": 12}
    assert world.broken() == []


def test_a_token_that_expires_in_mid_batch_is_renewed_and_costs_no_attempt(open_world: Callable[..., World]) -> None:
    world = open_world(oauth=True)
    world.rig.load(6)
    world.fail(Fault.TOKEN_EXPIRES, kinds=[CLAIM], first=1)
    assert world.send() == {Step.PLANNED: 6}
    assert world.rig.stages() == {(Stage.CHANGE, Step.PLANNED): 6}
    assert world.go_on() == {Step.DONE: 6}
    assert world.effects() == {1}
    assert world.broken() == []


def test_credentials_that_are_refused_stop_the_account_and_lose_nothing(open_world: Callable[..., World]) -> None:
    wrong = open_world(password="wrong")
    wrong.rig.load(8)
    assert wrong.send() == {Step.PLANNED: 8}
    assert wrong.attempts() == [0] * 8
    assert wrong.circuit().paused_for_seconds == pytest.approx(30, abs=1)
    assert "credentials" in (wrong.circuit().last_failure or "")
    mended = open_world()
    mended.clock.move(61)
    assert mended.go_on() == {Step.DONE: 8}
    assert mended.effects() == {1}
    assert mended.broken() == []


def test_a_carrier_that_refuses_connections_is_paused_and_every_sim_goes_on_when_it_is_back(
    open_world: Callable[..., World], server: SimulatedCarrierServer
) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    world = open_world(f"http://127.0.0.1:{port}")
    world.rig.load(12)
    assert world.send() == {Step.PLANNED: 12}
    assert world.attempts() == [0] * 12
    assert world.circuit().paused_for_seconds == pytest.approx(30, abs=1)
    assert world.send() == {Step.PLANNED: 12}
    world.clock.move(31)
    world.send()
    assert world.circuit().paused_for_seconds == pytest.approx(60, abs=1), "the second pause is twice as long"
    back = SimulatedCarrierServer(server.carrier, port)
    threading.Thread(target=back.serve_forever, args=(0.02,), daemon=True).start()
    assert world.go_on() == {Step.DONE: 12}
    assert world.circuit().failures_in_a_row == 0
    assert world.requests() == {"claim": 12, "activate": 12}
    assert world.broken() == []
    back.close()


def test_a_carrier_that_is_down_is_not_hammered(world: World) -> None:
    world.rig.load(30)
    world.fail(Fault.ERROR_503, first=None)
    world.go_on(600)
    world.heal()
    asked = len(world.server.carrier.log.entries())
    assert asked < 60, "thirty SIMs, ten minutes of outage"
    assert world.go_on(7200) == {Step.DONE: 30}
    assert world.effects() == {1}
    assert world.broken() == []


def test_a_sim_that_is_somebody_elses_is_refused_and_the_others_go_on(world: World) -> None:
    world.rig.load(3)
    closed = open_simulated("supersim", None, lambda: world.clock().timestamp())
    numbers = _iccids(world)
    for number in numbers[:2]:
        closed.fleet.add_card(number, f"code-{number}")
    closed.fleet.add_card(numbers[2], f"code-{numbers[2]}", others=True)
    world.server.carrier = closed
    closed.dialect.url = world.server.url
    assert world.go_on() == {Step.DONE: 2, Step.REJECTED: 1}
    assert world.broken() == []


def _iccids(world: World) -> list[str]:
    with world.rig.context.database.read() as tx:
        return [sim.iccid for sim in sims.page(tx)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_storm_of_every_fault_ends_with_every_sim_active_once(world: World, seed: int) -> None:
    world.rig.load(24)
    each = 0.6 / (len(Fault) - 2)
    rates: dict[Fault, float] = {fault: each for fault in Fault if fault not in (Fault.STUCK, Fault.TOKEN_EXPIRES)}
    world.server.carrier.faults = Faults(rates, first=3, seed=seed, slow_seconds=0.6, late_seconds=20.0)
    steps = world.go_on(4 * 3600)
    assert steps == {Step.DONE: 24}
    assert world.broken() == []
    assert {sim.visible for sim in world.server.carrier.fleet.listing(0)} == {SimState.ACTIVE}
    assert sum(world.requests().values()) > 48
