"""How requests to a carrier prove who we are: Basic, a fixed key, or a token that is asked for and renewed."""

import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from carriers.errors import CredentialsRefused


@dataclass(frozen=True, slots=True)
class Form:
    """A body of form fields."""

    fields: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Json:
    """A body of JSON."""

    document: object = field(repr=False)


Body = Form | Json | None


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The request that brings a token."""

    url: str
    body: Body = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


AskForToken = Callable[[TokenRequest], object]
"""Posts to a token endpoint and gives back the JSON of its answer; every failure means that nothing was sent."""


class Login(Protocol):
    """Gives the headers that prove who we are. Thread-safe."""

    renewable: bool

    def headers(self, ask: AskForToken, stale: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """Name -> value; never `stale`, which the carrier has just refused."""

    def secrets(self) -> tuple[str, ...]:
        """Everything that no log and no error may show."""


def basic(user: str, password: str) -> str:
    """The value of `Authorization` by RFC 7617.

    >>> basic("Aladdin", "open sesame")
    'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='
    """
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class FixedLogin:
    """The same headers in every request: Basic, or a key that does not expire."""

    renewable = False

    def __init__(self, headers: Mapping[str, str], *secrets: str) -> None:
        self._headers = dict(headers)
        self._secrets = secrets

    @classmethod
    def basic(cls, user: str, password: str) -> "FixedLogin":
        """User and password."""
        header = basic(user, password)
        return cls({"Authorization": header}, password, header.removeprefix("Basic "))

    @classmethod
    def bearer(cls, token: str) -> "FixedLogin":
        """An access token that a person made in the carrier's console."""
        return cls({"Authorization": f"Bearer {token}"}, token)

    def headers(self, ask: AskForToken, stale: Mapping[str, str] | None = None) -> Mapping[str, str]:  # noqa: ARG002
        """The same every time."""
        return self._headers

    def secrets(self) -> tuple[str, ...]:
        """The password or key, and the header that holds it."""
        return self._secrets


@dataclass(frozen=True, slots=True)
class Token:
    """What a token endpoint gave: the headers that carry it, and for how many seconds it is good (None: not told)."""

    headers: Mapping[str, str] = field(repr=False)
    life_seconds: float | None
    secrets: tuple[str, ...] = field(repr=False)


TokenReader = Callable[[object], Token | None]
"""Reads the JSON of a token endpoint's answer; None when there is no token in it."""


def bearer_token(answer: object) -> Token | None:
    """The answer of RFC 6749, 5.1.

    >>> bearer_token({"access_token": "t0k3n", "expires_in": 3600}).life_seconds
    3600.0
    >>> bearer_token({"error": "invalid_client"}) is None
    True
    """
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not is_token(token):
        return None
    return Token({"Authorization": f"Bearer {token}"}, seconds_of(answer, "expires_in"), (str(token),))


def is_token(token: object) -> bool:
    """Whether this can stand in a header: nothing a carrier sends may forge a second one."""
    return isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token and token != ""


def seconds_of(answer: object, name: str) -> float | None:
    """A number of seconds in the answer, not below 0; None without a usable one."""
    life = answer.get(name) if isinstance(answer, dict) else None
    try:
        return max(float(str(life)), 0.0)
    except ValueError:
        return None


UNTOLD_LIFE_SECONDS = 330.0


class TokenLogin:
    """A token kept until shortly before it expires. One thread asks for it while the others wait."""

    renewable = True

    def __init__(
        self,
        request: TokenRequest,
        *secrets: str,
        read: TokenReader = bearer_token,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._request = request
        self._secrets = secrets
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0

    @classmethod
    def client_credentials(
        cls, url: str, client_id: str, client_secret: str, clock: Callable[[], float] = time.monotonic
    ) -> "TokenLogin":
        """The client-credentials grant with the client in the form (RFC 6749, 4.4 and 2.3.1)."""
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        return cls(TokenRequest(url, Form(form)), client_secret, clock=clock)

    def headers(self, ask: AskForToken, stale: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """The token in hand, or a new one when it is about to expire or was refused."""
        with self._lock:
            token = self._token
            if token is None or token.headers == stale or self._clock() >= self._renew_at:
                token = self._taken(ask(self._request))
            return token.headers

    def secrets(self) -> tuple[str, ...]:
        """What the token was bought with, and the token."""
        return (*self._secrets, *(self._token.secrets if self._token else ()))

    def _taken(self, answer: object) -> Token:
        token = self._read(answer)
        if token is None:
            raise CredentialsRefused("The token endpoint answered without a token. Check the account's addresses.")
        life = UNTOLD_LIFE_SECONDS if token.life_seconds is None else token.life_seconds
        self._renew_at = self._clock() + 0.9 * life  # an expired token costs a refused request, an early one nothing
        self._token = token
        return token
