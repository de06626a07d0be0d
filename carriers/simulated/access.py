"""Who may ask the simulated carrier: Basic, or bearer tokens from its own token endpoint."""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Keys:
    """The credentials that the simulated carrier takes."""

    account_sid: str = "AC" + 32 * "0"
    auth_token: str = field(default="simulated-token", repr=False)
    client_id: str = "simulated-client"
    client_secret: str = field(default="simulated-secret", repr=False)


class Access:
    """Checks `Authorization` and hands out tokens. Not thread-safe: its owner holds the lock."""

    def __init__(self, keys: Keys, token_seconds: float, clock: Callable[[], float]) -> None:
        basic = base64.b64encode(f"{keys.account_sid}:{keys.auth_token}".encode()).decode()
        self._basic = f"Basic {basic}"
        self._client = (keys.client_id, keys.client_secret)
        self._token_seconds = token_seconds
        self._clock = clock
        self._expiry: dict[str, float] = {}

    def allows(self, authorization: str) -> bool:
        """Whether this header's value is good now."""
        return authorization == self._basic or self._expiry.get(authorization, 0.0) > self._clock()

    def token(self, form: Mapping[str, str]) -> dict[str, object] | None:
        """The token endpoint's answer; None for a wrong client."""
        client = (form.get("client_id"), form.get("client_secret"))
        if form.get("grant_type") != "client_credentials" or client != self._client:
            return None
        token = secrets.token_hex(24)
        self._expiry[f"Bearer {token}"] = self._clock() + self._token_seconds
        return {"access_token": token, "token_type": "Bearer", "expires_in": int(self._token_seconds)}

    def expire_all(self) -> None:
        """Every token is void from now on."""
        self._expiry.clear()
