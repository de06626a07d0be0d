"""Sources and what comes out of them, as sweeps tell of them, here and on a Prefect server."""

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from console.door import CannotDo, Door
from console.summary import nearby
from domain.lifecycle import Step
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from config.settings import Settings
    from storage.database import Database


def chosen_sources(settings: "Settings", source: str | None) -> list[str]:
    """The configured sources' names, or the one that was asked for. Raises `CannotDo`."""
    names = [section.name for section in settings.sources]
    if source is not None and source not in names:
        raise CannotDo(f"There is no source {source}. Configured: {', '.join(names) or 'none'}.")
    if not names:
        raise CannotDo(
            "No source is configured. Add [[sources]] to simline.toml, or name a file to `simline import FILE`."
        )
    return [source] if source else names


def say_intake(door: Door, database: "Database", manifest_id: str) -> None:
    """One line for a manifest that was taken in, refused, or waits for a person; by its name, and where to look."""
    from domain.manifests import ManifestState
    from storage import manifests

    with database.read() as tx:
        row = manifests.find(tx, manifest_id)
        held = manifests.operation_counts(tx, row.id).get(Step.HELD, 0)
    name, counts = PurePosixPath(row.item_key).name, row.counts
    if row.state in (ManifestState.LOADED, ManifestState.FINISHED):
        more = f", {held:,} of them held: no room" if held else ""
        more += f", {counts.rejected:,} rejected" if counts.rejected else ""
        tone = Tone.ATTENTION if counts.rejected or held else Tone.GOOD
        door.screen.say(f"{name}: {counted(counts.accepted, 'new SIM')}{more}.", tone, more=row.id)
        return
    waits = row.state is ManifestState.NEEDS_APPROVAL
    where = f"`simline approve {row.id}` lets it go on." if waits else _receipt_place(door.settings(), row.source)
    sentence = " ".join(filter(None, (row.reason, where)))
    tone = Tone.ATTENTION if waits else Tone.REFUSED
    door.screen.say(f"{name}: {row.state.value.replace('_', ' ')}. {sentence}", tone, more=row.id)


def _receipt_place(settings: "Settings", source: str) -> str:
    """Where the receipt of a refused manifest of this source lies."""
    for section in settings.sources:
        if section.name == source and section.kind == "folder":
            return f"Its receipt lies in {nearby(str(settings.path(section.path) / 'rejected'))}."
        if section.name == source and section.kind == "s3":
            return f"Its receipt lies under s3://{section.bucket}/{section.results_prefix.rstrip('/')}/rejected."
    return ""
