"""What a command could not do beside what it did: a sentence for each cause, and again only when it is news."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from console.screen import Screen

if TYPE_CHECKING:
    from engine.troubles import Tell, Trouble

InWords = Callable[[Exception], str]


def unless_database(tell: "Tell") -> "Tell":
    """Without the database nothing else can be done either: that is raised instead of told."""
    from storage.database import DatabaseUnavailable

    def told(trouble: "Trouble") -> None:
        if isinstance(trouble.error, DatabaseUnavailable):
            raise trouble.error
        tell(trouble)

    return told


def in_words(error: Exception) -> str:
    """The sentence of an error."""
    from console import trouble  # what it needs is imported only when something went wrong

    return trouble.in_words(error)


def waiting_manifests(troubles: "Iterable[Trouble]", words: InWords = in_words) -> list[str]:
    """Why sources, deliveries and carrier accounts were left as they are."""
    from engine.picking_up import NOT_READ
    from engine.troubles import in_sentences

    return in_sentences(troubles, NOT_READ, words)


def waiting_receipts(troubles: "Iterable[Trouble]", words: InWords = in_words) -> list[str]:
    """Why receipts were not made or put."""
    from engine.receipts import NOT_PUT
    from engine.troubles import in_sentences

    return in_sentences(troubles, NOT_PUT, words)


class Heard:
    """What a watch complains of: a trouble that lasts is said once, and once more when it has come back."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._before: set[str] = set()
        self._now: set[str] = set()
        self._words: dict[str, str] = {}

    def complain(self, sentences: Iterable[str]) -> None:
        """Those that are news."""
        from engine.troubles import steady

        for sentence in sentences:
            if self.is_news(steady(sentence)):
                self._screen.complain(sentence)

    def is_news(self, what: str) -> bool:
        """Whether it was not so in the look before, nor was said in this one."""
        is_new = what not in self._before | self._now
        self._now.add(what)
        return is_new

    def in_words(self, error: Exception) -> str:
        """The sentence of an error; the details of one that nobody foresaw are written down once."""
        from engine.troubles import steady

        key = f"{type(error).__name__} {steady(str(error))}"
        if key not in self._words:
            self._words[key] = in_words(error)
        return self._words[key]

    def next_look(self) -> None:
        """What is not heard again from now on has passed."""
        self._before, self._now = self._now, set()
