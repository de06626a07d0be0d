"""What every adapter must do when its carrier is not well, and that no fault brings a secret to light."""

import logging
import time
import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from carriers.contract import (
    AnswerKind,
    CarrierAccount,
)
from carriers.errors import CarrierError, CredentialsRefused, LimitReached, OutcomeUnknown, ReadFailed
from carriers.registry import open_carrier
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.registry import simulation_of
from domain.lifecycle import Action, SimState
from tests.carriers.canned import CountingGate
from tests.carriers.conftest import Simulate
from tests.carriers.contract_subject import FRESH, GATE, UNDER_WAY, Contract, Reach, World

NO_ANSWER = [
    # fault, requests that took effect all the same
    (Fault.ERROR_500, 0),
    (Fault.ERROR_502, 0),
    (Fault.ERROR_503, 0),
    (Fault.ERROR_504, 0),
    (Fault.ERROR_AFTER_EFFECT, 1),
    (Fault.RESET, 0),
    (Fault.LOST_REPLY, 1),
    (Fault.TRUNCATED, 1),
    (Fault.INVALID_JSON, 1),
    (Fault.REDIRECT, 0),
    (Fault.HANG, 0),
    (Fault.SLOW, 1),
    (Fault.DRIBBLE, 1),
]
OF_A_BODY = (Fault.TRUNCATED, Fault.INVALID_JSON, Fault.DRIBBLE)


class CarrierFaultsContract(Contract):
    """The carrier is not well."""

    timeout_seconds = 0.6

    @pytest.mark.parametrize(("fault", "effects"), NO_ANSWER)
    def test_a_claim_without_a_usable_answer_is_unknown_and_sent_once(
        self, world: World, fault: Fault, effects: int
    ) -> None:
        world.needs(world.can.claims, "no claim")
        world.fails(fault, RequestKind.CLAIM, slow_seconds=2 * self.timeout_seconds)
        with pytest.raises(OutcomeUnknown) as unknown:
            world.claim()
        assert not unknown.value.retryable
        assert (world.changing_requests(), world.effects(RequestKind.CLAIM)) == (1, effects)

    @pytest.mark.parametrize(("fault", "effects"), NO_ANSWER)
    def test_an_activation_without_a_usable_answer_is_unknown_and_sent_once(
        self, world: World, fault: Fault, effects: int
    ) -> None:
        world.needs(world.subject.answers_with_body or fault not in OF_A_BODY, "the answer has no body")
        reference = world.own()
        before = world.changing_requests()
        world.fails(fault, RequestKind.ACTIVATE, slow_seconds=2 * self.timeout_seconds)
        with pytest.raises(OutcomeUnknown) as unknown:
            world.change(Action.ACTIVATE, reference)
        assert not unknown.value.retryable
        assert (world.changing_requests() - before, world.effects(RequestKind.ACTIVATE)) == (1, effects)

    @pytest.mark.parametrize("kind", [RequestKind.CLAIM, RequestKind.ACTIVATE])
    def test_an_error_inside_of_a_200_is_no_success(self, world: World, kind: RequestKind) -> None:
        world.needs(world.can.claims or kind is not RequestKind.CLAIM, "no claim")
        world.fails(Fault.ERROR_INSIDE, kind)
        answer = world.claim() if kind is RequestKind.CLAIM else world.activate()
        assert answer.kind is AnswerKind.UNKNOWN

    def test_an_effect_that_comes_late_is_seen_by_a_read_after_the_lost_request(self, world: World) -> None:
        reference = None if world.can.claims else world.own()
        kind = RequestKind.CLAIM if world.can.claims else RequestKind.ACTIVATE
        before = world.read().state
        world.fails(Fault.LATE_EFFECT, kind, late_seconds=0.8)
        with pytest.raises(OutcomeUnknown):
            world.claim() if world.can.claims else world.change(Action.ACTIVATE, reference)
        assert world.read().state is before
        after = FRESH if world.can.claims else (SimState.ACTIVE,)
        assert world.settled(*after).state in after

    @pytest.mark.parametrize("fault", [Fault.ERROR_500, Fault.RESET, Fault.LOST_REPLY, Fault.TRUNCATED])
    def test_a_read_is_repeated_after_one_quick_failure(self, world: World, fault: Fault) -> None:
        world.active()
        world.fails(fault, RequestKind.READ, first=1)
        assert world.read().state is SimState.ACTIVE

    @pytest.mark.parametrize("fault", [fault for fault, _ in NO_ANSWER if fault is not Fault.ERROR_AFTER_EFFECT])
    def test_a_read_that_keeps_failing_fails_within_bounds(self, world: World, fault: Fault) -> None:
        world.fails(fault, RequestKind.READ, slow_seconds=2 * self.timeout_seconds)
        started = time.monotonic()
        with pytest.raises(ReadFailed):
            world.read()
        assert time.monotonic() - started < 4 * self.timeout_seconds + 1
        assert len(world.server.carrier.log.entries()) <= 4  # three reads, and a token where one is needed

    @pytest.mark.parametrize("told", [True, False])
    @pytest.mark.parametrize("kind", [RequestKind.CLAIM, RequestKind.ACTIVATE, RequestKind.READ])
    def test_a_429_tells_the_gate_how_long_to_wait_and_is_sent_once(
        self, world: World, kind: RequestKind, told: bool
    ) -> None:
        world.needs(world.can.claims or kind is not RequestKind.CLAIM, "no claim")
        world.needs(world.can.reset_header or not told, "a 429 does not say when to come back")
        order = world.claim_of(world.iccid)
        if kind is RequestKind.ACTIVATE:
            order = world.order(Action.ACTIVATE, world.iccid, world.own())
        world.carrier.check()
        world.fails(Fault.LIMITED if told else Fault.LIMITED_SILENT, retry_after_seconds=7)
        gate = CountingGate()
        with pytest.raises(LimitReached) as reached:
            world.carrier.read(world.iccid, gate) if kind is RequestKind.READ else world.carrier.submit([order], gate)
        (seconds,) = gate.waits
        assert (reached.value.retry_after_seconds, gate.passed) == (seconds, 1)
        assert seconds == 7.0 if told else seconds >= 1.0
        assert world.effects(RequestKind.ACTIVATE) == 0

    def test_a_token_that_expires_in_the_middle_is_renewed_once(self, world: World) -> None:
        world.needs(world.subject.renews_tokens, "its credentials do not expire")
        reference = world.own()
        world.fails(Fault.TOKEN_EXPIRES, RequestKind.ACTIVATE, first=1)
        assert world.change(Action.ACTIVATE, reference).kind in UNDER_WAY
        assert world.effects(RequestKind.ACTIVATE) == 1

    def test_a_token_that_is_refused_again_asks_for_a_person(self, world: World) -> None:
        world.fails(Fault.TOKEN_EXPIRES)
        with pytest.raises(CredentialsRefused):
            world.read()

    def test_a_failing_token_endpoint_means_that_nothing_was_sent(self, world: World) -> None:
        world.needs(world.subject.renews_tokens, "its credentials do not expire")
        world.fails(Fault.ERROR_500, RequestKind.TOKEN)
        with pytest.raises(CarrierError) as down:
            world.activate()
        assert (type(down.value).__name__, world.changing_requests()) == ("CarrierDown", 0)

    def test_an_unknown_status_word_is_an_unknown_state_with_the_word_kept(self, world: World) -> None:
        world.active()
        world.fails(Fault.UNKNOWN_WORD, RequestKind.READ, word="recalibrating")
        sim = world.read()
        assert (sim.state, sim.word) == (SimState.UNKNOWN, "recalibrating")

    def test_an_activation_answered_with_an_unknown_word_is_unknown(self, world: World) -> None:
        world.needs(world.subject.answers_with_state, "the answer tells no status")
        world.fails(Fault.UNKNOWN_WORD, RequestKind.ACTIVATE)
        assert world.activate().kind is AnswerKind.UNKNOWN

    def test_a_stuck_sim_never_shows_as_active(self, world: World) -> None:
        world.fails(Fault.STUCK, RequestKind.ACTIVATE)
        assert world.activate().kind is not AnswerKind.DONE
        time.sleep(0.2)
        state = world.read().state
        assert state is not SimState.ACTIVE
        assert state is SimState.ACTIVATING or not world.subject.shows_change

    def test_a_change_that_falls_back_shows_the_old_state(self, world: World) -> None:
        world.fails(Fault.FALLS_BACK, RequestKind.ACTIVATE)
        assert world.activate().kind is not AnswerKind.DONE
        time.sleep(0.2)
        assert world.read().state in (*FRESH, SimState.ABSENT)

    def test_a_listing_that_repeats_its_pages_comes_to_an_end(self, world: World) -> None:
        world.needs(world.can.page_size, "no listing")
        size = world.can.page_size
        wanted = {world.subject.iccid(number) for number in range(100, 101 + size)}
        for iccid in wanted:
            world.server.carrier.fleet.put(iccid, SimState.ACTIVE, world.subject.plan)
        world.fails(Fault.PAGE_REPEATS)
        try:
            listed = world.listed()
        except ReadFailed as error:
            assert "circle" in str(error)
        else:
            assert {sim.iccid for sim in listed} <= wanted

    def test_a_next_page_on_another_host_is_asked_of_our_own(self, world: World) -> None:
        world.needs(world.can.page_size, "no listing")
        for number in range(100, 101 + world.can.page_size):
            world.server.carrier.fleet.put(world.subject.iccid(number), SimState.ACTIVE, world.subject.plan)
        world.fails(Fault.PAGE_FOREIGN)
        assert len(world.listed()) == world.can.page_size + 1

    def test_wrong_credentials_ask_for_a_person(self, world: World, address: str) -> None:
        account = self.account(address)
        wrong = open_carrier(replace(account, secrets=dict.fromkeys(account.secrets, "wrong")))
        for request in (wrong.check, lambda: wrong.read(world.iccid, GATE)):
            with pytest.raises(CredentialsRefused):
                request()
        wrong.close()

    def test_a_carrier_that_is_not_there_was_sent_nothing(self, world: World) -> None:
        reference = None if world.can.claims else world.own()
        world.server.close()
        with pytest.raises(CarrierError) as down:
            world.claim() if world.can.claims else world.change(Action.ACTIVATE, reference)
        assert (type(down.value).__name__, down.value.retryable) == ("CarrierDown", True)


class SecretsContract(Contract):
    """Marker secrets go through everything that fails; none may come out anywhere."""

    timeout_seconds = 0.4

    @pytest.mark.parametrize("fault", [None, *Fault])
    def test_no_fault_brings_a_secret_to_light(
        self,
        fault: Fault | None,
        simulate: Simulate,
        reach: Reach,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        carrier = self.subject.carrier
        marked = {name: f"m4rk3r-{name}" for name in simulation_of(carrier).credentials} | dict(self.subject.marks)
        options = replace(
            self.options,
            open_registry=True,
            credentials=marked,
            faults=Faults({fault: 1.0} if fault else {}, slow_seconds=0.6),
            log_file=tmp_path / "requests.jsonl",
            state_file=tmp_path / "state.jsonl",
        )
        with caplog.at_level(logging.DEBUG):
            server = simulate(options, carrier=carrier)
            account = replace(self.account(reach(server)), secrets=marked)
            shown = self._shown_by(account)
        written = "".join(file.read_text() for file in tmp_path.iterdir())
        assert '"kind"' in written
        seen = shown + caplog.text + written
        assert [mark for mark in ("m4rk3r", *self.subject.marks.values()) if mark in seen] == []

    def _shown_by(self, account: CarrierAccount) -> str:
        """What a claim and a change under this account let people see, the whole trace of errors included."""
        carrier = open_carrier(account)
        world = World(self.subject, None, carrier)  # type: ignore[arg-type]
        claim = replace(world.claim_of(world.iccid), registration_code=f"m4rk3r-{world.iccid}")
        change = world.order(Action.ACTIVATE, world.iccid, "HS" + 32 * "0")
        shown = repr(account) + repr(carrier) + repr(vars(carrier)) + repr(claim)
        for order in (claim, change) if carrier.capabilities.claims else (change,):
            try:
                shown += str(carrier.submit([order], GATE))
            except CarrierError as error:
                shown += "".join(traceback.format_exception(error)) + repr(error)
        carrier.close()
        return shown
