"""The commands as cyclopts knows them: each is imported when it is called, and no sooner."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Group, Parameter

from console.commands import COMMANDS, FINE, PURPOSE
from console.door import Door
from console.help_pages import HelpPages
from console.screen import Screen, open_screen

COMMON = Group("With every command", sort_key=99)
STDIN = "/dev/stdin"
SILENCE = logging.NullHandler()


def make_app(screen: Screen) -> App:
    """The whole command line, without anything behind it loaded."""
    app = App(
        name="simline",
        help=PURPOSE.replace("\n", " "),
        help_format="plaintext",
        help_formatter=HelpPages(),
        version_flags=(),
        default_parameter=Parameter(negative=(), negative_iterable=()),
        group_parameters=Group("Options", sort_key=1),
        console=screen.out,
        error_console=screen.err,
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
    )
    for command in COMMANDS:
        app.command(command.target, name=command.name, group=command.group)
    return app


def launch(words: Sequence[str], screen: Screen | None = None) -> int:
    """Carry out one command line; its exit status. Raises what the command raises, and `CycloptsError`."""
    screen = screen or open_screen()
    app = make_app(screen)
    app.meta.suppress_keyboard_interrupt = False  # console.trouble has a sentence for it

    @app.meta.default
    def carry_out(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        config: Annotated[Path | None, Parameter(group=COMMON, metavar="FILE", help="Use this simline.toml.")] = None,
        debug: Annotated[
            bool, Parameter(group=COMMON, help="Show the details of an error.", show_default=False)
        ] = False,
    ) -> int:
        with _log(debug=debug):
            return _call(app, tokens, Door(config, screen))

    status: int | None = app.meta(_with_stdin(words))
    return status or FINE


@contextmanager
def _log(*, debug: bool) -> Iterator[None]:
    """Our own log only: what matters reaches people as a sentence, and other libraries' details may hold secrets."""
    retries = logging.getLogger("stamina")  # it warns of each; a carrier that is down is a sentence of ours
    retries.addHandler(SILENCE)
    retries.propagate = False
    ours = logging.getLogger("simline")
    handler = logging.StreamHandler() if debug else logging.NullHandler()
    before = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.DEBUG if debug else before)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.setLevel(before)
        retries.propagate = True
        retries.removeHandler(SILENCE)


def _call(app: App, tokens: Sequence[str], door: Door) -> int:
    command, bound, left = app.parse_args(tokens)
    extra: dict[str, Any] = {"door": door} if "door" in left else {}
    status: int | None = command(*bound.args, **bound.kwargs, **extra)
    return status or FINE


def _with_stdin(words: Sequence[str]) -> list[str]:
    """A lone `-` means the standard input, as everywhere."""
    return [STDIN if word == "-" else word for word in words]
