"""`init`, `check`, `carriers` and `version`: before the first manifest."""

import os
import platform
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.commands import CANNOT, FINE
from console.door import AtDoor, CannotDo, Door
from console.planning import AsJson
from domain.texts import first_few
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from config.alert_sections import MailSection, WebhookSection
    from config.settings import Settings

NAMED = 5
"""Missing parts of a database that one sentence names."""

Finding = tuple[str, bool, str]
"""What was looked at, whether it is well, and a sentence."""


def init(
    folder: Annotated[Path, Parameter(help="Where the files go.")] = Path(),
    /,
    *,
    key: Annotated[bool, Parameter(help="Make a value for SIMLINE_KEY and nothing else.", show_default=False)] = False,
    door: AtDoor,
) -> int:
    """Write a configuration to begin with, or make a key.

    Three commented files; nothing that is there already is touched. The folders in which manifests are dropped are made
    too. Where simline.toml is there already, only the folders that its sources lack are made: see first that every
    drive is mounted. With --key it prints a fresh key for registration codes: put it into the environment, and keep it
    safe.
    """
    from config.starter import FILES, new_key, write_starter

    if key:
        door.screen.out.print(new_key(), soft_wrap=True)
        return FINE
    if (there := folder / FILES[0]).is_file():
        door.screen.say(f"{there} is already there and was left alone.", Tone.QUIET)
        if not _make_folders(door, there):
            door.screen.say("Every folder of its sources is there.", Tone.GOOD)
        return FINE
    written = write_starter(folder)
    for path in written:
        door.screen.say(str(path), Tone.GOOD)
    _make_folders(door, written[0])
    door.screen.gap()
    door.screen.say("Next: put your carrier account and plans in, set SIMLINE_KEY (`simline init --key`), then run")
    door.screen.say(f"  cd {folder} && simline check" if folder != Path() else "  simline check")
    return FINE


def _make_folders(door: Door, file: Path) -> bool:
    """Make what this configuration's sources lack, and say it; whether there was anything to make."""
    from config.build import make_folders
    from config.loading import load_settings

    made = make_folders(load_settings(file))
    for path in made:
        door.screen.say(str(path), Tone.GOOD, more="drop manifests here" if path.name == "inbox" else "")
    return bool(made)


def check(*, as_json: AsJson = False, door: AtDoor) -> int:
    """See whether everything configured can be reached.

    The configuration, the database, every carrier account, every source, every alert channel and the place of the
    reports, with one sentence each. Nothing is changed at a carrier, and no alert is sent. The exit status is 2 when
    anything fails.
    """
    found = []
    for what, is_well, sentence in _findings(door):
        found.append({"what": what, "ok": is_well, "sentence": sentence})
        if not as_json:
            door.screen.say(f"{what}: {sentence}", Tone.GOOD if is_well else Tone.REFUSED)
    if as_json:
        door.screen.json(found)
    return FINE if all(one["ok"] for one in found) else CANNOT


def _findings(door: Door) -> Iterator[Finding]:
    from config.errors import ConfigurationError

    try:
        settings = door.settings()
    except (CannotDo, ConfigurationError) as error:
        yield "configuration", False, str(error)
        return
    file, more = _file_read(door)
    counts = f"{counted(len(settings.products), 'product')}, {counted(len(settings.plans), 'plan')}"
    yield "configuration", True, f"{file} can be read; {counts}.{more}"
    yield _found("database", lambda: _database(door))
    yield _found("key", lambda: _key(settings))
    if (key := settings.key) is not None:
        yield _found("stored codes", lambda: _codes(door, key.get_secret_value()))
    for name in settings.carrier_accounts:
        yield _found(f"carrier account {name}", partial(_carrier, settings, name))
    yield from _left_alone(door, settings)
    yield from _sources(settings)
    for channel in settings.alerts.channels():
        yield _found(f"alert channel {channel.name}", partial(_channel, channel))
    yield _found("reports", lambda: _reports(settings))


def _file_read(door: Door) -> tuple[str, str]:
    """Which simline.toml it was, and a sentence on one here that it was not."""
    from config.loading import main_file

    file, here = main_file(door.config), Path("simline.toml")
    if file is None:
        return "The environment alone", ""
    if not here.is_file() or here.samefile(file):
        return str(file.absolute()), ""
    names = "--config" if door.config else "SIMLINE_CONFIG"
    return str(file.absolute()), f" The simline.toml here is not used: {names} names that one."


def _found(what: str, look: Callable[[], str]) -> Finding:
    """A look as a finding: the errors that we know are sentences, the others are raised."""
    from console.trouble import sentence_of

    try:
        return what, True, look()
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        return what, False, sentence


def _database(door: Door) -> str:
    from storage.database import describe
    from storage.shape import lacking

    with door.ledger() as database:  # only looks: to write first would fail without saying why
        if missing := lacking(database):
            raise CannotDo(
                f"{describe(database.url)} lacks {first_few(missing, NAMED)}: it was made by an older simline. "
                "Let `[database] url` name a new, empty one and drop the manifests again (docs/runbook.md, Upgrade)."
            )
    with door.ledger(to_write=True) as database:
        return f"{describe(database.url)} can be written and has this version's shape."


def _key(settings: "Settings") -> str:
    from storage.vault import Vault

    if settings.key is None:
        return "SIMLINE_KEY is not set: only manifests without registration codes can be taken."
    several = Vault(settings.key.get_secret_value()).key_count > 1
    return f"SIMLINE_KEY can seal registration codes{', with the first of its keys' if several else ''}."


def _codes(door: Door, key: str) -> str:
    """Whether the key is the one of the codes that lie in the ledger; a few of them tell."""
    from storage import sealing
    from storage.vault import Vault

    with door.ledger() as database, database.read() as tx:
        stored, opened = sealing.try_some(tx, Vault(key))
    if stored and not opened:
        raise CannotDo("SIMLINE_KEY opens none of them: it is another key than that of their import. Add that one.")
    if opened < stored:
        return "SIMLINE_KEY opens some of them only: `simline rotate-key` names the others."
    return "SIMLINE_KEY opens them." if stored else "There is none."


def _carrier(settings: "Settings", name: str) -> str:
    from config.build import carrier_at_work, refuse_example_plans

    refuse_example_plans(settings)
    work = carrier_at_work(name, settings.carrier_accounts[name], settings.timing, os.environ)
    try:
        return work.carrier.check()
    finally:
        work.carrier.close()


def _left_alone(door: Door, settings: "Settings") -> Iterator[Finding]:
    """Carrier accounts at which operations wait, and nobody goes on with them."""
    from console.trouble import sentence_of
    from storage.waiting import accounts_with_work, waiting

    try:
        with door.ledger() as database, database.read() as tx:
            left = {name: waiting(tx, name) for name in accounts_with_work(tx) if name not in settings.carrier_accounts}
    except Exception as error:
        if sentence_of(error) is None:
            raise
        return  # it was said of the database already
    for name, there in left.items():
        waits = counted(there.to_send + there.to_settle, "operation waits", "operations wait")
        sentence = f"{waits} there, and it is not in carriers.toml: nobody goes on with them. Put the account back."
        yield f"carrier account {name}", False, sentence


def _channel(section: "WebhookSection | MailSection") -> str:
    from config.channels import open_channel

    return open_channel(section, os.environ).check()


def _sources(settings: "Settings") -> Iterator[Finding]:
    from config.build import open_sources
    from config.errors import ConfigurationError

    try:
        sources = open_sources(settings)
    except ConfigurationError as error:
        yield "sources", False, str(error)
        return
    for section in settings.sources:
        name, source = section.name, sources[section.name]
        yield _found(f"source {name}", source.check)


def _reports(settings: "Settings") -> str:
    from config.build import open_shelf

    return open_shelf(settings).check()


def carriers(*, as_json: AsJson = False, door: AtDoor) -> int:
    """Which carriers there are, and what each offers.

    The names are what `carrier` in carriers.toml takes.
    """
    from carriers.registry import CAPABILITIES
    from console.offers import show_offers

    if as_json:
        door.screen.json(CAPABILITIES)
    else:
        show_offers(door.screen, CAPABILITIES.values())
    return FINE


def version(*, door: AtDoor) -> int:
    """The version of simline and of what it stands on."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    try:
        ours = version_of("simline")
    except PackageNotFoundError:
        raise CannotDo("simline is not installed here. Run `make venv`, or install it with pip.") from None
    below = ", ".join(f"{name} {version_of(name.lower())}" for name in ("Prefect", "SQLAlchemy", "pandas"))
    door.screen.say(f"simline {ours} (Python {platform.python_version()}, {below})")
    return FINE
