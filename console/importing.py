"""`import` and `approve`: the whole way of one manifest, from the file to active SIMs and a receipt."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.at_server import Here
from console.bringing_on import WAIT_SECONDS, Seconds, bring_on, end_with_receipts
from console.commands import CANNOT, FINE, NEEDS_YOU
from console.door import AtDoor, CannotDo, Door
from console.following import Follower
from console.given import delivery_of, forget_typed, refuse_unknown
from console.imported_before import refuse_other_words, say_known
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from domain.manifests import ManifestState
    from engine.context import Context
    from engine.placing import Defaults
    from storage.sources.contract import Item, Source

What = Annotated[
    str,
    Parameter(help="A .txt, .csv, .tsv or .xlsx file, an s3:// address, ICCIDs, or - for the standard input."),
]
Product = Annotated[str | None, Parameter(metavar="NAME", help="The product that SIMs belong to whose rows name none.")]
HomeCountry = Annotated[
    str | None, Parameter(metavar="CODE", help="Home country (ISO 3166-1 alpha-2) where rows name none: DE.")
]
CarrierAccount = Annotated[
    str | None, Parameter(metavar="NAME", help="The carrier account where rows name none, instead of the issuer's.")
]
NoActivate = Annotated[bool, Parameter(help="Take it in and send nothing yet.", show_default=False)]
Wait = Annotated[Seconds, Parameter(help="How long to follow the SIMs; then the schedule goes on.")]


def import_(
    *manifest: What,
    product: Product = None,
    home_country: HomeCountry = None,
    carrier_account: CarrierAccount = None,
    no_activate: NoActivate = False,
    yes_really: Annotated[
        bool, Parameter(help="Go on although it is far beyond the usual (`plan` says so).", show_default=False)
    ] = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Import a manifest and activate its SIMs.

    Every line gets its verdict, every accepted SIM its plan; then they are claimed and activated within the carrier's
    limit. It ends when every SIM has ended, or when --wait is over. Safe to repeat: a file that was imported before
    goes on where it was. The receipt lies beside the file. ICCIDs that are typed become a small file in `results`.
    """
    from engine.placing import Defaults as Given

    settings = door.settings()
    follower = Follower(door.screen)
    asked = Given(product, home_country, carrier_account)
    with door.engine(follower.news) as context:
        refuse_unknown(context, asked)
        source, item = delivery_of(context, settings, manifest)
        with follower.drawn():
            state = _take_in(door, context, source, item, asked)
            if state.value == "quarantined" and forget_typed(manifest, item):
                door.screen.say("What came in was deleted: nothing of it stays on this disk.", Tone.QUIET)
            if yes_really and state.value == "needs_approval":
                state = _approved(door, context, item.identity.manifest_id)
        return go_on(door, context, follower, item.identity.manifest_id, wait=0 if no_activate else wait, here=here)


def defaults_of(source: "Source", item: "Item", asked: "Defaults") -> "Defaults":
    """What holds for rows that do not say so themselves: the command line's word, else the source's route."""
    from engine.placing import Defaults
    from storage.sources.contract import route_for

    route = route_for(source.routes, item.identity.key)
    return Defaults(
        asked.product or route.product,
        asked.home_country or route.home_country,
        asked.carrier_account or route.carrier_account,
    )


def _take_in(door: Door, context: "Context", source: "Source", item: "Item", asked: "Defaults") -> "ManifestState":
    """Read the delivery; or find that it was read before, which changes nothing."""
    from engine.picking_up import claim, take_in_claimed
    from storage import manifests

    claimed = claim(context, source, item, door.actor, defaults_of(source, item, asked))
    if claimed is not None:
        intake = take_in_claimed(context, claimed, door.actor)
        if intake is None:
            raise CannotDo(
                "The file changed while it was read here, or another process reads it by now: nothing of it was used. "
                "Run again."
            )
        if defaults_of(source, item, asked) != claimed.defaults:  # of a reading that broke off, with its words
            with context.database.read() as tx:
                refuse_other_words(manifests.find(tx, claimed.manifest_id), asked)
        return intake.state
    with context.database.read() as tx:
        row = manifests.find(tx, item.identity.manifest_id)
    say_known(door.screen, row, asked)
    return row.state


def _approved(door: Door, context: "Context", manifest_id: str) -> "ManifestState":
    from engine.approving import approve as approve_manifest
    from storage import manifests

    intake = approve_manifest(context, manifest_id, by=door.actor)
    if intake is not None:
        return intake.state
    with context.database.read() as tx:
        return manifests.find(tx, manifest_id).state


def go_on(door: Door, context: "Context", follower: Follower, manifest_id: str, *, wait: float, here: bool) -> int:
    """From the ledger to active, and the receipt; `wait=0` leaves the sending to the schedule."""
    from domain.manifests import ManifestState
    from storage import manifests

    follower.database, follower.manifest_ids = context.database, [manifest_id]
    with context.database.read() as tx:
        row = manifests.find(tx, manifest_id)
    if row.state is ManifestState.NEEDS_APPROVAL:
        door.screen.say(row.reason or "It waits for a person's word.", Tone.ATTENTION)
        door.screen.say(f"Nothing was sent. `simline approve {manifest_id}` or --yes-really lets it go on.")
        return NEEDS_YOU
    if row.state is ManifestState.LOADED and not follower.is_over():
        if wait > 0:
            from flows.deployed import start_provision

            bring_on(door, context, follower, wait, None if here else partial(start_provision, manifest_id))
        else:
            planned = counted(follower.look(now=True).total - follower.standing.ended, "SIM is", "SIMs are")
            door.screen.say(f"{planned} planned, and nothing was sent. `simline settle` sends.", Tone.MOVING)
    status = end_with_receipts(door, context, [manifest_id])
    return CANNOT if row.state in (ManifestState.REFUSED, ManifestState.QUARANTINED) else status


def approve(
    manifest: Annotated[str, Parameter(help="Its id, the beginning of it, or the file's name.")],
    /,
    *,
    no_activate: NoActivate = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Let a manifest go on that stopped for a person's word.

    It stopped because it would add far more SIMs than usual. Your name goes into its row, it is taken in, and its SIMs
    are activated as with `import`.
    """
    from domain.manifests import ManifestState
    from storage import manifests

    follower = Follower(door.screen)
    with door.engine(follower.news) as context:
        with context.database.read() as tx:
            row = manifests.find(tx, manifest)
        if row.state is not ManifestState.NEEDS_APPROVAL:
            door.screen.say(f"{row.id} does not wait for approval: it is {row.state.value}.", Tone.QUIET)
            return FINE
        with follower.drawn():
            _approved(door, context, row.id)
        return go_on(door, context, follower, row.id, wait=0 if no_activate else wait, here=here)
