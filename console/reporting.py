"""`reports`: what is kept, and what has had its time."""

import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.commands import FINE
from console.door import AtDoor, CannotDo, Door
from console.planning import AsJson
from console.screen import Column, Fit, Screen, when
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.settings import Settings
    from storage.database import Database
    from storage.findings import Run
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
    """The reports that are kept.

    By kind, the newest of each first. --clean-up removes the ones whose days are over, and nothing that simline did not
    put there; runs of `reconcile` go after days of their own. With --json and without --yes it only shows what it would
    remove. Each night the deployment `clean-up` does the same.
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
    with door.ledger() as database:
        old = _too_old(database, shelf, door.settings())
        if old.reports and not as_json:
            _show(door.screen, shelf, old.reports)
        is_meant = yes or (bool(old) and not as_json and _agreed(door, f"{old} would be removed."))
        removed = _removed(database, shelf, old) if is_meant else replace(old, reports=[], runs=[])
    if as_json:
        told = {
            "too_old": [_facts(shelf, one) for one in old.reports],
            "removed": [one.name for one in removed.reports],
        }
        runs = {"old_reconciliations": [one.as_of for one in old.runs], "removed_reconciliations": len(removed.runs)}
        door.screen.json(told | runs)
    elif old:
        said = f"{removed} removed." if removed else "Nothing was removed."
        door.screen.say(said, Tone.GOOD if removed else Tone.QUIET)
    else:
        door.screen.say("No report or reconciliation has had its days: there is nothing to remove.", Tone.QUIET)
    return FINE


@dataclass(frozen=True, slots=True)
class _Old:
    """What has had its days, and of before when that is."""

    reports: "Sequence[Kept]"
    runs: "Sequence[Run]"
    reports_before: datetime
    runs_before: datetime

    def __bool__(self) -> bool:
        return bool(self.reports or self.runs)

    def __str__(self) -> str:
        counts = ((len(self.reports), "report"), (len(self.runs), "reconciliation"))
        return " and ".join(counted(count, word) for count, word in counts if count)


def _too_old(database: "Database", shelf: "Shelf", settings: "Settings") -> _Old:
    from storage.forgetting import old_runs

    days, run_days = settings.reports.keep_days, settings.reconciliation.keep_days
    with database.read() as tx:
        now = tx.now()
        runs = old_runs(tx, now - timedelta(days=run_days))
    return _Old(shelf.too_old(now, days), runs, now - timedelta(days=days), now - timedelta(days=run_days))


def _removed(database: "Database", shelf: "Shelf", old: _Old) -> _Old:
    from engine.reconciling import forget_runs

    names = [one.name for one in old.reports]
    reports = shelf.remove(names, kept_before=old.reports_before) if names else []
    return replace(old, reports=reports, runs=forget_runs(database, old.runs_before))


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
