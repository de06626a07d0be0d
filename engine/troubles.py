"""What goes wrong with one source, delivery or receipt is told, and the others have their turn."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from domain.texts import first_few
from engine.context import Stopwatch

PATIENCE_SECONDS = 30.0
"""A source whose failures took so long is left until the next time: one that times out must not hold up all work."""

NAMED = 3
"""So many deliveries or manifests are named in one sentence."""
_RANDOM = re.compile(r"[0-9a-f]{32}|(?<=receipt-)m-[0-9a-f]{12}-\w{8}")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong with a source (`name` is empty), or with a delivery or manifest of it."""

    source: str
    name: str
    error: Exception


Tell = Callable[[Trouble], None]
"""Where troubles are told. When it returns, the work goes on."""


def raised(trouble: Trouble) -> None:
    """The first trouble ends the work."""
    raise trouble.error


class Attempts:
    """Tries one thing after the other and tells what fails."""

    def __init__(self, stopwatch: Stopwatch, tell: Tell) -> None:
        self._stopwatch = stopwatch
        self._tell = tell
        self._lost_seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def trying(self, source: str, name: str = "") -> Iterator[None]:
        """An error of the block is told, whatever it is; Ctrl-C is none."""
        started = self._stopwatch.monotonic()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - one that nobody foresaw must not hold up the others either
            self._lost_seconds[source] += self._stopwatch.monotonic() - started
            self._tell(Trouble(source, name, error))

    def has_patience(self, source: str) -> bool:
        """Whether the source's next thing is tried too."""
        return self._lost_seconds[source] < PATIENCE_SECONDS


def in_sentences(troubles: Iterable[Trouble], what: str, says: Callable[[Exception], str] = str) -> list[str]:
    """Each cause once, behind what it holds up, the first few by name; the cause of a whole source stands alone."""
    causes: dict[str, list[Trouble]] = {}
    for one in troubles:
        causes.setdefault(steady(str(one.error)), []).append(one)
    return [_sentence(what, met, says(met[0].error)) for met in causes.values()]


def _sentence(what: str, met: list[Trouble], said: str) -> str:
    names = [one.name for one in met if one.name]
    return f"{what}: {first_few(names, NAMED)}. {said}" if names else said


def steady(sentence: str) -> str:
    """The sentence without the random names of our own temporary files: the same trouble is the same text.

    >>> steady("Permission denied (/nas/.records/0123456789abcdef0123456789abcdef.part).")
    'Permission denied (/nas/.records/.part).'
    """
    return _RANDOM.sub("", sentence)
