"""A person's yes, before something is done."""

import sys

from console.door import CannotDo, Door
from reports.verdict import Tone


def agreed(door: Door, sentence: str, option: str = "--yes") -> bool:
    """Whether somebody at the terminal agrees. Raises `CannotDo`, naming the option, where nobody can be asked."""
    if not (door.screen.is_live and sys.stdin.isatty()):
        raise CannotDo(f"{sentence} Say {option} to agree: there is no terminal to ask at.")
    door.screen.say(sentence, Tone.ATTENTION)
    return door.screen.out.input("Go on? [y/N] ").strip().lower() in ("y", "yes")


def refuse_empty_reason(reason: str, example: str) -> None:
    """A reason says something. Raises `CannotDo`."""
    if len(reason.strip()) < 3:
        raise CannotDo(f"Say why, in a few words: --reason '{example}'.")
