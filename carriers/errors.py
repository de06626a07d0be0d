"""What can go wrong with a carrier. Every error knows whether trying again helps; "no answer" is its own kind."""


class CarrierError(Exception):
    """Something went wrong with a carrier. `retryable`: the same call may be made again. Never holds a secret."""

    retryable = False


class NotSent(CarrierError):
    """The request surely did not leave (no slot before the lease ends, circuit open, connection refused)."""

    retryable = True

    def __init__(self, sentence: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(sentence)
        self.retry_after_seconds = retry_after_seconds


class LimitReached(NotSent):
    """429: the carrier did not process the request and says when to come back. Not an attempt."""


class CarrierDown(NotSent):
    """The carrier cannot be reached at all (refused, no such host). Nothing was sent."""


class CarrierPaused(NotSent):
    """Too many failures in a row: nobody asks this carrier for a while. Nothing was sent."""


class OutcomeUnknown(CarrierError):
    """The request may have left and its answer never came, or cannot be understood. Only a read settles it."""

    retryable = False


class ReadFailed(CarrierError):
    """A read brought no usable answer. It changes nothing, so it may be repeated."""

    retryable = True


class CredentialsRefused(CarrierError):
    """The carrier does not take our credentials (401, 403 on everything). A person must mend the configuration."""


class Forged(CarrierError):
    """A callback whose signature is missing, too old or wrong: whoever sent it, we do not listen."""


class RequestRefused(CarrierError):
    """The carrier understood and said no, for good. `code` is the carrier's own error code as text, if it gave one."""

    def __init__(self, sentence: str, code: str = "", status: int = 0) -> None:
        super().__init__(sentence)
        self.code = code
        self.status = status
