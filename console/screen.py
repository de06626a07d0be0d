"""What people see: short sentences with a sign, tables with numbers to the right. Calm, and plain where nobody looks.

Foreign text (file names, carriers' words) is shown with its hidden characters written out and is never markup. Without
a terminal there are no control codes and no wrapped sentences, so that scripts can search the lines.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from io import StringIO
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.text import Text
from rich.theme import Theme

from console.silence import silence
from console.tables import Column, Fit, drawn_table, fitting_widths, stacked
from reports.cells import visible
from reports.verdict import Tone

SIGNS: dict[Tone, str] = {
    Tone.GOOD: "✓",
    Tone.MOVING: "…",
    Tone.ATTENTION: "!",
    Tone.REFUSED: "✗",
    Tone.QUIET: "·",
}
__all__ = ["Column", "Fit", "OutputLost", "Screen", "lasting", "open_screen", "toned", "when"]
UNBROKEN = 1_000
"""So wide is a table where nobody looks: scripts get every cell whole, one row a line."""
COLOURS = Theme(
    {
        "good": "green",
        "moving": "cyan",
        "attention": "yellow",
        "refused": "red",
        "quiet": "dim",
        "heading": "bold",
    },
    inherit=False,
)


class Screen:
    """Where a command writes: results to `out`, complaints to `err`."""

    def __init__(self, out: Console, err: Console) -> None:
        self.out = out
        self.err = err

    @property
    def is_live(self) -> bool:
        """Whether somebody watches, so that lines may be drawn anew."""
        return self.out.is_terminal and not self.out.is_dumb_terminal

    def beside_json(self, as_json: bool) -> "Screen":
        """Itself; or, where the output is one JSON document, a screen that says everything on the standard error."""
        return Screen(self.err, self.err) if as_json else self

    def say(self, sentence: str, tone: Tone | None = None, *, more: str = "") -> None:
        """One sentence, with the sign of its tone; `more` follows quietly."""
        _print(self.out, sentence, tone, more)

    def complain(self, sentence: str) -> None:
        """What went wrong and what to do, one line for each sentence given."""
        for line in sentence.splitlines():
            _print(self.err, line, Tone.REFUSED, "")

    @contextmanager
    def busy(self, sentence: str) -> Iterator[None]:
        """What the block does, for whoever watches and may wait some seconds; gone when it ends. Elsewhere nothing."""
        if not self.is_live:
            yield
            return
        with self.out.status(Text(sentence, style="quiet"), spinner_style="moving"):
            yield

    def gap(self) -> None:
        """An empty line."""
        self.out.print()

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[object]], *, indent: int = 0) -> None:
        """Rows under their titles. A number has its thousands parted; None is an empty cell.

        Nothing is cut in silence: where the screen has no room for whole numbers and names side by side, each row's
        cells stand one below the other.
        """
        cells = [[_cell(content) for content in row] for row in rows]
        if not self.is_live:
            self._draw_unbroken(Padding(drawn_table(columns, cells), (0, 0, 0, indent)))
            return
        widths = fitting_widths(columns, cells, self.out.width - indent)
        drawn = drawn_table(columns, cells, widths) if widths else stacked(columns, cells)
        self.out.print(Padding(drawn, (0, 0, 0, indent if widths else 0)))

    def _draw_unbroken(self, content: Padding) -> None:
        drawn = StringIO()
        Console(file=drawn, width=UNBROKEN, theme=COLOURS).print(content)
        for line in drawn.getvalue().splitlines():
            self.out.print(Text(line.rstrip()), soft_wrap=True)

    def json(self, content: object) -> None:
        """The same for programs: one JSON document."""
        text = json.dumps(content, indent=2, default=_plain, ensure_ascii=False)
        try:
            self.out.file.write(text + "\n")
            self.out.file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _lost(error) from None


def _print(console: Console, sentence: str, tone: Tone | None, more: str) -> None:
    text = Text()
    if tone is not None:
        text.append(f"{SIGNS[tone]} ", style=tone.value)
    text.append(visible(sentence))
    if more:
        text.append(f"  {visible(more)}", style="quiet")
    console.print(text, soft_wrap=not console.is_terminal)


def _cell(content: object) -> Text:
    if isinstance(content, Text):
        return content
    if isinstance(content, bool):
        return Text("yes" if content else "no")
    if isinstance(content, int):
        return Text(f"{content:,}")
    return Text("" if content is None else visible(str(content)))


def toned(text: str, tone: Tone) -> Text:
    """Text in its tone's colour."""
    return Text(visible(text), style=tone.value)


def when(at: datetime | None) -> str:
    """`2026-11-22 17:03` in UTC; nothing for no time."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if at else ""


def lasting(seconds: float) -> str:
    """A duration in the two largest units that matter: `1 min 15 s`, `2 d 7 h`."""
    whole = max(0, round(seconds))
    for size, unit, smaller_size, smaller in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def _plain(value: object) -> object:
    """What JSON does not know: dataclasses, words, times, paths."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return sorted(value) if isinstance(value, set | frozenset) else list(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def open_screen(out: TextIO | None = None, err: TextIO | None = None) -> Screen:
    """The terminal of this process, or the given streams. NO_COLOR and a dumb terminal are respected."""
    return Screen(_console(out or sys.stdout), _console(err or sys.stderr))


class OutputLost(Exception):
    """What we say cannot be written where it should go: a full disk, as a rule. The sentence says so."""


def _lost(error: OSError) -> OutputLost:
    return OutputLost(
        f"The output cannot be written: {error.strerror}. Make room there, or send it elsewhere; what was done stays "
        "done, and running again is safe."
    )


class _Console(Console):
    """Goes on working, in silence, when whoever read its output has seen enough: an import must not end by that."""

    def _write_buffer(self) -> None:
        try:
            super()._write_buffer()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _lost(error) from None

    def on_broken_pipe(self) -> None:
        """Nobody reads any more."""
        self.quiet = True
        silence(self.file)


def _console(stream: TextIO) -> Console:
    dumb = os.environ.get("TERM") in ("dumb", "unknown")
    return _Console(
        file=stream,
        theme=COLOURS,
        markup=False,
        highlight=False,
        emoji=False,
        no_color=True if dumb or os.environ.get("NO_COLOR") else None,
    )
