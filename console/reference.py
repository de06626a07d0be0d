"""docs/command-line.md out of the commands' own help: `python -m console.reference` prints it."""

import sys
from io import StringIO

from cyclopts import App
from rich.console import Console

from console.app import make_app
from console.commands import COMMANDS, overview
from console.screen import COLOURS, Screen

HEAD = """# The command line

This page is made from the commands' own help (`python -m console.reference > docs/command-line.md`), so it is true.

Exit statuses, of every command:

| status | meaning |
|---|---|
| 0 | all is well; what is still in progress goes on by itself |
| 1 | the work was done, and something in it needs a person: rejected lines, failed SIMs, a receipt that waits |
| 2 | it could not be done; one sentence on the standard error says why and what to do |
| 130 | stopped by a person; nothing is lost |

`import` and `plan` end with 2 for a file that is refused or quarantined, for nothing of it was done; a sweep goes on
with the other files, and ends with 1. A file in which no line is an ICCID gives 1, and so do SIMs that wait for a
carrier whose last answer was a failure.

Where there is no terminal, lines are plain and rows are whole. On a terminal that is too narrow for whole numbers and
names side by side, each row's cells stand one below the other. `NO_COLOR` is respected. What lists also has `--json`.

With `PREFECT_API_URL` set, `import`, `approve`, `rerun`, `resume` and `decide` read and judge here, start the
deployment `provision` on that server, and follow it; `deactivate`, `activate` and `release` plan here and start
`settle`; `pick-up`, `settle`, `watch`, `usage collect` and `usage report` leave all of it to their deployments, and
need neither the sources nor the carriers' secrets on this machine; `reconcile` leaves the comparing to its deployment,
and its repairs to `settle`. Without, or with `--here`, they do the work in their own process. The variable alone
counts, not a profile of Prefect's.

"""


def command_line_page() -> str:
    """The whole page."""
    parts = [HEAD + _block(overview() + "\n")]
    for command in COMMANDS:
        parts.append(f"\n## {command.name}\n\n{_block(help_of(command.name))}")
        for name in subcommands(command.name):
            parts.append(f"\n### {command.name} {name}\n\n{_block(help_of(command.name, name))}")
    return "".join(parts)


def help_of(*words: str) -> str:
    """What --help says of one command, without the options that all commands share."""
    paper = _paper()
    with paper.capture() as written:
        make_app(Screen(paper, paper))([*words, "--help"])
    return written.get()


def subcommands(name: str) -> list[str]:
    """The commands below a command, as `products add`."""
    command = make_app(Screen(_paper(), _paper()))[name]
    return sorted(name for name in command if not name.startswith("-")) if isinstance(command, App) else []


def _paper() -> Console:
    return Console(file=StringIO(), width=80, theme=COLOURS)


def _block(text: str) -> str:
    return "".join(f"    {line}".rstrip() + "\n" for line in text.rstrip().splitlines())


if __name__ == "__main__":
    sys.stdout.write(command_line_page())
