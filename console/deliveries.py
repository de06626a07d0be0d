"""Sources and what comes out of them, as sweeps tell of them, here and on a Prefect server."""

from typing import TYPE_CHECKING

from console.door import CannotDo
from console.screen import Screen
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from config.settings import Settings
    from domain.lines import LineCounts
    from domain.manifests import ManifestState


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


def say_intake(screen: Screen, manifest_id: str, state: "ManifestState", counts: "LineCounts", sentence: str) -> None:
    """One line for a manifest that was taken in, refused, or waits for a person."""
    from domain.manifests import ManifestState

    if state in (ManifestState.LOADED, ManifestState.FINISHED):
        more = f", {counts.rejected:,} rejected" if counts.rejected else ""
        tone = Tone.ATTENTION if counts.rejected else Tone.GOOD
        screen.say(f"{manifest_id}: {counted(counts.accepted, 'new SIM')}{more}.", tone)
    else:
        tone = Tone.ATTENTION if state is ManifestState.NEEDS_APPROVAL else Tone.REFUSED
        screen.say(f"{manifest_id}: {state.value.replace('_', ' ')}. {sentence}", tone)
