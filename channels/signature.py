"""The signature of a webhook: HMAC-SHA256 over the time and the body, so that none can be changed or replayed."""

import hashlib
import hmac

SIGNATURE = "Simline-Signature"
ALERT = "Simline-Alert"
SHORTEST_SECRET = 16


def signed(secret: str, timestamp: int, body: bytes) -> str:
    """The header's value: the time in epoch seconds and the signature in hex.

    >>> signed("0123456789abcdef", 1700000000, b"{}")[:17]
    't=1700000000,v1=e'
    """
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"
