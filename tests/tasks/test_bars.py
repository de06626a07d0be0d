"""What a bar counts as ended."""

from domain.lifecycle import Step
from tasks.bars import ended_percent


def test_held_sims_have_ended_for_the_bar_as_they_wait_for_a_person() -> None:
    steps = {Step.DONE: 1_000, Step.ACCEPTED: 100, Step.REJECTED: 60, Step.HELD: 40}
    assert ended_percent(steps) == 91.7
    assert ended_percent({Step.PLANNED: 3}) == 0.0
