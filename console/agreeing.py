"""A person's yes, and a person's reason."""

import sys
from typing import Annotated

from cyclopts import Parameter

from console.door import CannotDo, Door
from reports.verdict import Tone

SHORTEST_REASON = 3

Yes = Annotated[bool, Parameter(help="Do not ask.", show_default=False)]
YesRelease = Annotated[bool, Parameter(help="Do not ask, although a release is for good.", show_default=False)]


def agreed(door: Door, sentence: str, option: str = "--yes") -> bool:
    """Whether the person at the terminal says yes. Raises `CannotDo`, naming the option, where nobody can be asked."""
    if not (door.screen.is_live and sys.stdin.isatty()):
        raise CannotDo(f"{sentence} Say {option} to agree: there is no terminal to ask at.")
    door.screen.say(sentence, Tone.ATTENTION)
    return door.screen.out.input("Go on? [y/N] ").strip().lower() in ("y", "yes")


def must_say_why(reason: str, example: str) -> None:
    """Raise `CannotDo` for a reason that says nothing."""
    if len(reason.strip()) < SHORTEST_REASON:
        raise CannotDo(f"Say why, in a few words: --reason '{example}'.")
