"""`reports`: what is kept, and what has had its time."""

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.commands import FINE
from console.door import AtDoor, CannotDo, Door
from console.planning import AsJson
from console.screen import Column, Fit, Screen, when
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.shelf.records import Kept
    from storage.shelf.shelf import Shelf


def reports(
    *,
    clean_up: Annotated[
        bool, Parameter(help="Show what is older than `keep_days`, ask, and remove it.", show_default=False)
    ] = False,
    yes: Annotated[bool, Parameter(help="Do not ask.", show_default=False)] = False,
    as_json: AsJson = False,
    door: AtDoor,
) -> int:
    """The reports that are kept, by kind and the newest first.

    --clean-up removes the ones whose days are over, and nothing that simline did not put there. With --json and without
    --yes it only shows what it would remove. Each night the deployment `clean-up` does the same.
    """
    from config.build import open_shelf

    shelf = open_shelf(door.settings())
    if clean_up:
        return _clean_up(door, shelf, yes=yes, as_json=as_json)
    kept = shelf.reports()
    if as_json:
        door.screen.json({"index": shelf.address(), "reports": [_facts(shelf, one) for one in kept]})
    elif kept:
        _show(door.screen, shelf, kept)
        door.screen.say(f"{counted(len(kept), 'report')}. All of them: {shelf.address()}", Tone.QUIET)
    else:
        door.screen.say("No report is kept yet.", Tone.QUIET)
    return FINE


def _clean_up(door: Door, shelf: "Shelf", *, yes: bool, as_json: bool) -> int:
    from datetime import timedelta

    days = door.settings().reports.keep_days
    with door.ledger() as database, database.read() as tx:
        now = tx.now()
    old = shelf.too_old(now, days)
    removed: Sequence[Kept] = []
    if not as_json and old:
        _show(door.screen, shelf, old)
    if old and (yes or (not as_json and _agreed(door, f"{counted(len(old), 'report')} would be removed."))):
        removed = shelf.remove([one.name for one in old], kept_before=now - timedelta(days=days))
    if as_json:
        door.screen.json({"too_old": [_facts(shelf, one) for one in old], "removed": [one.name for one in removed]})
    elif old:
        said = f"{counted(len(removed), 'report')} removed." if removed else "Nothing was removed."
        door.screen.say(said, Tone.GOOD if removed else Tone.QUIET)
    else:
        door.screen.say(f"No report is older than {days:,} days: there is nothing to remove.", Tone.QUIET)
    return FINE


def _agreed(door: Door, sentence: str) -> bool:
    """A person's yes. Without a terminal nobody can be asked."""
    if not (door.screen.is_live and sys.stdin.isatty()):
        raise CannotDo(f"{sentence} Say --yes to agree: there is no terminal to ask at.")
    door.screen.say(sentence, Tone.ATTENTION)
    return door.screen.out.input("Go on? [y/N] ").strip().lower() in ("y", "yes")


def _show(screen: Screen, shelf: "Shelf", kept: "Sequence[Kept]") -> None:
    columns = [Column("kind"), Column("report", fit=Fit.CUT), Column("as of (UTC)"), Column("kept since (UTC)")]
    columns += [Column("warnings", number=True), Column("page", fit=Fit.FOLD)]
    rows = [
        (one.kind, one.title, when(one.as_of), when(one.kept_at), one.warning_count or None, shelf.address(one.page))
        for one in kept
    ]
    screen.table(columns, rows)


def _facts(shelf: "Shelf", kept: "Kept") -> dict[str, object]:
    return {
        "name": kept.name,
        "kind": kept.kind,
        "title": kept.title,
        "as_of": kept.as_of,
        "kept_at": kept.kept_at,
        "warnings": kept.warning_count,
        "page": shelf.address(kept.page),
        "files": {name: shelf.address(name) for name in kept.files},
    }
