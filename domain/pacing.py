"""A carrier's limit as evenly spaced slots (GCRA), what may leave at once, and how it shrinks and recovers.

A limit of `count` requests per `per_seconds` holds in *every* window of that length, so requests leave evenly spaced.
Where two windows hold (10/s and 100/min) the slower spacing satisfies both. `headroom` keeps the spacing a little wider
than the limit, for the jitter between us and the carrier.

A burst is what a carrier takes at once *within* its windows. So it is lent and never given: after a pause in which so
many turns went by unused, so many requests may leave together, and each of them still takes its turn from those that
follow. A window then holds at most what it held without bursts, wherever it begins, and no pace is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_LATENESS_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Window:
    """At most `count` requests in any window of `per_seconds`."""

    count: int
    per_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How requests to one carrier account are spaced."""

    interval_seconds: float
    at_once: int = 1  # so many may leave together where their turns went by unused before
    lateness_seconds: float = 0.015  # a departure that is later than this after its slot is let go

    @property
    def per_second(self) -> float:
        """Requests per second at full pace."""
        return 1.0 / self.interval_seconds

    def together(self, idle_seconds: float, interval_seconds: float) -> int:
        """How many may leave together now, when nothing was booked for so long; the interval is the present one.

        >>> Pace(0.1, at_once=5).together(0.25, 0.1), Pace(0.1, at_once=5).together(60.0, 0.1)
        (3, 5)
        """
        return max(1, min(self.at_once, 1 + int(idle_seconds / interval_seconds)))


def pace_of(windows: Sequence[Window], burst: int = 0, headroom: float = 0.97) -> Pace:
    """The widest spacing that any of the windows asks for; `burst` requests at once where each window can hold them.

    >>> pace_of([Window(10, 1), Window(100, 60)]).per_second * 60
    97.0
    """
    lateness = min(window.per_seconds for window in windows) * (1 / headroom - 1) / 2
    lateness = max(lateness, LEAST_LATENESS_SECONDS)
    interval = max(max(one.per_seconds / headroom, one.per_seconds + 2 * lateness) / one.count for one in windows)
    return Pace(interval, max(1, min(burst, *(window.count for window in windows))), lateness)


@dataclass(frozen=True, slots=True)
class Slots:
    """`count` reserved departures: the first `wait_seconds` after `told_at`, then one each `interval_seconds`.

    The first `at_once` of them leave together. `told_at` is what the limit's own clock said then, in epoch seconds.
    """

    wait_seconds: float
    interval_seconds: float
    count: int
    told_at: float = 0.0
    at_once: int = 1

    def departures(self) -> list[float]:
        """When each leaves, in seconds after `told_at`.

        >>> Slots(2.0, 0.5, count=4, at_once=2).departures()
        [2.0, 2.0, 3.0, 3.5]
        """
        turns = (0 if nth < self.at_once else nth for nth in range(self.count))
        return [self.wait_seconds + turn * self.interval_seconds for turn in turns]
