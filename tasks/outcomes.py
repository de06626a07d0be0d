"""How a run ends: by what the ledger counts, not by whether a task raised."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.context import Context
from storage import limits
from storage.limits import Circuit
from storage.waiting import Waiting, waiting
from tasks.rounds import AccountWork


class RunFailed(Exception):
    """Something needs a person. One sentence for each reason; what was done stays done, and running again is safe.

    Prefect keeps it pickled and makes it anew from its arguments.
    """

    def __init__(self, *sentences: str) -> None:
        super().__init__(*sentences)

    def __str__(self) -> str:
        return "\n".join(self.args)


class NothingRead(RunFailed):
    """No source could be read, so nothing was done. Doors know it by its name, which Prefect puts before the words."""


@dataclass(frozen=True, slots=True)
class AccountEnd:
    """One carrier account when the run is over."""

    work: AccountWork
    waiting: Waiting
    circuit: Circuit


def ends_of(context: Context, works: Iterable[AccountWork]) -> list[AccountEnd]:
    """How each account stands in the ledger now."""
    with context.database.read() as tx:
        return [AccountEnd(work, waiting(tx, work.account), limits.circuit(tx, work.account)) for work in works]


def trouble(end: AccountEnd) -> str | None:
    """Why a person must look at this carrier account; None when nobody need.

    What waits for the limit, or for its next look, is no trouble. A carrier that answered nothing in the whole run,
    while SIMs wait to be sent or while it is paused, is.
    """
    work = end.work
    if work.failure:
        return f"{work.account}: {work.failure}"
    why = work.tally.problem or end.circuit.last_failure
    paused = end.circuit.paused_for_seconds
    count = end.waiting.to_send + (end.waiting.to_settle if paused else 0)
    if work.tally.answered or not count or not why:
        return None
    pause = f" The carrier is not asked again for {paused:.0f} s." if paused else ""
    return f"{work.account}: {count:,} SIMs wait, and the carrier answered nothing. {why}{pause}"


def end_by(context: Context, works: Iterable[AccountWork], more: Iterable[str] = ()) -> None:
    """Return when all is well. Raise `RunFailed` with everything that needs a person."""
    sentences = [*more, *(sentence for end in ends_of(context, works) if (sentence := trouble(end)))]
    if sentences:
        raise RunFailed(*sentences)
