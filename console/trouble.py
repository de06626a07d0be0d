"""No traceback reaches a person: every error becomes a sentence with what to do, and an exit status."""

import os
import re
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from cyclopts import CycloptsError, UnknownCommandError

from console.app import launch
from console.commands import CANNOT, COMMANDS, FINE, STOPPED
from console.door import CannotDo
from console.screen import OutputLost, open_screen
from console.silence import silence

STOPPED_SENTENCE = (
    "Stopped. Nothing is lost: what was taken in stands in the ledger, and `simline settle` (or the schedule) goes on."
)
_SECRET_NAMES = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|_URL$|CREDENTIAL")


def answered(words: Sequence[str]) -> int:
    """Carry out one command line and answer for whatever it raises; the exit status."""
    screen = open_screen()
    try:
        return launch(words, screen)
    except KeyboardInterrupt:
        screen.complain(STOPPED_SENTENCE)
        return STOPPED
    except CycloptsError as error:
        screen.complain(usage_sentence(error, words))
    except BrokenPipeError:  # whoever read our output has seen enough
        silence(sys.stdout)
        return FINE
    except OutputLost as lost:
        silence(sys.stdout)
        screen.complain(str(lost))
    except Exception as error:  # noqa: BLE001 - the last door: nothing behind it would tell a person anything
        screen.complain(in_words(error))
        if "--debug" in words:
            sys.stderr.write(details_of(error, os.environ))
    return CANNOT


def usage_sentence(error: CycloptsError, words: Sequence[str]) -> str:
    """What is wrong with the command line, and where its help is."""
    command = next((word for word in words if any(word == each.name for each in COMMANDS)), None)
    if command is None and isinstance(error, UnknownCommandError):
        named = (error.unused_tokens or [""])[0]
        near = get_close_matches(named, [each.name for each in COMMANDS], n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        return f"There is no command {named}.{meant} `simline --help` lists what there is."
    said = " ".join(str(error).split())
    said = said if said.endswith(("?", ".")) else f"{said}."
    return f"{said} `simline {command} --help` shows what there is." if command else said


def sentence_of(error: Exception) -> str | None:
    """The sentence of an error that we know; None for one that nobody foresaw."""
    from sqlalchemy.exc import DBAPIError

    if isinstance(error, _known()):
        return str(error)
    if isinstance(error, DBAPIError):
        said = str(error.orig).strip().splitlines()[0].rstrip(".")
        return f"The database refused: {said}. Check `[database] url` in simline.toml, and what is behind it."
    if type(error).__module__.partition(".")[0] in ("httpx", "prefect"):
        said = " ".join(str(error).split())[:200].rstrip(".")
        return f"Prefect did not do it: {said}. Check the server at PREFECT_API_URL; nothing is lost, run again."
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}. Check the name, its rights and the room on its disk."
    return None


def in_words(error: Exception) -> str:
    """The sentence of an error; of one that nobody foresaw where its details are."""
    return sentence_of(error) or _unexpected(error)


def _known() -> tuple[type[Exception], ...]:
    """The errors whose text is a sentence for people. Imported only when something went wrong."""
    from carriers.errors import CarrierError
    from channels.contract import ChannelRefused, NotDelivered
    from config.errors import ConfigurationError
    from domain.invoices import InvoiceRefused
    from domain.manifests import ManifestRefused
    from engine.acting import NotAgreed
    from engine.reconciling import CannotReconcile
    from engine.repairing import TooOld
    from flows.embedded import ServerNotStarted
    from flows.server import NotDeployed, ServerAway
    from storage.catalogue import NameTaken, NoSuchProduct
    from storage.database import DatabaseUnavailable
    from storage.manifests import LeaseLost, NoSuchManifest
    from storage.shelf.contract import ShelfUnavailable
    from storage.sources.contract import ItemChanged, SourceUnavailable
    from storage.vault import VaultLocked

    return (
        *(ChannelRefused, NotDelivered),
        *(CannotDo, CarrierError, ConfigurationError, DatabaseUnavailable, ItemChanged, LeaseLost, ManifestRefused),
        *(NameTaken, NotAgreed, NoSuchManifest, NoSuchProduct, NotDeployed, ServerAway, ServerNotStarted),
        *(CannotReconcile, InvoiceRefused, TooOld),
        *(ShelfUnavailable, SourceUnavailable, VaultLocked),
        *((outcomes.RunFailed,) if (outcomes := sys.modules.get("tasks.outcomes")) else ()),  # importing it takes 2 s
    )


def _unexpected(error: Exception) -> str:
    """Write the details down where only this user reads them, and say where that is."""
    descriptor, path = tempfile.mkstemp(prefix="simline-error-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as log:
        log.write(details_of(error, os.environ))
    kind = type(error).__name__
    return (
        f"Something happened that simline does not know ({kind}). Nothing is lost: the ledger has every step. "
        f"The details are in {path}; report them, and try again."
    )


def details_of(error: BaseException, environment: Mapping[str, str]) -> str:
    """The traceback, without the value of any environment variable whose name speaks of a secret."""
    text = "".join(traceback.format_exception(error))
    for name, value in environment.items():
        if _SECRET_NAMES.search(name):
            for secret in (value, *re.split(r"[\s,]+", value)):  # SIMLINE_KEY may hold several
                text = text.replace(secret, f"[{name}]") if len(secret) >= 6 else text
    return text
