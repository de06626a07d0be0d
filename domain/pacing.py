"""A carrier's limit as evenly spaced slots (GCRA), and how it shrinks and recovers.

A limit of `count` requests per `per_seconds` holds in *every* window of that length, so requests leave evenly spaced.
Where two windows hold (10/s and 100/min) the slower spacing satisfies both; a burst is used only where the carrier
documents one. `headroom` keeps the spacing a little wider than the limit, for the jitter between us and the carrier.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """At most `count` requests in any window of `per_seconds`."""

    count: int
    per_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How requests to one carrier account are spaced."""

    interval_seconds: float
    burst_seconds: float = 0.0
    lateness_seconds: float = 0.015  # a departure that is later than this after its slot is let go

    @property
    def per_second(self) -> float:
        """Requests per second at full pace."""
        return 1.0 / self.interval_seconds


def pace_of(windows: Sequence[Window], burst: int = 0, headroom: float = 0.97) -> Pace:
    """The widest spacing that any of the windows asks for; `burst` requests may stand before their turn.

    >>> pace_of([Window(10, 1), Window(100, 60)], headroom=1.0).interval_seconds
    0.6
    """
    interval = max(window.per_seconds / window.count for window in windows) / headroom
    lateness = min(window.per_seconds for window in windows) * max(0.0, 1 / headroom - 1) / 2
    return Pace(interval, burst * interval, max(lateness, 0.001))


@dataclass(frozen=True, slots=True)
class Slots:
    """`count` reserved departures: the first `wait_seconds` after `told_at`, then one each `interval_seconds`.

    `told_at` is what the limit's own clock said then, in epoch seconds.
    """

    wait_seconds: float
    interval_seconds: float
    count: int
    told_at: float = 0.0
