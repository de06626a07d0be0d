"""Tokens that a simulated carrier hands out, each good for a while."""

import secrets
from collections.abc import Callable


class Tokens:
    """Not thread-safe: its owner holds the lock."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds = seconds
        self._clock = clock
        self._expiry: dict[str, float] = {}

    def issue(self, seconds: float | None = None) -> str:
        """A new token, good for `seconds` or as long as is usual here."""
        token = secrets.token_hex(24)
        self._expiry[token] = self._clock() + (self.seconds if seconds is None else seconds)
        return token

    def is_good(self, token: str) -> bool:
        """Whether this one is good now."""
        return self._expiry.get(token, 0.0) > self._clock()

    def expire_all(self) -> None:
        """Every token is void from now on."""
        self._expiry.clear()
