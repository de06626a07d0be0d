"""`listen`: the door that carriers call, in the foreground."""

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from console.commands import FINE
from console.door import AtDoor, CannotDo

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

MOST_AT_ONCE = 200
FORM = "%(asctime)s %(levelname)s %(message)s"


def listen(
    *,
    port: Annotated[
        int,
        Parameter(
            metavar="PORT",
            help="Where to listen; 0 takes a free one.",
            validator=validators.Number(gte=0, lte=65_535),
        ),
    ] = 8700,
    host: Annotated[
        str, Parameter(metavar="ADDRESS", help="Leave it so where the proxy that does TLS is on this machine.")
    ] = "127.0.0.1",
    door: AtDoor,
) -> int:
    """Let carriers call when something has changed.

    A callback is a hint: the SIM is looked at sooner, by whichever worker settles. Without it polling finds the same a
    little later. Carrier accounts that have a `callback_secret` in carriers.toml are listened for.
    """
    from console.receiver import listening_accounts, receiver

    with door.engine() as context:
        accounts = listening_accounts(context)
        if not accounts:
            raise CannotDo(
                "No carrier account listens. Give one that can call a `callback_secret` under its `secrets` in "
                "carriers.toml (`simline carriers` lists the carriers)."
            )
        with bound(host, port) as opened, log_to_standard_error():
            door.screen.say(f"Listening at {url_of(opened)} for {', '.join(accounts)}.")
            door.screen.out.file.flush()
            signal.signal(signal.SIGTERM, _stop)
            with suppress(KeyboardInterrupt):  # the server has ended in order, and then repeats the signal
                server_of(receiver(context)).run(sockets=[opened])
    return FINE


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def server_of(app: "FastAPI") -> "uvicorn.Server":
    """The server of this application; its own log stays empty, for requests name secrets."""
    import uvicorn

    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        log_level="error",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_graceful_shutdown=5,
        ws="none",
    )
    return uvicorn.Server(config)


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket at this address. Raises `CannotDo`."""
    try:
        opened = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise CannotDo(f"--host {host} --port {port}: {error.strerror}. Choose another one.") from None
    with opened:
        yield opened


def url_of(opened: socket.socket) -> str:
    """Where a bound socket can be reached."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def log_to_standard_error() -> Iterator[None]:
    """One line for each callback, with its account and what became of it, and never its address."""
    ours = logging.getLogger("simline.callbacks")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORM))
    before = ours.level, ours.propagate
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    ours.propagate = False
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.setLevel(before[0])
        ours.propagate = before[1]
