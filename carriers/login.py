"""How requests to a carrier prove who we are: Basic, or OAuth2 client credentials with a token that is renewed."""

import base64
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from carriers.errors import CredentialsRefused

AskForToken = Callable[[str, Mapping[str, str]], object]
"""Posts a form to a token endpoint and gives back the JSON of its answer; every failure means that nothing was sent."""


class Login(Protocol):
    """Gives the `Authorization` header. Thread-safe."""

    renewable: bool

    def authorization(self, ask: AskForToken, stale: str | None = None) -> str:
        """The header's value; never `stale`, which the carrier has just refused."""

    def secrets(self) -> tuple[str, ...]:
        """Everything that no log and no error may show."""


class BasicLogin:
    """User and password in every request."""

    renewable = False

    def __init__(self, user: str, password: str) -> None:
        self._password = password
        self._header = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def authorization(self, ask: AskForToken, stale: str | None = None) -> str:  # noqa: ARG002
        """The same every time."""
        return self._header

    def secrets(self) -> tuple[str, ...]:
        """The password, and the header that holds it."""
        return (self._password, self._header.removeprefix("Basic "))


class TokenLogin:
    """A bearer token from the client-credentials grant (RFC 6749, 4.4), kept until shortly before it expires.

    One thread asks for a token while the others wait for it.
    """

    renewable = True

    def __init__(
        self, token_url: str, client_id: str, client_secret: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._token_url = token_url
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self._clock = clock
        self._lock = threading.Lock()
        self._header = ""
        self._renew_at = 0.0

    def authorization(self, ask: AskForToken, stale: str | None = None) -> str:
        """The token in hand, or a new one when it is about to expire or was refused."""
        with self._lock:
            if self._header in ("", stale) or self._clock() >= self._renew_at:
                self._take(ask(self._token_url, self._form))
            return self._header

    def secrets(self) -> tuple[str, ...]:
        """The client's secret and the token."""
        return (self._form["client_secret"], self._header.removeprefix("Bearer "))

    def _take(self, answer: object) -> None:
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not (isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token and token):
            raise CredentialsRefused("The token endpoint answered without a token. Check `token_url` of the account.")
        self._header = f"Bearer {token}"
        self._renew_at = self._clock() + _useful_seconds(answer)


def _useful_seconds(answer: object) -> float:
    """Nine tenths of the token's life: an expired token costs a refused request, an early renewal next to nothing."""
    life = answer.get("expires_in") if isinstance(answer, dict) else None
    try:
        return max(0.9 * float(str(life)), 0.0)
    except ValueError:
        return 300.0
