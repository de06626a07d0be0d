"""HTTP to a carrier: every failure becomes the one error that says what may have happened at the other end.

`lost` in this file is the error for "no usable answer": for a changing request its effect is then unknown, a read has
merely failed, and without a token nothing was sent at all.
"""

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

import requests
import stamina
import urllib3.exceptions

from carriers.connection import Sessions, surely_not_sent, whole_body
from carriers.contract import Gate
from carriers.errors import (
    CarrierDown,
    CarrierError,
    CredentialsRefused,
    LimitReached,
    OutcomeUnknown,
    ReadFailed,
    RequestRefused,
)
from carriers.login import Body, Form, Json, Login, TokenRequest
from domain.texts import storable_document

log = logging.getLogger("simline.carriers")

MOST_CONNECT_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 3600.0

_UNSTORABLE = re.compile(rb"\\u(0000|[dD][89a-fA-F])|\xed[\xa0-\xbf]")
"""Where a body may hold NUL, or half of a pair of surrogates."""

ResetParser = Callable[[Mapping[str, str], float], float | None]


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that `Retry-After` (seconds or an HTTP date) asks to wait from epoch `now`; None without a usable one.

    A date is the carrier's, so it counts from the answer's own `Date` where there is one, not from our clock.

    >>> retry_after({"Retry-After": "7"}, 0), retry_after({"Retry-After": "soon"}, 0), retry_after({}, 0)
    (7.0, None, None)
    >>> retry_after({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"}, 45.0)
    15.0
    >>> retry_after({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT", "Date": "Thu, 01 Jan 1970 00:00:50 GMT"}, 45.0)
    10.0
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        return float(value)
    until = _epoch(value)
    sent_at = _epoch(headers.get("Date", ""))
    return None if until is None else max(until - (now if sent_at is None else sent_at), 0.0)


def _epoch(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a carrier's error body says."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Wire:
    """What differs between carriers below their resources."""

    name: str  # for sentences: "Super SIM"
    base_url: str
    timeout_seconds: float
    complaint: Callable[[object], Complaint | None]  # None: this is not the carrier's error body
    reset_seconds: ResetParser = retry_after
    blind_wait_seconds: float = 1.0  # after a 429 that does not say when to come back


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx answer; `document` is its JSON, None where there is no body. Names of `headers` are in any case."""

    status: int
    document: object
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    url: str
    body: Body = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{self.method} {urlsplit(self.url).path}"


@dataclass(frozen=True, slots=True)
class _Raw:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> object:
        """The JSON of the body, None where there is none. Raises ValueError.

        Text that no database takes is mended here, so that one strange value holds up nobody's answers.
        """
        try:
            document: object = json.loads(self.body) if self.body else None
            return storable_document(document) if _UNSTORABLE.search(self.body) else document
        except RecursionError:
            raise ValueError("nested too deeply") from None


class HttpClient:
    """One account's connections, one session per thread. Nothing is repeated but reads; no redirect is followed.

    Raises `CarrierDown` where the request surely did not leave, `LimitReached` on 429, `CredentialsRefused` on 401,
    `RequestRefused` where the carrier itself said no.
    """

    def __init__(self, wire: Wire, login: Login) -> None:
        refuse_plain_http(wire.base_url)
        self._wire = wire
        self._login = login
        self._sessions = Sessions()
        self._repeat = stamina.RetryingCaller(
            attempts=3, timeout=wire.timeout_seconds / 2, wait_initial=0.1, wait_max=2.0, wait_jitter=0.5
        )

    def change(
        self, path: str, body: Body, gate: Gate, *, method: str = "POST", secrets: tuple[str, ...] = ()
    ) -> Reply:
        """One changing request, once; only a 401, which changes nothing, is followed by a new token and one repetition.

        `secrets` are the body's own. Raises `OutcomeUnknown` when the answer never came or makes no sense.
        """
        return self._authorized(_Call(method, self._wire.base_url + path, body, secrets), gate, OutcomeUnknown)

    def read(self, path: str, query: Mapping[str, str], gate: Gate) -> Reply:
        """GET, repeated up to twice after quick failures. Raises `ReadFailed`."""
        call = _Call("GET", f"{self._wire.base_url}{path}?{urlencode(query)}")
        return self._repeat(ReadFailed, lambda: self._authorized(call, gate, ReadFailed))

    def close(self) -> None:
        """Close every thread's connections."""
        self._sessions.close()

    def _authorized(self, call: _Call, gate: Gate, lost: type[CarrierError]) -> Reply:
        ask = partial(self._ask_for_token, gate)
        login = self._login.headers(ask)
        raw = self._exchange(call, gate, lost, login)
        if raw.status == HTTPStatus.UNAUTHORIZED and self._login.renewable:
            login = self._login.headers(ask, stale=login)
            raw = self._exchange(call, gate, lost, login)
        return self._judged(call, raw, gate, lost)

    def _ask_for_token(self, gate: Gate, request: TokenRequest) -> object:
        call = _Call("POST", request.url, request.body, self._login.secrets())
        raw = self._exchange(call, gate, CarrierDown, request.headers)
        if raw.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise CredentialsRefused(
                f"{self._wire.name} gives us no token ({raw.status}). Check the account's secrets and addresses."
            )
        return self._judged(call, raw, gate, CarrierDown).document

    def _exchange(self, call: _Call, gate: Gate, lost: type[CarrierError], login: Mapping[str, str]) -> _Raw:
        """One request, one answer, whatever its status."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "simline", **login}
        session = self._sessions.mine()
        gate.wait_for_slot()
        started = time.monotonic()
        try:
            response = session.request(
                call.method,
                call.url,
                data=call.body.fields if isinstance(call.body, Form) else None,
                json=call.body.document if isinstance(call.body, Json) else None,
                headers=headers,
                timeout=(min(self._wire.timeout_seconds, MOST_CONNECT_SECONDS), self._wire.timeout_seconds),
                allow_redirects=False,
                stream=True,
            )
            with response:
                body = whole_body(response, started + self._wire.timeout_seconds)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            # `from None`: the cause may print the request's headers.
            raise self._broken(call, error, time.monotonic() - started, lost) from None
        level = logging.DEBUG if response.ok else logging.INFO
        log.log(level, "%s -> %d in %.0f ms", call, response.status_code, 1000 * (time.monotonic() - started))
        return _Raw(response.status_code, response.headers, body)

    def _broken(self, call: _Call, error: Exception, seconds: float, lost: type[CarrierError]) -> CarrierError:
        trouble = type(error).__name__
        log.warning("%s -> %s in %.0f ms", call, trouble, 1000 * seconds)
        if surely_not_sent(error):
            return CarrierDown(f"{self._wire.name} cannot be reached ({trouble}); nothing was sent.")
        return lost(f"{self._wire.name} gave no usable answer to {call} within {seconds:.1f} s ({trouble}).")

    def _judged(self, call: _Call, raw: _Raw, gate: Gate, lost: type[CarrierError]) -> Reply:
        """The reply of a 2xx; every other status as its error."""
        name, status = self._wire.name, raw.status
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return self._understood(call, raw, lost)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self._limit_reached(raw, gate)
        if status == HTTPStatus.UNAUTHORIZED:
            raise CredentialsRefused(f"{name} does not take our credentials (401). Check the account's secrets.")
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise lost(f"{name} redirected {call} ({status}); redirects are not followed. Check `base_url`.")
        complaint = self._complaint(call, raw)
        if status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.REQUEST_TIMEOUT and complaint:
            sentence = f"{name} refused {call} ({status}, code {complaint.code or 'none'}): {complaint.message}"
            raise RequestRefused(sentence, complaint.code, status)
        self._heed_overload(raw, gate)
        raise lost(f"{name} answered {call} with {status}.")

    def _understood(self, call: _Call, raw: _Raw, lost: type[CarrierError]) -> Reply:
        try:
            return Reply(raw.status, raw.document(), raw.headers)
        except ValueError:
            raise lost(f"{self._wire.name} answered {call} with {raw.status} and no valid JSON.") from None

    def _complaint(self, call: _Call, raw: _Raw) -> Complaint | None:
        """The carrier's own words without our secrets. A 403 from a wall in front of the carrier counts as one."""
        try:
            said = self._wire.complaint(raw.document())
        except ValueError:
            said = None
        if said is None:
            return Complaint("", "no explanation") if raw.status == HTTPStatus.FORBIDDEN else None
        return Complaint(said.code, redacted(said.message, (*self._login.secrets(), *call.secrets)))

    def _limit_reached(self, raw: _Raw, gate: Gate) -> LimitReached:
        asked = self._wire.reset_seconds(raw.headers, time.time())
        seconds = min(self._wire.blind_wait_seconds if asked is None else asked, LONGEST_WAIT_SECONDS)
        gate.told_to_wait(seconds)
        return LimitReached(f"{self._wire.name} says that its limit is reached; again in {seconds:g} s.", seconds)

    def _heed_overload(self, raw: _Raw, gate: Gate) -> None:
        seconds = self._wire.reset_seconds(raw.headers, time.time())
        if raw.status == HTTPStatus.SERVICE_UNAVAILABLE and seconds is not None:
            gate.told_to_wait(min(seconds, LONGEST_WAIT_SECONDS))


def redacted(text: str, secrets: tuple[str, ...]) -> str:
    """A carrier's text for people: one line of at most 300 characters, without our secrets.

    >>> redacted("code H3LL0 is\\nunknown", ("H3LL0", ""))
    'code [secret] is unknown'
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return "".join(sign if sign.isprintable() else " " for sign in text)[:300]


def refuse_plain_http(url: str) -> None:
    """Raise `CarrierError` where an address would show our secrets to the network."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise CarrierError(
            f"The address of {parts.hostname} must start with https://: plain http would show our secrets."
        )
