"""The table of transitions is complete, and every accepted SIM stands in exactly one bucket."""

import pytest

from domain.lifecycle import BUCKETS, OPEN_STEPS, TRANSITIONS, IllegalMove, Step, check_move


def test_every_step_has_a_row_in_the_table_and_a_bucket_of_the_receipt() -> None:
    assert set(TRANSITIONS) == set(Step)
    assert set(BUCKETS) == set(Step)


def test_done_is_final() -> None:
    assert TRANSITIONS[Step.DONE] == {}


def test_nothing_is_sent_without_an_intention() -> None:
    leading_to_sent = {source for source, targets in TRANSITIONS.items() if Step.SENT in targets}
    leading_to_intent = {source for source, targets in TRANSITIONS.items() if Step.INTENT in targets}
    assert leading_to_sent == {Step.INTENT}
    assert leading_to_intent == {Step.PLANNED}


def test_an_unknown_outcome_is_never_called_rejected_by_a_worker_that_died() -> None:
    assert Step.TIMED_OUT not in TRANSITIONS[Step.UNKNOWN]
    assert Step.WITHDRAWN not in TRANSITIONS[Step.UNKNOWN]


def test_every_open_step_can_end() -> None:
    for step in OPEN_STEPS:
        reachable, todo = set(), {step}
        while todo:
            reachable |= todo
            todo = {target for one in todo for target in TRANSITIONS[one]} - reachable
        assert Step.DONE in reachable
        assert Step.NEEDS_REVIEW in reachable


@pytest.mark.parametrize(("source", "target"), [(Step.DONE, Step.PLANNED), (Step.INTENT, Step.TIMED_OUT)])
def test_a_move_that_the_table_does_not_have_is_refused(source: Step, target: Step) -> None:
    with pytest.raises(IllegalMove, match=f"{source} -> {target}"):
        check_move(source, target)
