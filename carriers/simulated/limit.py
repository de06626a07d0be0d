"""The limit that a simulated carrier enforces: requests in any window, counted exactly when they arrive."""

from collections import deque
from collections.abc import Sequence

from domain.pacing import Window


class Limit:
    """Sliding windows. A refused request does not count. Not thread-safe: its owner holds the lock."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows = [(window, deque[float]()) for window in windows]

    def refusal_seconds(self, now: float) -> float | None:
        """None when a request that arrives now is let in; otherwise the seconds until one would be."""
        waits = [wait for window, arrivals in self._windows if (wait := _wait(window, arrivals, now)) > 0]
        if waits:
            return max(waits)
        for _, arrivals in self._windows:
            arrivals.append(now)
        return None


def _wait(window: Window, arrivals: deque[float], now: float) -> float:
    while arrivals and arrivals[0] <= now - window.per_seconds:
        arrivals.popleft()
    return arrivals[0] + window.per_seconds - now if len(arrivals) >= window.count else 0.0
