"""How the help of a command looks: paragraphs that fill the line, options in two columns, no boxes."""

import textwrap
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import ConsoleOptions

WIDEST = 100
FIRST_COLUMN = 26


class HelpPages:
    """A cyclopts help formatter, the same on a terminal and elsewhere but for the bold headings."""

    def render_usage(self, console: Console, options: "ConsoleOptions", usage: Any) -> None:  # noqa: ARG002
        """The first line."""
        if usage:
            _print(console, f"Usage: {_plain(usage).removeprefix('Usage:').strip()}\n")

    def render_description(self, console: Console, options: "ConsoleOptions", description: Any) -> None:  # noqa: ARG002
        """What the command does, its paragraphs filled anew."""
        for paragraph in filter(None, _plain(description).split("\n\n")):
            _print(console, textwrap.fill(" ".join(paragraph.split()), _width(console), break_on_hyphens=False) + "\n")

    def __call__(self, console: Console, options: "ConsoleOptions", panel: "HelpPanel") -> None:  # noqa: ARG002
        """One list: arguments, options or commands."""
        if not panel.entries:
            return
        title = _plain(panel.title).replace("Parameters", "Options")
        console.print(Text(f"{title}:", style="heading"), soft_wrap=True)
        for entry in panel.entries:
            _print(console, _in_columns(", ".join(_labels(entry)), _words(entry), _width(console)))
        console.print()


def _labels(entry: "HelpEntry") -> tuple[str, ...]:
    labels = entry.display_labels_with_metavar
    return tuple(label for label in labels if label) or entry.positive_names


def _words(entry: "HelpEntry") -> str:
    """The sentence, then what may be chosen, what holds otherwise, and whether it must be given."""
    words = [_plain(entry.description)]
    words += [f"One of {', '.join(entry.choices)}."] if entry.choices else []
    words += [f"Default: {entry.default}."] if entry.default not in (None, '""', "{}") else []
    words += ["Required."] if entry.required else []
    return " ".join(filter(None, words))


def _in_columns(label: str, words: str, width: int) -> str:
    """The label, and the words beside it or, where it is too long, below it."""
    indent = " " * FIRST_COLUMN
    filled = textwrap.wrap(words, width - FIRST_COLUMN, break_long_words=False, break_on_hyphens=False) or [""]
    beside = len(label) + 4 <= FIRST_COLUMN
    first = f"  {label}".ljust(FIRST_COLUMN) + filled[0] if beside else f"  {label}\n{indent}{filled[0]}"
    return "\n".join([first.rstrip(), *(indent + line for line in filled[1:])])


def _plain(content: Any) -> str:
    """The text of whatever cyclopts hands over: text, or something for a console."""
    if content is None or isinstance(content, str | Text):
        return str(content or "").strip()
    paper = Console(file=StringIO(), width=10_000, no_color=True, markup=False, highlight=False)
    with paper.capture() as written:
        paper.print(content)
    return "\n".join(line.rstrip() for line in written.get().splitlines()).strip()


def _width(console: Console) -> int:
    return min(console.width, WIDEST)


def _print(console: Console, text: str) -> None:
    console.print(Text(text), soft_wrap=True)
