"""How a run ends: by what the ledger counts, not by whether a task raised."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.context import Context
from storage import limits
from storage.waiting import planned_count
from tasks.rounds import AccountWork

FORWARD = frozenset({"sent", "accepted", "done"})
"""Steps that prove that a carrier account takes what it is sent."""


class RunFailed(Exception):
    """Something needs a person. One sentence for each reason; what was done stays done, and running again is safe."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("\n".join(sentences))


@dataclass(frozen=True, slots=True)
class AccountEnd:
    """One carrier account when the run is over."""

    account: str
    planned_count: int
    forward_count: int  # SIMs that this run brought forward
    paused_for_seconds: float = 0.0
    last_failure: str = ""
    problem: str = ""
    failure: str = ""


def ends_of(context: Context, works: Iterable[AccountWork]) -> list[AccountEnd]:
    """How each account stands in the ledger now."""
    with context.database.begin() as tx:
        return [
            AccountEnd(
                account=work.account,
                planned_count=planned_count(tx, work.account),
                forward_count=sum(work.tally.steps[step] for step in FORWARD),
                paused_for_seconds=(circuit := limits.circuit(tx, work.account)).paused_for_seconds,
                last_failure=circuit.last_failure or "",
                problem=work.tally.problem,
                failure=work.failure,
            )
            for work in works
        ]


def trouble(end: AccountEnd) -> str | None:
    """Why a person must look at this carrier account; None when nobody need.

    SIMs that wait for the limit or for their next look are no trouble; SIMs that wait while nothing goes forward are.
    """
    if end.failure:
        return f"{end.account}: {end.failure}"
    why = end.last_failure or end.problem
    if end.planned_count and not end.forward_count and why:
        paused = f" The carrier is not asked for {end.paused_for_seconds:.0f} s." if end.paused_for_seconds else ""
        return f"{end.account}: {end.planned_count:,} SIMs wait and none went forward. {why}{paused}"
    return None


def end_by(context: Context, works: Iterable[AccountWork], more: Iterable[str] = ()) -> None:
    """Return when all is well. Raise `RunFailed` with everything that needs a person."""
    sentences = [*more, *(sentence for end in ends_of(context, works) if (sentence := trouble(end)))]
    if sentences:
        raise RunFailed(sentences)
