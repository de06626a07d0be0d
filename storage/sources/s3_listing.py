"""What a listing of S3 says: which manifests there are, in which version, and what lies beside them. No I/O."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from storage.sources.names import SIDECAR_ENDINGS, may_be_a_manifest

BY_VERSION, BY_ETAG = "version:", "etag:"


@dataclass(frozen=True, slots=True)
class Listed:
    """One object as a listing shows it."""

    key: str
    version: str
    size_bytes: int
    modified_at: datetime


def with_sidecars(listed: Iterable[Listed]) -> Iterator[tuple[Listed, str | None]]:
    """Each manifest with the key of the sidecar that counts, in one pass.

    Keys come sorted, and a sidecar's key starts with its manifest's: a manifest is held back only as long as keys do.
    """
    held: list[tuple[Listed, set[str]]] = []
    for found in listed:
        while held and not found.key.startswith(held[-1][0].key):
            yield _released(*held.pop())
        for manifest, beside in held:
            if found.key.removeprefix(manifest.key) in SIDECAR_ENDINGS:
                beside.add(found.key)
        if may_be_a_manifest(found.key.rpartition("/")[2]):
            held.append((found, set()))
    while held:
        yield _released(*held.pop())


def _released(manifest: Listed, beside: set[str]) -> tuple[Listed, str | None]:
    return manifest, next(
        (manifest.key + ending for ending in SIDECAR_ENDINGS if manifest.key + ending in beside), None
    )


def by_etag(etag: str, changed_at: datetime) -> str:
    """The version of an object in a bucket that keeps none."""
    quoted = etag.strip('"')
    return f"{BY_ETAG}{quoted}@{int(changed_at.timestamp())}"


def etag_in(version: str) -> str:
    """The ETag that `by_etag` was given, without its quotes; empty where the server gave none."""
    return version.removeprefix(BY_ETAG).rpartition("@")[0]


def same_bytes(listed: str, opened: str) -> bool:
    """Equal ETags are equal bytes; where a server gives none, the time of the last change must do."""
    return etag_in(listed) == etag_in(opened) if etag_in(listed) else listed == opened
