"""What a read makes of an operation: each rule of the promise by name."""

from hypothesis import given
from hypothesis import strategies as st

from domain.judging import WANTED, Asked, Judgement, Patience, Seen, judge
from domain.lifecycle import TRANSITIONS, Action, SimState, Stage, Step

PATIENCE = Patience(quiet_seconds=300, attempts=5)
LONG_AGO = 10_000.0


def asked(step: Step = Step.UNKNOWN, stage: Stage = Stage.CHANGE, attempt: int = 1) -> Asked:
    return Asked(Action.ACTIVATE, stage, step, attempt)


def seen(state: SimState, since: float = LONG_AGO, *, late: bool = False) -> Seen:
    return Seen(state, state.value, since, past_deadline=late)


def test_an_active_sim_ends_an_activation_whatever_we_thought_before() -> None:
    for step in (Step.SENT, Step.ACCEPTED, Step.UNKNOWN):
        assert judge(asked(step), seen(SimState.ACTIVE, since=0), PATIENCE) == Judgement(Step.DONE, "seen_done")


def test_a_lost_request_is_planned_again_only_after_the_quiet_period() -> None:
    early = judge(asked(), seen(SimState.INACTIVE, since=299), PATIENCE)
    later = judge(asked(), seen(SimState.INACTIVE, since=300), PATIENCE)
    assert early.target is None
    assert later.target is Step.PLANNED


def test_a_sim_that_fell_back_is_asked_again_only_after_the_quiet_period() -> None:
    assert judge(asked(Step.ACCEPTED), seen(SimState.INACTIVE, since=10), PATIENCE).target is None
    assert judge(asked(Step.ACCEPTED), seen(SimState.INACTIVE, since=301), PATIENCE).target is Step.PLANNED


def test_a_claim_that_is_true_begins_the_change_of_state() -> None:
    judgement = judge(asked(stage=Stage.CLAIM), seen(SimState.INACTIVE), PATIENCE)
    assert (judgement.target, judgement.stage) == (Step.PLANNED, Stage.CHANGE)


def test_a_claim_that_never_arrived_is_sent_again_as_a_claim() -> None:
    judgement = judge(asked(stage=Stage.CLAIM), seen(SimState.ABSENT), PATIENCE)
    assert (judgement.target, judgement.stage) == (Step.PLANNED, None)


def test_a_sim_that_left_the_account_goes_to_a_person() -> None:
    assert judge(asked(), seen(SimState.ABSENT), PATIENCE).target is Step.NEEDS_REVIEW


def test_where_an_activation_imports_the_sim_an_absent_one_is_asked_for_again() -> None:
    importing = Asked(Action.ACTIVATE, Stage.CHANGE, Step.SENT, 1, imports=True)
    assert judge(importing, seen(SimState.ABSENT, since=299), PATIENCE).target is None
    assert judge(importing, seen(SimState.ABSENT), PATIENCE).target is Step.PLANNED
    deactivating = Asked(Action.DEACTIVATE, Stage.CHANGE, Step.SENT, 1, imports=True)
    assert judge(deactivating, seen(SimState.ABSENT), PATIENCE).target is Step.NEEDS_REVIEW


def test_the_fifth_lost_request_goes_to_a_person() -> None:
    assert judge(asked(attempt=5), seen(SimState.INACTIVE), PATIENCE).target is Step.NEEDS_REVIEW


def test_a_sim_in_progress_is_looked_at_again_until_24_hours_are_over() -> None:
    accepted = asked(Step.ACCEPTED)
    assert judge(accepted, seen(SimState.ACTIVATING), PATIENCE).target is None
    assert judge(accepted, seen(SimState.ACTIVATING, late=True), PATIENCE).target is Step.TIMED_OUT


def test_an_unknown_word_is_never_an_end_before_the_deadline_and_is_named_at_it() -> None:
    word = Seen(SimState.UNKNOWN, "hibernating", LONG_AGO, past_deadline=False)
    assert judge(asked(Step.ACCEPTED), word, PATIENCE).target is None
    late = Seen(SimState.UNKNOWN, "hibernating", LONG_AGO, past_deadline=True)
    judgement = judge(asked(), late, PATIENCE)
    assert judgement.target is Step.NEEDS_REVIEW
    assert "hibernating" in judgement.detail


def test_a_sim_that_its_carrier_bars_is_neither_active_nor_asked_for_again_but_goes_to_a_person() -> None:
    for step in (Step.SENT, Step.ACCEPTED, Step.UNKNOWN):
        assert judge(asked(step), seen(SimState.BARRED, since=299), PATIENCE).target is None
        judgement = judge(asked(step), seen(SimState.BARRED), PATIENCE)
        assert (judgement.target, judgement.reason) == (Step.NEEDS_REVIEW, "barred")
    assert judge(asked(stage=Stage.CLAIM), seen(SimState.BARRED), PATIENCE).stage is Stage.CHANGE


def test_a_bar_of_the_carriers_is_no_deactivation_of_ours() -> None:
    pausing = Asked(Action.DEACTIVATE, Stage.CHANGE, Step.ACCEPTED, 1)
    assert judge(pausing, seen(SimState.BARRED), PATIENCE).target is Step.PLANNED
    assert judge(pausing, seen(SimState.DEACTIVATED), PATIENCE).target is Step.DONE


def test_a_sim_that_connects_by_itself_is_neither_activated_nor_deactivated_and_its_claim_is_true() -> None:
    pausing = Asked(Action.DEACTIVATE, Stage.CHANGE, Step.UNKNOWN, 1)
    for either in (pausing, asked()):
        assert judge(either, seen(SimState.READY, since=299), PATIENCE).target is None
        assert judge(either, seen(SimState.READY), PATIENCE).target is Step.PLANNED
    assert judge(asked(stage=Stage.CLAIM), seen(SimState.READY), PATIENCE).stage is Stage.CHANGE


def test_a_release_is_done_when_the_sim_is_gone() -> None:
    release = Asked(Action.RELEASE, Stage.CHANGE, Step.UNKNOWN, 1)
    assert judge(release, seen(SimState.ABSENT), PATIENCE).target is Step.DONE


@given(
    action=st.sampled_from(Action),
    stage=st.sampled_from(Stage),
    step=st.sampled_from([Step.SENT, Step.ACCEPTED, Step.UNKNOWN]),
    state=st.sampled_from(SimState),
    attempt=st.integers(1, 9),
    since=st.floats(0, 100_000),
    late=st.booleans(),
)
def test_every_judgement_is_a_legal_move_and_nothing_is_resent_within_the_quiet_period(
    *, action: Action, stage: Stage, step: Step, state: SimState, attempt: int, since: float, late: bool
) -> None:
    judgement = judge(Asked(action, stage, step, attempt), Seen(state, "word", since, late), PATIENCE)
    assert judgement.target is None or judgement.target in TRANSITIONS[step]
    resent = judgement.target is Step.PLANNED and judgement.stage is None
    assert not (resent and since < PATIENCE.quiet_seconds)
    assert not (resent and state in WANTED[action])
    assert not (late and judgement.target is None and since >= PATIENCE.quiet_seconds)
