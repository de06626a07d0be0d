"""The web application that carriers call: it proves the call, hands on the hint, and says as little as it can.

Whatever is wrong with an address (no such account, a wrong secret, a forged signature) is the same 404. The secret
stands in the address: no line of a log holds one.
"""

import asyncio
import hmac
import logging
import time
from collections import Counter

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from carriers.contract import Callback, Calling
from carriers.errors import Forged
from engine.context import Context
from engine.hints import hint
from storage.database import DatabaseUnavailable

MOST_BODY_BYTES = 64 << 10
LONGEST_BODY_SECONDS = 10.0
AT_ONCE = 8
"""Looks into the ledger at the same time; whoever floods us waits for them in turn."""
TYPES = {"", "application/x-www-form-urlencoded", "application/json"}
NOBODY = "an account that does not listen"

log = logging.getLogger("simline.callbacks")


def listening_accounts(context: Context) -> list[str]:
    """The carrier accounts whose callbacks come in: their carrier can call, and a secret is configured."""
    return sorted(
        name
        for name, work in context.carriers.items()
        if work.callback_secret and work.carrier.capabilities.calls_back and isinstance(work.carrier, Calling)
    )


def receiver(context: Context) -> FastAPI:
    """The application for these carrier accounts. The context stays its caller's."""
    app = FastAPI(openapi_url=None, redirect_slashes=False, exception_handlers={HTTPException: _without_a_word})
    desk = Desk(context)

    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/callbacks/{account}/{secret}")
    async def called(account: str, secret: str, request: Request) -> Response:
        return Response(status_code=await desk.take(account, secret, request))

    return app


async def _without_a_word(_request: Request, error: Exception) -> Response:
    """No address but ours exists, and all others look alike."""
    return Response(status_code=error.status_code if isinstance(error, HTTPException) else 500)


class TooLong(Exception):
    """A body past the bound, whatever its headers said."""


class Desk:
    """Takes callbacks in. One for each application, in one event loop; the database is asked in other threads."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._secrets = {name: context.carriers[name].callback_secret or "" for name in listening_accounts(context)}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def take(self, account: str, secret: str, request: Request) -> int:
        """Take one callback; the status of its answer."""
        if not self._is_right(account, secret):
            return self._refused(account if account in self._secrets else NOBODY, "wrong address", 404)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in TYPES:
            return self._refused(account, "neither form nor JSON", 415)
        try:
            async with asyncio.timeout(LONGEST_BODY_SECONDS):
                body = await whole_body(request)
        except TooLong:
            return self._refused(account, "body too long", 413)
        except TimeoutError:
            return self._refused(account, "body too slow", 408)
        except ClientDisconnect:  # nobody reads the answer
            return self._refused(account, "body cut off", 400)
        callback = Callback(request.url.query, dict(request.headers.items()), body, time.time())
        async with self._turn:
            return await run_in_threadpool(self._listen, account, callback)

    def _is_right(self, account: str, secret: str) -> bool:
        """Compared in constant time, for an account that is not there too."""
        expected = self._secrets.get(account, "")
        return hmac.compare_digest(secret.encode(), expected.encode()) and expected != ""

    def _listen(self, account: str, callback: Callback) -> int:
        carrier = self._context.carriers[account].carrier
        assert isinstance(carrier, Calling)  # noqa: S101 - only those have an address
        try:
            heard = carrier.heard(callback)
            sooner = heard is not None and hint(self._context, account, heard)
        except Forged:
            return self._refused(account, "forged", 404)
        except DatabaseUnavailable:
            return self._refused(account, "the database is away", 503)
        log.info("Callback for %s: %s", account, "looked at sooner" if sooner else "nothing to look at sooner")
        return 204

    def _refused(self, account: str, outcome: str, status: int) -> int:
        """The status. The 1st, 2nd, 4th, 8th... of a kind is logged with its number: a flood fills no disk."""
        self._counts[account, outcome] += 1
        count = self._counts[account, outcome]
        if count & (count - 1) == 0:
            log.warning("Callback for %s: %s (number %d of these)", account, outcome, count)
        return status


async def whole_body(request: Request) -> bytes:
    """The body, counted while it is read. Raises `TooLong`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise TooLong
    return bytes(body)
