"""Bars on Prefect's pages: how much of a manifest has ended, counted in the ledger, whichever run ended it."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactCollectionFilter, ArtifactCollectionFilterKey

from domain.lifecycle import BUCKETS, Bucket, Step
from engine.context import Context
from storage import manifests
from tasks.rounds import AccountWork

MOST = 100
"""Bars that one run moves at its end: each that has to move is a request to Prefect's server."""


class ManifestBar:
    """The bar of the run that provisions a manifest, moved while that works."""

    def __init__(self, context: Context, manifest_id: str) -> None:
        self._context = context
        self._manifest_id = manifest_id
        self._artifact = _draw(manifest_id, _percents(context, [manifest_id])[manifest_id])

    def show(self) -> None:
        """Count in the ledger and move the bar."""
        if self._artifact is not None:
            percent = _percents(self._context, [self._manifest_id])[self._manifest_id]
            update_progress_artifact(self._artifact, progress=percent)


def move_bars(context: Context, works: Iterable[AccountWork]) -> None:
    """Move the bars of the manifests that this run touched, where they do not show it yet; at most 100 of them."""
    touched = sorted({manifest_id for work in works for manifest_id in work.tally.manifests})[:MOST]
    if not touched:
        return
    shown = _shown(touched)
    for manifest_id, percent in _percents(context, touched).items():
        artifact, before = shown.get(manifest_id, (None, None))
        if artifact is None:
            _draw(manifest_id, percent)
        elif before != percent:
            update_progress_artifact(artifact, progress=percent)


def ended_percent(steps: Mapping[Step, int]) -> float:
    """How much has ended, of 100; nothing to do is all done.

    >>> ended_percent({Step.DONE: 2, Step.REJECTED: 1, Step.ACCEPTED: 1}), ended_percent({})
    (75.0, 100.0)
    """
    total = sum(steps.values())
    open_count = sum(count for step, count in steps.items() if BUCKETS[step] is Bucket.IN_PROGRESS)
    return round(100 * (total - open_count) / total, 1) if total else 100.0


def _percents(context: Context, manifest_ids: Iterable[str]) -> dict[str, float]:
    with context.database.read() as tx:
        return {one: ended_percent(manifests.operation_counts(tx, one)) for one in manifest_ids}


def _draw(manifest_id: str, percent: float) -> UUID | None:
    words = f"SIMs of {manifest_id} whose operation has ended"
    made = create_progress_artifact(percent, key=_key(manifest_id), description=words)
    return made if isinstance(made, UUID) else None


def _shown(manifest_ids: Iterable[str]) -> dict[str, tuple[UUID, object]]:
    """The newest bar of each of these that has one, and where it stands."""
    keys = {_key(one): one for one in manifest_ids}
    named = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=list(keys)))
    with get_client(sync_client=True) as client:
        found = client.read_latest_artifacts(artifact_filter=named, limit=len(keys))
    return {keys[one.key]: (one.latest_id, one.data) for one in found if one.key in keys}


def _key(manifest_id: str) -> str:
    return f"progress-{manifest_id}"
