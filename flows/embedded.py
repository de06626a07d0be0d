"""Prefect inside this process, for one machine and one file: its server runs in a thread and ends with us.

Prefect's own embedded mode starts a second process, takes twice as long, and leaves that process behind when this one
is killed. A thread cannot outlive its process.
"""

import contextvars
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flows.unheard import unheard

if TYPE_CHECKING:
    from uvicorn import Server

STARTUP_SECONDS = 120.0


class ServerNotStarted(Exception):
    """Prefect's server did not come up. The sentence says where to look."""


@contextmanager
def embedded(home: Path, *, log_level: str = "WARNING") -> Iterator[str]:
    """Flows called in this block are recorded by a server in this process; yields its address.

    `home` keeps Prefect's own records (never ours) and makes the next start faster. Nothing is told to anybody else.
    Raises `ServerNotStarted`.
    """
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.embedded_settings import embedded_settings

    home.mkdir(parents=True, exist_ok=True)
    with temporary_settings(embedded_settings(home.resolve(), log_level)):
        logging.getLogger("prefect").setLevel(log_level)  # Prefect set its loggers up when it was imported
        server, thread = _started()
        port = server.servers[0].sockets[0].getsockname()[1]
        address = f"http://127.0.0.1:{port}/api"
        try:
            with temporary_settings({PREFECT_API_URL: address}):
                yield address
        finally:
            with unheard(thread):
                server.should_exit = True
                thread.join(STARTUP_SECONDS)


def _started() -> "tuple[Server, threading.Thread]":
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(ephemeral=True, ignore_cache=True)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="on"))
    run = contextvars.copy_context().run
    thread = threading.Thread(target=run, args=(server.run,), daemon=True, name="prefect server")
    thread.start()
    ends = time.monotonic() + STARTUP_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > ends:
            raise ServerNotStarted("Prefect's embedded server did not start. Its own words stand above this line.")
        time.sleep(0.05)
    return server, thread
