"""What every adapter must do when its carrier is not well."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from carriers.contract import AnswerKind
from carriers.errors import CarrierError, CredentialsRefused, LimitReached, OutcomeUnknown, ReadFailed
from carriers.registry import open_carrier
from carriers.simulated.faults import CHANGES, Fault, RequestKind
from domain.lifecycle import Action, SimState
from tests.carriers.canned import CountingGate
from tests.carriers.contract_kinds import QUESTIONS, Ready, changes, outcomes, questions
from tests.carriers.contract_subject import FRESH, GATE, UNDER_WAY, Contract, World

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
OF_TIME = frozenset({Fault.HANG, Fault.SLOW, Fault.DRIBBLE})
OF_A_BODY = (Fault.TRUNCATED, Fault.INVALID_JSON, Fault.DRIBBLE)


class CarrierFaultsContract(Contract):
    """The carrier is not well. `hurry_seconds`: how long an answer is waited for that does not come."""

    hurry_seconds = 0.6

    @pytest.mark.parametrize(("fault", "effects"), NO_ANSWER)
    def test_a_change_of_any_kind_without_a_usable_answer_is_unknown_and_sent_once(
        self, world: World, fault: Fault, effects: int
    ) -> None:
        world.needs(world.subject.answers_with_body or fault not in OF_A_BODY, "the answer has no body")
        ready = changes(world)
        world.hurries(self.hurry_seconds if fault in OF_TIME else self.timeout_seconds)
        world.fails(fault, *CHANGES, slow_seconds=2 * self.hurry_seconds)
        made = outcomes(ready)
        assert _kinds_of(made) == dict.fromkeys(made, "OutcomeUnknown")
        assert not any(error.retryable for error in made.values() if isinstance(error, CarrierError))
        assert {one.name: (world.requests(*one.kinds), _effects(world, one)) for one in ready} == {
            one.name: (1, [effects] * len(one.iccids)) for one in ready
        }

    def test_an_error_inside_of_a_200_is_no_success(self, world: World) -> None:
        asked, changed = questions(world), changes(world)
        world.fails(Fault.ERROR_INSIDE, *QUESTIONS)
        told = outcomes(asked)
        assert [name for name, outcome in told.items() if not _tells_nothing(outcome)] == []
        world.fails(Fault.ERROR_INSIDE, *CHANGES)
        told = outcomes(changed)
        assert _kinds_of(told) == {one.name: ["unknown"] * len(one.iccids) for one in changed}
        assert [_effects(world, one) for one in changed] == [[0] * len(one.iccids) for one in changed]

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
    def test_a_question_of_any_kind_that_keeps_failing_fails_within_bounds(self, world: World, fault: Fault) -> None:
        ready = questions(world)
        world.hurries(self.hurry_seconds)
        before = world.requests(*QUESTIONS)
        world.fails(fault, *QUESTIONS, slow_seconds=2 * self.hurry_seconds)
        started = time.monotonic()
        made = outcomes(ready)
        assert time.monotonic() - started < 4 * self.hurry_seconds + 1
        assert _kinds_of(made) == dict.fromkeys(made, "ReadFailed")
        assert world.requests(*QUESTIONS) - before <= 3 * len(ready)

    @pytest.mark.parametrize("told", [True, False])
    def test_a_429_to_any_request_tells_the_gate_how_long_to_wait_and_is_sent_once(
        self, world: World, told: bool
    ) -> None:
        world.needs(world.can.reset_header or not told, "a 429 does not say when to come back")
        ready = [*questions(world), *changes(world)]
        world.carrier.check()
        for one in ready:
            for kinds in (one.kinds, ()):  # a change may be read before it is asked for: that may meet the 429 too
                world.fails(Fault.LIMITED if told else Fault.LIMITED_SILENT, *kinds, retry_after_seconds=7)
                gate, before = CountingGate(), world.requests(*one.kinds)
                with pytest.raises(LimitReached) as reached:
                    one.make(gate)
                (seconds,) = gate.waits
                assert reached.value.retry_after_seconds == seconds, one.name
                assert seconds == 7.0 if told else seconds >= 1.0, one.name
                assert world.requests(*one.kinds) - before == 1 if kinds else gate.passed == 1, one.name
            assert _effects(world, one) == [0] * len(one.iccids)

    def test_tokens_that_expire_in_the_middle_are_renewed_once_for_all_that_is_asked(self, world: World) -> None:
        world.needs(world.subject.renews_tokens, "its credentials do not expire")
        ready = [*questions(world), *changes(world)]
        world.carrier.check()
        bought = world.requests(RequestKind.TOKEN)
        world.server.carrier.expire_tokens()
        made = outcomes(ready)
        assert [error for error in made.values() if isinstance(error, CarrierError)] == []
        answers = {name: outcome for name, outcome in made.items() if isinstance(outcome, Sequence)}
        assert {answer.kind for each in answers.values() for answer in each} <= set(UNDER_WAY)
        assert {one.name: _effects(world, one) for one in ready} == {one.name: [1] * len(one.iccids) for one in ready}
        assert bought < world.requests(RequestKind.TOKEN) <= 2 * bought

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


def _kinds_of(made: Mapping[str, object]) -> dict[str, object]:
    """The name of each error; of a change that was answered, the kinds of its answers."""
    return {
        name: [answer.kind.value for answer in outcome] if isinstance(outcome, Sequence) else type(outcome).__name__
        for name, outcome in made.items()
    }


def _tells_nothing(outcome: object) -> bool:
    """A question that failed, or one about a job with which nothing can be done."""
    if isinstance(outcome, Sequence):
        return {answer.kind for answer in outcome} == {AnswerKind.UNKNOWN}
    return isinstance(outcome, ReadFailed)


def _effects(world: World, one: Ready) -> list[int]:
    """How often the request took effect, for each of its SIMs."""
    return [world.effects(one.kinds[0], iccid) for iccid in one.iccids]
