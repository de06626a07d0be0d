"""A thread whose last words are of no use to anybody."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unheard(thread: threading.Thread) -> Iterator[None]:
    """What this thread logs in the block is shown to nobody.

    A server that ends breaks off what it was writing down about our runs, and each time tells so with a traceback.
    Nothing of ours hangs on that: the ledger is another database.
    """

    def is_of_another(record: logging.LogRecord) -> bool:
        return record.thread != thread.ident

    handlers = list(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(is_of_another)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(is_of_another)
