"""The engine of this process: opened by the first step that needs it, shared by all, closed when the process ends."""

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from config.build import build_context, close_context
from config.loading import load_settings
from config.prepare import prepare
from config.settings import Settings
from engine.context import Context


@dataclass
class _Process:
    """What this process has opened."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    context: Context | None = None


_process = _Process()


def engine() -> Context:
    """The engine. The first call reads the settings, brings the database to this version's shape and opens everything.

    Raises `ConfigurationError` and `DatabaseUnavailable`; the next call tries again.
    """
    with _process.lock:
        if _process.context is None:
            _process.context = _opened(load_settings())
            atexit.register(close_engine)
        return _process.context


@contextmanager
def engine_of(settings: Settings) -> Iterator[Context]:
    """For the length of the block, steps of this process work with these settings instead of the environment's."""
    context = _opened(settings)
    with _process.lock:
        before, _process.context = _process.context, context
    try:
        yield context
    finally:
        with _process.lock:
            _process.context = before
        close_context(context)


def close_engine() -> None:
    """Give everything back. The next step opens it anew."""
    with _process.lock:
        context, _process.context = _process.context, None
    if context is not None:
        close_context(context)


def _opened(settings: Settings) -> Context:
    context = build_context(settings)
    try:
        prepare(context.database, settings)
    except BaseException:
        close_context(context)
        raise
    return context
