"""Go on until nothing is due: the loops that flows, the command line and tests share."""

from collections.abc import Callable

from engine.context import Context
from engine.sending import send_due
from engine.settling import settle_due
from engine.tally import Tally

Round = Callable[[Context, str], Tally]
IDLE_SECONDS = 0.5


def drain(context: Context, account: str, *, at_most_seconds: float) -> Tally:
    """Send everything that is due now for one carrier account, or until the time is over."""
    return _repeat(context, account, send_due, at_most_seconds)


def settle(context: Context, account: str, *, at_most_seconds: float) -> Tally:
    """Settle everything that is due now for one carrier account, or until the time is over."""
    return _repeat(context, account, settle_due, at_most_seconds)


def _repeat(context: Context, account: str, one_round: Round, at_most_seconds: float) -> Tally:
    ends = context.stopwatch.monotonic() + at_most_seconds
    whole = Tally()
    while context.stopwatch.monotonic() < ends:
        done = one_round(context, account)
        whole.add(done)
        if done.taken == 0:
            break
    return whole


def follow(context: Context, *, at_most_seconds: float, is_over: Callable[[], bool]) -> Tally:
    """Send and settle on all carrier accounts in turn until `is_over`, until a stop, or until the time is over.

    For one machine and one file; many carriers at once are the flows' matter.
    """
    ends = context.stopwatch.monotonic() + at_most_seconds
    whole = Tally()
    while not (context.is_stopping() or is_over()) and context.stopwatch.monotonic() < ends:
        before = whole.taken
        for account in context.carriers:
            for one_round in (send_due, settle_due):
                if not context.is_stopping():
                    whole.add(one_round(context, account))
        if whole.taken == before:
            context.stopwatch.sleep(IDLE_SECONDS)
    return whole
