"""Sweep the sources: take what is complete, read it into the ledger, put receipts where people look for them.

A delivery is claimed by a row with a lease before its bytes are touched, so of two sweeps one has it; when a worker
dies in between, the lease lapses and the next sweep takes the same delivery up where it was.
"""

import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from domain.lines import LineCounts
from domain.manifests import ManifestRefused, ManifestState
from engine.context import Context
from engine.deliveries import item_of
from engine.intake import Delivery, Intake, refuse, take_in
from engine.placing import Defaults
from engine.receipts import write_receipt
from engine.surveying import check_size
from engine.troubles import Attempts, Tell, raised
from storage import manifests
from storage.database import DatabaseUnavailable
from storage.manifests import LeaseLost
from storage.sources.contract import Item, ItemChanged, Source, SourceUnavailable, route_for

NOT_READ = "Manifests that wait"
"""Deliveries that could not be taken in: each is tried again by the next sweep."""
SWEEP_BATCH = 500
"""Listed items are compared with the database in batches of this size."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this worker alone may read now."""

    manifest_id: str
    fence: str
    source: Source
    item: Item
    defaults: Defaults
    approved: bool


def pick_up(
    context: Context, source_name: str | None = None, *, actor: str = "pick-up", tell: Tell = raised
) -> Iterator[Intake]:
    """Everything complete in the configured sources (or in one), one `Intake` each, as it is done.

    What fails is told: a source that cannot be read holds up no other source, a delivery no other delivery. Without
    `tell` the first failure is raised. What was taken in before stays so.
    """
    attempts = Attempts(context.stopwatch, tell)
    for name, source in context.sources.items():
        if source_name in (None, name):
            yield from _swept(context, source, actor, attempts)


def _swept(context: Context, source: Source, actor: str, attempts: Attempts) -> Iterator[Intake]:
    with attempts.trying(source.name):
        for claimed in claim_all(context, source, actor):
            intake = None
            with attempts.trying(source.name, claimed.item.identity.key):
                intake = take_in_claimed(context, claimed, actor)
            if intake is not None:
                yield intake
            if not attempts.has_patience(source.name):
                return


def claim_all(context: Context, source: Source, actor: str) -> Iterator[Claimed]:
    """Claim what is new in the source and what was left behind, one after the other, each once.

    Raises `SourceUnavailable` after everything that the source did list before its fault.
    """
    listed: set[str] = set()
    for claimed in claim_new(context, source, actor):
        listed.add(claimed.manifest_id)
        yield claimed
    yield from claim_abandoned(context, source, actor, besides=listed)


def claim_new(context: Context, source: Source, actor: str) -> Iterator[Claimed]:
    """Claim what the source lists and the database does not know as ended, one after the other."""
    for batch in _batches(source):
        with context.database.read() as tx:
            ended = manifests.known_items(tx, source.name, [item.identity for item in batch])
        for item in batch:
            if item.identity not in ended:
                claimed = claim(context, source, item, actor)
                if claimed is not None:
                    yield claimed


def _batches(source: Source) -> Iterator[list[Item]]:
    """The source's items; a fault in mid-listing is told after those that came before it."""
    items = iter(source.items())
    fault: SourceUnavailable | None = None
    while fault is None:
        batch: list[Item] = []
        try:
            for item in islice(items, SWEEP_BATCH):
                batch.append(item)  # one by one: a fault keeps what came before it
        except SourceUnavailable as error:
            fault = error
        if not batch:
            break
        yield batch
    if fault is not None:
        raise fault


def claim_abandoned(
    context: Context, source: Source, actor: str, *, besides: Collection[str] = ()
) -> Iterator[Claimed]:
    """Claim what a worker left behind and no listing shows (any more): it is read where it can still be had, or ended.

    What was approved meanwhile goes on here too. What this sweep has given back itself (`besides`) waits for the next.
    """
    with context.database.read() as tx:
        left = manifests.abandoned(tx, source.name)
    for row in left:
        if row.id in besides:
            continue
        claimed = claim(context, source, item_of(source, row), actor)
        if claimed is not None:
            yield claimed


def claim(context: Context, source: Source, item: Item, actor: str, defaults: Defaults | None = None) -> Claimed | None:
    """A lease on this delivery; None when somebody else has it, or when it needs no more reading."""
    route = route_for(source.routes, item.identity.key)
    given = defaults or Defaults(route.product, route.home_country, route.carrier_account)
    fence = secrets.token_hex(8)
    with context.commit("claim") as tx:
        row = manifests.claim(
            tx,
            item.identity,
            fence=fence,
            lease_seconds=context.timing.file_lease_seconds,
            actor=actor,
            product_id=given.product,
            home_country=given.home_country,
            carrier_account=given.carrier_account,
        )
    if row is None:
        return None
    kept = Defaults(row.product_id, row.home_country, row.carrier_account)
    return Claimed(row.id, fence, source, item, kept, approved=row.approved_by is not None)


def take_in_claimed(context: Context, claimed: Claimed, actor: str) -> Intake | None:
    """Fetch and read one claimed delivery and put its first receipt.

    None when it was changed or removed meanwhile, or is somebody else's by now because this worker slept too long. A
    reading that breaks off (no key, no database, Ctrl-C) leaves the delivery to whoever claims it next, at once.
    """
    try:
        return _take_in(context, claimed, actor)
    except LeaseLost:
        return None
    except (FileNotFoundError, SourceUnavailable):  # or a successor that has the lease put the file away
        if not _is_ours(context, claimed):
            return None
        _give_back(context, claimed)
        raise
    except BaseException:
        _give_back(context, claimed)
        raise


def _give_back(context: Context, claimed: Claimed) -> None:
    """Let the lease lapse now, as far as that can be written down. The same reader may still try again with it."""
    with suppress(LeaseLost, DatabaseUnavailable), context.commit("renewal") as tx:
        manifests.renew(tx, claimed.manifest_id, claimed.fence, lease_seconds=0)


def _is_ours(context: Context, claimed: Claimed) -> bool:
    try:
        with context.commit("renewal") as tx:
            manifests.renew(tx, claimed.manifest_id, claimed.fence, context.timing.file_lease_seconds)
    except LeaseLost:
        return False
    return True


def _take_in(context: Context, claimed: Claimed, actor: str) -> Intake | None:
    scratch = context.scratch / claimed.manifest_id
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        check_size(claimed.item.size_bytes, context.file_limits)  # before it is copied or downloaded
        intake = _read(context, claimed, scratch, actor)
    except ManifestRefused as refusal:
        intake = refuse(context, claimed.manifest_id, claimed.fence, refusal)
    except ItemChanged as change:
        _give_up(context, claimed, change)
        return None
    with suppress(SourceUnavailable, OSError):  # it stays due, and whoever makes receipts says what keeps it
        write_receipt(context, claimed.manifest_id)
    shutil.rmtree(scratch, ignore_errors=True)
    return intake


def _read(context: Context, claimed: Claimed, scratch: Path, actor: str) -> Intake:
    context.at("before-take")
    path, content = claimed.source.take(claimed.item, scratch), claimed.item.sidecar
    context.at("after-take")
    sidecar = (claimed.item.sidecar_name or "", content) if content is not None else None
    return take_in(context, _delivery(claimed, path, sidecar, actor))


def _delivery(claimed: Claimed, path: Path, sidecar: tuple[str, bytes] | None, actor: str) -> Delivery:
    return Delivery(
        manifest_id=claimed.manifest_id,
        fence=claimed.fence,
        path=path,
        name=Path(claimed.item.identity.key).name,
        defaults=claimed.defaults,
        actor=actor,
        approved=claimed.approved,
        sidecar=sidecar,
    )


def _give_up(context: Context, claimed: Claimed, change: ItemChanged) -> None:
    """The listed version is gone; what stands there now is another delivery, which the next sweep sees."""
    with context.commit("refusal") as tx:
        manifests.mark(
            tx,
            claimed.manifest_id,
            claimed.fence,
            state=ManifestState.REFUSED,
            counts=LineCounts(),
            reason=f"changed: {change}",
        )
