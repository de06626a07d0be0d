"""After a backup was restored: the ledger has forgotten what was sent since, so the carriers are read before anything.

What was planned in the backup becomes unknown, what was open is looked at anew, both after the quiet period. The judge
then finishes what is done, without a request for a change, and plans again what the carrier shows untouched.
"""

from dataclasses import dataclass

from domain.lifecycle import Step
from engine.context import Context, Progress
from engine.tally import Tally
from storage import restoring
from storage.restoring import Clocks

BATCH = 5_000
"""Operations of one transaction; whoever is stopped in between starts again."""


class StillAtWork(Exception):
    """A worker holds operations of this ledger, so nothing was changed. The sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What will be read at one carrier account, and when at the earliest. `can_read`: None where it is not configured.

    What cannot be read goes to a person.
    """

    account: str
    planned: int
    in_progress: int
    can_read: bool | None
    wait_seconds: float


def doubts(context: Context) -> list[Doubt]:
    """What `read_first` would do, by carrier account; nothing is changed."""
    with context.database.read() as tx:
        found = restoring.at_stake(tx)
    return [
        Doubt(one.account, one.planned, one.in_progress, _can_read(context, one.account), _wait(context, one.account))
        for one in found
    ]


def read_first(context: Context, *, reason: str, actor: str) -> Tally:
    """Let nothing of this ledger be sent before its carrier was read; the tally counts what became unknown.

    Every worker must have stopped: raises `StillAtWork` while one holds a lease. Safe to stop and to start again; a
    second time only the waiting begins anew.
    """
    with context.database.read() as tx:
        found = restoring.at_stake(tx)
    if leased := sum(one.leased for one in found):
        raise StillAtWork(
            f"A worker holds {leased:,} operations. Stop every worker and every schedule, wait until the last lease is "
            f"over ({context.timing.lease_seconds:g} s), and run again. Nothing was changed."
        )
    tally, total = Tally(), sum(one.planned for one in found)
    for one in found:
        clocks = Clocks(_wait(context, one.account), context.timing.deadline_seconds)
        with context.commit("restore") as tx:
            tally.steps["in_progress"] += restoring.restart_open(tx, one.account, clocks)
        while moved := _doubt_some(context, one.account, clocks, reason=reason, actor=actor):
            tally.steps[Step.UNKNOWN.value] += moved
            tally.taken += moved
            context.watch(Progress("restore", tally.taken, total, carrier_account=one.account))
    return tally


def _doubt_some(context: Context, account: str, clocks: Clocks, *, reason: str, actor: str) -> int:
    with context.commit("restore") as tx:
        return restoring.doubt_planned(tx, account, clocks, limit=BATCH, reason=reason, actor=actor)


def _can_read(context: Context, account: str) -> bool | None:
    work = context.carriers.get(account)
    return work.carrier.capabilities.can_read if work else None


def _wait(context: Context, account: str) -> float:
    """The quiet period, and the lease in which the last request may have left; none where nobody can be asked."""
    work = context.carriers.get(account)
    return work.quiet_seconds + context.timing.lease_seconds if work else 0.0
