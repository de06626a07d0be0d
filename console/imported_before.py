"""A file that was imported before: it stays what it was, and whoever asks for something else is told the way out."""

from typing import TYPE_CHECKING

from console.door import CannotDo
from console.screen import Screen, when
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.placing import Defaults
    from storage.manifests import ManifestRow


def say_known(screen: Screen, row: "ManifestRow", asked: "Defaults") -> None:
    """Say that it was imported before. Raises `CannotDo` while it is read, and where something else is asked for."""
    from domain.manifests import ManifestState

    if row.state is ManifestState.RECEIVED:
        raise CannotDo(_being_read(row))
    refuse_other_words(row, asked)
    screen.say(f"This file was imported before, on {when(row.received_at)} UTC.", Tone.QUIET, more=row.id)


def refuse_other_words(row: "ManifestRow", asked: "Defaults") -> None:
    """Another product, country or account than it was imported with is never ignored in silence. Raises `CannotDo`.

    Of a file that was refused nothing was used, so there is nothing that other words could contradict.
    """
    from domain.manifests import ManifestState

    others = _otherwise(row, asked)
    if not others or row.state in (ManifestState.REFUSED, ManifestState.QUARANTINED):
        return
    was = " and ".join(f"{option} {before}" if before else f"no {option}" for option, before, _ in others)
    raise CannotDo(
        f"On {when(row.received_at)} UTC this file was imported with {was} ({row.id}): nothing was changed. "
        + _way_out(row, " ".join(f"{option} {now}" for option, _, now in others))
    )


def _being_read(row: "ManifestRow") -> str:
    """Who reads it is not known, but when its turn ends at the latest."""
    if row.lease_until is None:
        return f"{row.id} is being read by another process. Run again in a minute."
    until = f"{row.lease_until:%H:%M:%S} UTC"
    return (
        f"{row.id} is being read by another process, or by one that was killed. Its turn ends at {until} at the "
        "latest: run the same again then, and it goes on. Nothing is lost."
    )


def _otherwise(row: "ManifestRow", asked: "Defaults") -> list[tuple[str, str | None, str]]:
    """What is asked for now and was not then: the option, its word then, its word now."""
    pairs = (
        ("--product", row.product_id, asked.product),
        ("--home-country", _code(row.home_country), _code(asked.home_country)),
        ("--carrier-account", row.carrier_account, asked.carrier_account),
    )
    return [(option, before, now) for option, before, now in pairs if now is not None and now != before]


def _code(country: str | None) -> str | None:
    return country.strip().upper() if country else country


def _way_out(row: "ManifestRow", options: str) -> str:
    from domain.manifests import ManifestState

    if row.state is ManifestState.NEEDS_APPROVAL:
        return "It waits for approval, and nothing was sent: leave it so, and import a copy under another name."
    sentences = []
    if row.counts.rejected:
        lines = counted(row.counts.rejected, "rejected line")
        command = f"simline rerun {row.id} --only rejected {options} --reason WHY"
        sentences.append(f"`{command}` judges its {lines} so.")
    if row.counts.accepted:
        sentences.append(
            f"Its {counted(row.counts.accepted, 'SIM stays', 'SIMs stay')} as accepted; "
            f"`simline cancel {row.id} --reason WHY` withdraws what was not sent."
        )
    return " ".join(sentences) or f"It has no line to which that would apply: see `simline status {row.id}`."
