"""What every command is handed: the screen, and the settings, database and engine, opened when they are asked for."""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.screen import Screen, open_screen

if TYPE_CHECKING:
    from config.settings import Settings
    from engine.context import Context, Progress
    from storage.database import Database


class CannotDo(Exception):
    """A command cannot be carried out. The sentence says what to do."""


@dataclass
class Door:
    """One invocation. Nothing is read or opened before a command asks for it."""

    config: Path | None = None
    screen: Screen = field(default_factory=open_screen)

    def settings(self) -> "Settings":
        """The settings of this invocation. Raises `ConfigurationError`, and `CannotDo` where nothing is configured."""
        from config.loading import load_settings

        given = self.config or os.environ.get("SIMLINE_CONFIG") or os.environ.get("SIMLINE_DATABASE__URL")
        if not given and not Path("simline.toml").is_file():
            raise CannotDo("There is no simline.toml here. Name one with --config, or write one with `simline init`.")
        return load_settings(self.config)

    @contextmanager
    def ledger(self, *, to_write: bool = False, makes_none: bool = False) -> Iterator["Database"]:
        """The database alone: no carrier's secret is needed, and who only looks waits for no writer.

        Raises `DatabaseUnavailable`; `CannotDo` where there is none and the command `makes_none`: an empty one in its
        place would look like a ledger that was lost.
        """
        from config.prepare import prepare
        from storage.database import Database, describe, is_missing
        from storage.migrate import is_current

        settings = self.settings()
        if makes_none and is_missing(settings.database_url()):
            raise CannotDo(
                f"There is no {describe(settings.database_url())} yet: `simline check` or the first import makes it. "
                "If there should be one, correct `[database] url`."
            )
        database = Database(settings.database_url())
        try:
            if to_write or not is_current(database):
                prepare(database, settings)
            yield database
        finally:
            database.close()

    @contextmanager
    def engine(self, watch: "Callable[[Progress], None] | None" = None) -> Iterator["Context"]:
        """Everything that the settings name, with the ledger in this version's shape."""
        from config.build import build_context, close_context
        from config.prepare import prepare
        from engine.context import nobody_watches

        settings = self.settings()
        context = build_context(settings, watch=watch or nobody_watches)
        try:
            prepare(context.database, settings)
            yield context
        finally:
            close_context(context)

    @property
    def actor(self) -> str:
        """Who stands behind what this invocation does: the name goes into the history of each SIM."""
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return "command line"


AtDoor = Annotated[Door, Parameter(parse=False)]
"""How a command says that it wants the door; the launcher hands it in."""
