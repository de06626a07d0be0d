"""Reports as files that people open: written in every format, kept on the shelf, removed after their time."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.context import Context, Progress
from reports.document import Fact, Report, Unit
from reports.report_files import page_name, write_report
from reports.values import is_unknown
from storage.shelf.contract import ShelfUnavailable
from storage.shelf.records import Kept
from storage.shelf.shelf import Shelf
from storage.usage_copies import forget_unused


@dataclass(frozen=True, slots=True)
class Published:
    """Where a report's files are, paths or addresses in S3, and what the shelf remembers of it."""

    kept: Kept
    page: str
    index: str
    files: dict[str, str]  # file name -> where it is

    @property
    def facts(self) -> list[Fact]:
        """The report's headlines."""
        return [Fact(**{**fact, "unit": Unit(fact["unit"])}) for fact in self.kept.facts]


def publish(context: Context, report: Report) -> Published:
    """Write the report in every format and keep it, in place of the one of the same name; where it is.

    Safe to repeat and to do side by side. Raises `ReportIsWrong`, `ShelfUnavailable`, `DatabaseUnavailable`.
    """
    shelf = shelf_of(context)
    with context.database.read() as tx:
        now = tx.now()
    with tempfile.TemporaryDirectory(dir=context.scratch, prefix="report-") as folder:
        made = write_report(report, Path(folder))
        context.at("before-report-kept")
        kept = _kept(report, now, list(made))
        shelf.put(kept, made)
    context.watch(Progress("report", done=1))
    return _published(shelf, kept)


def published_since(shelf: Shelf, name: str, since: datetime) -> Published | None:
    """The report of this name, if somebody has put it there since then. Raises `ShelfUnavailable`."""
    kept = shelf.find(name)
    return _published(shelf, kept) if kept is not None and kept.kept_at >= since else None


def _published(shelf: Shelf, kept: Kept) -> Published:
    files = {name: shelf.address(name) for name in kept.files}
    return Published(kept, files[kept.page], shelf.address(), files)


def clean_up(context: Context, now: datetime, *, dry_run: bool) -> list[Kept]:
    """Remove the reports that were put there more than `keep_days` ago; which ones those are, or would be.

    Copies of usage that no report reads any more go too. Only what the shelf wrote itself is removed. Safe to repeat
    and to do side by side. Raises `ShelfUnavailable`.
    """
    shelf = shelf_of(context)
    old = shelf.too_old(now, context.keep_days)
    if not dry_run:
        forget_unused(context.scratch)
    if dry_run or not old:
        return old
    return shelf.remove([kept.name for kept in old], kept_before=now - timedelta(days=context.keep_days))


def shelf_of(context: Context) -> Shelf:
    """The shelf. Raises `ShelfUnavailable` where none is configured."""
    if context.shelf is None:
        raise ShelfUnavailable("No place for reports is configured. Set `folder` under [reports] in simline.toml.")
    return context.shelf


def _kept(report: Report, now: datetime, files: Sequence[str]) -> Kept:
    return Kept(
        name=report.name,
        kind=report.kind,
        title=report.title,
        as_of=report.as_of,
        kept_at=now,
        page=page_name(report),
        files=tuple(files),
        warning_count=len(report.warnings),
        warnings=tuple(report.warnings),
        facts=tuple(map(_remembered, report.facts)),
    )


def _remembered(fact: Fact) -> dict[str, Any]:
    """The headline as JSON can hold it: of tables' own kinds of numbers plain ones are made."""
    value = fact.value.item() if hasattr(fact.value, "item") else fact.value
    return {"label": fact.label, "value": None if is_unknown(value) else value, "unit": fact.unit.value} | {
        "currency": fact.currency
    }
