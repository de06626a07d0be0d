"""`show` and `receipt`: one SIM's whole history, and what became of every line of a manifest."""

import shutil
import webbrowser
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from cyclopts import Parameter

from console.commands import FINE
from console.door import AtDoor, CannotDo
from console.planning import AsJson
from console.screen import Column, Fit, Screen, toned, when
from console.summary import nearby, receipt_now, show_receipt, status_of
from domain.lifecycle import BUCKETS, Bucket, Step
from reports.verdict import Tone

if TYPE_CHECKING:
    from domain.manifests import ItemIdentity
    from engine.context import Context
    from storage.sims import OperationStory, SimRow, Transition
    from storage.sources.contract import Item, Source

_TONES = {
    Bucket.DONE: Tone.GOOD,
    Bucket.FAILED: Tone.REFUSED,
    Bucket.NEEDS_REVIEW: Tone.ATTENTION,
    Bucket.IN_PROGRESS: Tone.MOVING,
}


def show(
    iccid: Annotated[str, Parameter(help="In any spelling: with blanks or hyphens, or as the card's memory has it.")],
    /,
    *,
    as_json: AsJson = False,
    door: AtDoor,
) -> int:
    """One SIM's whole history.

    Where it belongs, what the carrier says of it, and every step that was taken for it: when, why and by whom.
    """
    from domain.iccid import InvalidIccid, validate
    from storage import sims

    try:
        number = validate(iccid, [issuer.profile() for issuer in door.settings().issuers])
    except InvalidIccid as error:
        raise CannotDo(f"{iccid}: {error} `simline sims --iccid DIGITS` lists SIMs by their first digits.") from None
    with door.ledger(makes_none=True) as database, database.read() as tx:
        sim, story = sims.one(tx, number), sims.story(tx, number)
    if sim is None:
        raise CannotDo(f"{number} is not ours. `simline sims --iccid DIGITS` lists SIMs by their first digits.")
    if as_json:
        door.screen.json({"sim": sim, "operations": story})
    else:
        _show_sim(door.screen, sim)
        for operation in story:
            _show_operation(door.screen, operation)
    return FINE


def _show_sim(screen: Screen, sim: "SimRow") -> None:
    screen.say(f"{sim.iccid}  {sim.state.value}", Tone.GOOD if sim.state.value == "active" else Tone.MOVING)
    facts = [
        ("product", f"{sim.product_id}, home country {sim.home_country}"),
        ("plan", sim.plan_id),
        ("carrier says", f"{sim.carrier_word or 'nothing yet'}  {when(sim.seen_at)}".rstrip()),
        ("carrier's id", sim.carrier_reference),
        ("device", " ".join(filter(None, (sim.device_id, sim.device_name)))),
        ("number", " ".join(filter(None, (sim.msisdn, sim.imsi)))),
        ("first active", when(sim.first_activated_at)),
        ("activated", f"{sim.activations_count} times" if sim.activations_count > 1 else ""),
        ("note", sim.note),
    ]
    screen.table([Column(""), Column("", fit=Fit.FOLD)], [fact for fact in facts if fact[1]], indent=2)


def _show_operation(screen: Screen, operation: "OperationStory") -> None:
    times = f", for the {operation.generation}. time" if operation.generation > 1 else ""
    origin = f"line {operation.line:,} of {operation.item_key}" if operation.line else "a person's word"
    screen.gap()
    screen.say(f"{operation.action.value}{times}", Tone.QUIET, more=f"{origin} ({operation.manifest_id})")
    taken_in = (_moment(operation.created_at), _step(Step.PLANNED), "taken in", "")
    rows: list[tuple[object, ...]] = [taken_in] if operation.line else []
    rows += [_row(one) for one in operation.transitions]
    columns = [Column("UTC"), Column("step"), Column("why", fit=Fit.FOLD), Column("who", fit=Fit.FOLD)]
    screen.table(columns, rows, indent=2)


def _row(one: "Transition") -> tuple[object, ...]:
    why = f"{one.stage.value}: {one.reason.replace('_', ' ')}"
    return _moment(one.at), _step(one.to_step), f"{why}. {one.detail}" if one.detail else why, one.actor


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%m-%d %H:%M:%S")


def _step(step: Step) -> object:
    return toned(step.value.replace("_", " "), _TONES[BUCKETS[step]])


def receipt(
    manifest: Annotated[str, Parameter(help="Its id, the beginning of it, or the file's name.")],
    /,
    *,
    open_: Annotated[bool, Parameter(name="--open", help="Open the page in the browser.", show_default=False)] = False,
    write_to: Annotated[Path | None, Parameter(metavar="FOLDER", help="Also copy its files into this folder.")] = None,
    door: AtDoor,
) -> int:
    """What became of every line of a manifest.

    The receipt is made anew and put beside the manifest: a page, a CSV with every line, and JSON. Rejected lines are
    also in a file of their own, to be corrected and dropped again.
    """
    from engine.receipts import write_receipt

    with door.engine() as context, door.screen.busy("The receipt is made."):
        found = receipt_now(context.database, manifest)
        where = write_receipt(context, found.manifest_id)
        if write_to is not None:
            where = written_to(context, found.manifest_id, write_to)
    show_receipt(door.screen, found, where)
    if open_:
        _open(door.screen, where)
    return status_of(found)


class _Folder:
    """Stands in for a manifest's source: the original comes from there, results go into a folder."""

    def __init__(self, source: "Source | None", folder: Path) -> None:
        self._source = source
        self._folder = folder

    def take(self, item: "Item", scratch: Path) -> Path:
        """See `Source.take`."""
        from storage.sources.contract import ItemChanged

        if self._source is None:
            raise ItemChanged(f"The source {item.identity.source} is not configured here.")
        return self._source.take(item, scratch)

    def finish(
        self, item: "ItemIdentity", taken: Path | None, place: str, results: Mapping[str, Path]
    ) -> dict[str, str]:
        """See `Source.finish`; the original stays where it is."""
        del taken, place
        stem = Path(item.key).name
        for suffix, made in results.items():
            shutil.copyfile(made, self._folder / (stem + suffix))
        return {suffix: str(self._folder / (stem + suffix)) for suffix in results}


def written_to(context: "Context", manifest_id: str, folder: Path) -> dict[str, str]:
    """All files of a receipt in this folder, the one with the rejected lines too where the original is still there."""
    from engine.receipts import write_receipt
    from storage import manifests

    folder.mkdir(parents=True, exist_ok=True)
    with context.database.read() as tx:
        row = manifests.find(tx, manifest_id)
    here = cast("Source", _Folder(context.sources.get(row.source), folder))
    return write_receipt(replace(context, sources={row.source: here}), manifest_id, afresh=True)


def _open(screen: Screen, where: Mapping[str, str]) -> None:
    """The page in the browser; an address of a bucket is only named."""
    page = where.get(".receipt.html", "")
    if not page:
        screen.say("This manifest has no page yet: it waits for a person's word.", Tone.ATTENTION)
    elif "://" in page:
        screen.say("The page lies in a bucket. Add --write-to FOLDER to have it here.", Tone.ATTENTION)
    elif not webbrowser.open(Path(page).resolve().as_uri()):
        screen.say(f"No browser could be started. Open {nearby(page)} yourself.", Tone.ATTENTION)
