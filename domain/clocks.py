"""Where the times of another clock lie on ours, though no answer says how long it was on its way."""

from math import inf


class OtherClock:
    """Learns from answers: each was given at some moment between its question and its arrival.

    What all of them allow is kept, so the quickest answers decide, and a slow one shifts nothing. Not thread-safe.
    """

    def __init__(self) -> None:
        self._least, self._most = -inf, inf

    def learn(self, asked_at: float, told: float, answered_at: float) -> None:
        """The other clock said `told` between these two moments of ours.

        Where that contradicts all before, one of the clocks was set, and only this answer counts.
        """
        least, most = asked_at - told, answered_at - told
        if least > self._most or most < self._least:
            self._least, self._most = least, most
        self._least, self._most = max(self._least, least), min(self._most, most)

    def here(self, there: float) -> float:
        """A moment of the other clock on ours.

        >>> clock = OtherClock()
        >>> clock.learn(10.0, 500.0, 10.2)
        >>> clock.learn(20.5, 510.4, 20.51)
        >>> round(clock.here(600.0), 3)
        110.105
        """
        return there + (self._least + self._most) / 2
