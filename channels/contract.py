"""What a channel promises: it takes alerts, and says what the receiver answered."""

from collections.abc import Sequence
from typing import Protocol

from domain.alerts import Raised


class NotDelivered(Exception):
    """The receiver did not take it, or nobody knows: trying again may help. One sentence, without a secret."""

    retryable = True


class ChannelRefused(Exception):
    """The channel cannot be used as it is configured. The sentence says what to mend."""


class Channel(Protocol):
    """One receiver of alerts. Safe to repeat: the same alerts go with the same ids, so that a receiver can tell."""

    @property
    def name(self) -> str:
        """What deliveries are kept by."""

    @property
    def at_once(self) -> int:
        """How many alerts go in one message."""

    def send(self, alerts: Sequence[Raised]) -> str:
        """Hand over these, at most `at_once`; what the receiver said. Raises `NotDelivered`."""

    def check(self) -> str:
        """Whether the receiver can be reached, without sending an alert; a sentence.

        Raises `NotDelivered` and `ChannelRefused`.
        """
