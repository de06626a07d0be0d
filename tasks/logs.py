"""Logs of a run that say which manifest and which carrier account they are about."""

import logging
import threading
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger

from domain.texts import first_few

OURS = "simline"
"""The logger under which everything below flows writes."""

NAMED = 3
"""Manifests that one line names."""

RunLogger = logging.Logger | logging.LoggerAdapter[logging.Logger]


class NamedLogger(logging.LoggerAdapter[Any]):
    """Puts the manifest and the carrier account in front of each sentence."""

    def __init__(self, logger: RunLogger, *about: str | None) -> None:
        super().__init__(logger, {})
        self._about = " ".join(name for name in about if name)

    def of(self, manifests: Iterable[str]) -> "NamedLogger":
        """The same, with these manifests in front: the first few and how many more."""
        return NamedLogger(self.logger, first_few(sorted(manifests), NAMED), self._about)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """The sentence with its subject."""
        return f"{self._about}: {msg}" if self._about else msg, kwargs


class _IntoRunLog(logging.Handler):
    """Takes to one run's log what this step's thread, and the carrier account's own threads, write elsewhere."""

    def __init__(self, log: NamedLogger, account: str | None) -> None:
        super().__init__(logging.INFO)
        self._log = log
        self._thread = threading.get_ident()
        self._threads = f"send-{account}" if account else None

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record on when it belongs to this step."""
        from_pool = self._threads is not None and (record.threadName or "").startswith(f"{self._threads}_")
        if from_pool or record.thread == self._thread:
            self._log.log(record.levelno, record.getMessage())


@contextmanager
def run_log(*, manifest: str | None = None, account: str | None = None) -> Iterator[NamedLogger]:
    """The run's log for one step; what the engine and the carriers log during the step goes there too."""
    log = NamedLogger(_logger(), manifest, account)
    ours = logging.getLogger(OURS)
    handler = _IntoRunLog(log, account)
    ours.setLevel(logging.INFO)
    ours.addHandler(handler)
    try:
        yield log
    finally:
        ours.removeHandler(handler)


def _logger() -> RunLogger:
    """The run's; outside of runs (a test, a step called by hand) a plain one."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("tasks")
