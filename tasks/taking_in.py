"""Manifests from their sources into the ledger: one task run for each delivery, no further ahead than it is read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from domain.manifests import ManifestState
from engine.context import Context
from engine.intake import Intake
from engine.picking_up import Claimed, claim_all, take_in_claimed
from storage.sources.contract import SourceUnavailable
from storage.sources.given import GivenFiles
from tasks.context import engine
from tasks.decorator import task
from tasks.logs import run_log
from tasks.rounds import each, outcome

ACTOR = "pick-up"
READERS = 4
"""Deliveries read at once on PostgreSQL. SQLite has one writer, so there it is one."""


@dataclass
class Sweep:
    """What one sweep took in, and what it could not."""

    intakes: list[Intake] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    nothing_read: bool = False  # every source was away

    @property
    def loaded(self) -> list[str]:
        """The manifests that have something to provision."""
        return [intake.manifest_id for intake in self.intakes if intake.state is ManifestState.LOADED]


@task(name="take in", run_name="take in {claimed.manifest_id}")
def take_in(claimed: Claimed) -> Intake | None:
    """One claimed delivery, read into the ledger with a receipt; None when nothing of it was used. Safe to repeat."""
    with run_log(manifest=claimed.manifest_id) as log:
        log.info(f"reading {claimed.item.identity.key!r} from {claimed.source.name}")
        intake = take_in_claimed(engine(), claimed, ACTOR)
        if intake is None:
            log.info("nothing of it was used: it changed since it was listed, or another worker reads it by now")
        else:
            log.info(f"{intake.state.value}: {intake.counts.accepted:,} of {intake.counts.lines:,} lines accepted")
    return intake


def sweep(context: Context, source_name: str | None) -> Sweep:
    """Take in everything that is complete; a source that cannot be read does not hold up the others."""
    swept, away = Sweep(), dict[str, str]()
    names = _chosen(context, source_name, swept.problems)
    for name in names:
        _take_in_all(swept, _claimed(context, name, away), _readers(context))
    swept.problems += away.values()
    swept.nothing_read = bool(away) and not swept.intakes and away.keys() >= {*names} - {GivenFiles.name}
    return swept


def _claimed(context: Context, name: str, away: dict[str, str]) -> Iterator[Claimed]:
    """What the source has; its fault is told at the end, when everything that it did list has been drawn."""
    try:
        yield from claim_all(context, context.sources[name], ACTOR)
    except SourceUnavailable as error:
        away[name] = str(error)


def _take_in_all(swept: Sweep, claimed: Iterable[Claimed], readers: int) -> None:
    for future in each(take_in, claimed, at_most=readers):
        intake = outcome(future)
        if isinstance(intake, Exception):
            swept.problems.append(str(intake))
        elif intake is not None:
            swept.intakes.append(intake)


def _chosen(context: Context, source_name: str | None, problems: list[str]) -> list[str]:
    if source_name is None:
        return list(context.sources)
    if source_name not in context.sources:
        problems.append(f"There is no source {source_name}. Configured: {', '.join(context.sources)}.")
        return []
    return [source_name]


def _readers(context: Context) -> int:
    return READERS if context.database.is_postgresql else 1
