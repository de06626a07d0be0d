"""A person's evidence settles what only a person can settle, by the rules that a read would be judged by."""

import pytest

from domain.deciding import FOR_PEOPLE, GONE, Saw, Then, decide
from domain.judging import Asked, Judgement
from domain.lifecycle import TRANSITIONS, Action, Stage, Step

LONG_AGO, QUIET = 10_000.0, 330.0


def asked(
    action: Action = Action.ACTIVATE,
    stage: Stage = Stage.CHANGE,
    step: Step = Step.NEEDS_REVIEW,
    *,
    imports: bool = False,
) -> Asked:
    return Asked(action, stage, step, attempt=5, imports=imports)


def judged(which: Asked, saw: Saw, then: Then | None = None, ago: float = LONG_AGO) -> Judgement:
    return decide(which, saw, then, since_request_seconds=ago, quiet_seconds=QUIET)


@pytest.mark.parametrize(
    ("action", "saw"),
    [(Action.ACTIVATE, Saw.ACTIVE), (Action.DEACTIVATE, Saw.INACTIVE), (Action.RELEASE, Saw.ABSENT)],
)
@pytest.mark.parametrize("step", FOR_PEOPLE)
def test_what_was_seen_as_it_was_wanted_is_done_whatever_was_to_follow(action: Action, saw: Saw, step: Step) -> None:
    for then in (None, *Then):
        assert judged(asked(action, step=step), saw, then, ago=0.0).target is Step.DONE


@pytest.mark.parametrize("saw", [Saw.INACTIVE, Saw.READY, Saw.ABSENT])
def test_what_is_not_as_it_was_wanted_stays_until_a_person_says_what_follows(saw: Saw) -> None:
    assert judged(asked(), saw).target is None


@pytest.mark.parametrize("step", FOR_PEOPLE)
def test_what_is_left_ends_as_rejected_even_at_once(step: Step) -> None:
    assert judged(asked(step=step), Saw.INACTIVE, Then.LEAVE, ago=0.0).target is Step.REJECTED


def test_nothing_is_sent_again_while_the_last_request_may_still_take_effect() -> None:
    early = judged(asked(), Saw.INACTIVE, Then.AGAIN, ago=QUIET - 30)
    assert early.target is None
    assert "30 s" in early.detail
    assert judged(asked(), Saw.INACTIVE, Then.AGAIN, ago=QUIET).target is Step.PLANNED


def test_a_claim_that_was_seen_true_goes_on_with_its_change() -> None:
    claimed = judged(asked(stage=Stage.CLAIM), Saw.INACTIVE, Then.AGAIN)
    assert (claimed.target, claimed.stage) == (Step.PLANNED, Stage.CHANGE)
    lost = judged(asked(stage=Stage.CLAIM), Saw.ABSENT, Then.AGAIN)
    assert (lost.target, lost.stage) == (Step.PLANNED, None)


def test_a_sim_that_left_the_account_after_its_claim_is_not_sent_again_unless_the_activation_brings_it_in() -> None:
    gone = judged(asked(), Saw.ABSENT, Then.AGAIN)
    assert (gone.target, gone.detail) == (None, GONE)
    assert judged(asked(imports=True), Saw.ABSENT, Then.AGAIN).target is Step.PLANNED
    assert judged(asked(Action.DEACTIVATE, imports=True), Saw.ABSENT, Then.AGAIN).target is None


@pytest.mark.parametrize("step", sorted(set(Step) - set(FOR_PEOPLE)))
def test_no_other_step_is_settled_by_a_persons_word(step: Step) -> None:
    for saw in Saw:
        assert judged(asked(step=step), saw, Then.AGAIN).target is None


@pytest.mark.parametrize("step", FOR_PEOPLE)
def test_the_table_of_moves_has_every_move_that_a_word_can_make(step: Step) -> None:
    for action in Action:
        for saw in Saw:
            for then in Then:
                target = judged(asked(action, step=step), saw, then).target
                assert target is None or target in TRANSITIONS[step]
