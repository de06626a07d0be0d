"""Hints: a carrier says that something has changed, and the SIM is looked at sooner.

A hint is never a fact. It changes no state, and however many come, a SIM is not looked at more often for it than once
in `FLOOR_SECONDS`. Where hints get lost, polling finds the same a little later.
"""

from carriers.contract import Heard
from engine.context import Context
from storage import hints

FLOOR_SECONDS = 5.0
TRIES = 3
"""A row that was taken or let go between a look at it and the hint's own commit is looked at anew."""


def hint(context: Context, account: str, heard: Heard) -> bool:
    """Let the SIM be looked at now, or as soon after its last look as may be; whether that is sooner than planned.

    One that a worker holds is looked at after that one. A hint that has nothing to say only reads, so that a flood of
    them holds up no writer. Raises `DatabaseUnavailable`.
    """
    for _ in range(TRIES):
        with context.database.read() as tx:
            later = hints.later_looks(
                tx,
                account,
                iccid=heard.iccid,
                carrier_reference=heard.carrier_reference,
                floor_seconds=FLOOR_SECONDS,
            )
        if not later:
            return False
        with context.commit("hint") as tx:
            if hints.bring_forward(tx, later):
                return True
    return False
