"""When a run must fail, and what it then says."""

import copy

import pytest

from engine.tally import Tally
from storage.limits import Circuit
from storage.waiting import Waiting
from tasks.outcomes import AccountEnd, RunFailed, trouble
from tasks.rounds import AccountWork

WELL = Circuit(0.0, 0, None)
FAILING = Circuit(0.0, 2, "The carrier does not take our credentials.")
PAUSED = Circuit(30.0, 5, "The carrier cannot be reached.")


def end(
    *, waiting: Waiting, circuit: Circuit = WELL, answered: int = 0, problem: str = "", failure: str = ""
) -> AccountEnd:
    return AccountEnd(
        AccountWork("supersim", Tally(answered=answered, problem=problem), failure=failure), waiting, circuit
    )


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (
            end(waiting=Waiting(1_200, 0), circuit=FAILING),
            "supersim: 1,200 SIMs wait, and the carrier answered nothing. The carrier does not take our credentials.",
        ),
        (
            end(waiting=Waiting(1, 0), problem="No answer within 30 s."),
            "supersim: 1 SIMs wait, and the carrier answered nothing. No answer within 30 s.",
        ),
        (
            end(waiting=Waiting(0, 7), circuit=PAUSED),
            "supersim: 7 SIMs wait, and the carrier answered nothing. The carrier cannot be reached. "
            "The carrier is not asked again for 30 s.",
        ),
        (end(waiting=Waiting(0, 0), failure="The vault is locked."), "supersim: The vault is locked."),
    ],
)
def test_a_carrier_that_answers_nothing_while_sims_wait_is_trouble(ended: AccountEnd, sentence: str) -> None:
    assert trouble(ended) == sentence


@pytest.mark.parametrize(
    "ended",
    [
        end(waiting=Waiting(0, 0)),
        end(waiting=Waiting(900_000, 50)),  # waits for the limit, or for its next look
        end(waiting=Waiting(5, 0), answered=1, problem="No answer within 30 s."),  # one lost answer among others
        end(waiting=Waiting(0, 3), problem="No answer within 30 s."),  # unknown is settled by a read, later
        end(waiting=Waiting(0, 0), circuit=PAUSED),  # nobody waits for it
    ],
)
def test_waiting_alone_is_no_trouble(ended: AccountEnd) -> None:
    assert trouble(ended) is None


def test_a_failed_run_says_every_reason_on_a_line_of_its_own() -> None:
    failed = RunFailed("one.", "two.")
    assert str(failed) == "one.\ntwo."
    assert str(copy.copy(failed)) == "one.\ntwo."  # as Prefect hands it on: made anew from its arguments
