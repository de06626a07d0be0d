"""Manifests as objects under a prefix of a bucket. Originals stay where they are; results go under another prefix.

Version of a delivery: the object's VersionId where the bucket keeps versions, and exactly its bytes can be read even
after it was overwritten. Elsewhere ETag and time of the last change: the same content put again is a new delivery (its
sender gets a receipt that says so), and what was overwritten before it was taken is gone.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from domain.manifests import ItemIdentity
from storage.sources.contract import Item, ItemChanged, Route, SourceUnavailable, no_sidecar
from storage.sources.names import SIDECAR_BYTES, fitted, to_key, to_path
from storage.sources.s3_client import code_of, in_words
from storage.sources.s3_listing import BY_VERSION, Listed, by_etag, etag_in, same_bytes, with_sidecars

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

KEY_BYTES = 1024
CHUNK_BYTES = 1024 * 1024
DOWNLOAD_ATTEMPTS = 5
CONTENT_TYPES = {".json": "application/json", ".html": "text/html; charset=utf-8", ".csv": "text/csv; charset=utf-8"}
NO_SUCH_OBJECT = {"NoSuchKey", "NoSuchVersion", "404"}
CHANGED = {*NO_SUCH_OBJECT, "PreconditionFailed", "412", "MethodNotAllowed", "InvalidObjectState"}
TAKEN_BY_ANOTHER = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
NO_VERSIONS = {"AccessDenied", "403", "NotImplemented", "MethodNotAllowed"}


class S3Source:
    """One prefix of one bucket. Keys of its items are below the prefix, as those of a folder are below its inbox."""

    def __init__(
        self,
        name: str,
        bucket: str,
        *,
        prefix: str,
        results_prefix: str,
        routes: Sequence[Route] = (),
        client: "S3Client",
    ) -> None:
        self.name = name
        self.routes = tuple(routes)
        self._bucket, self._client = bucket, client
        self._prefix, self._results = _as_folder(prefix), _as_folder(results_prefix)
        if not self._results or self._prefix.startswith(self._results):
            raise ValueError(
                f"results_prefix {results_prefix!r} of source {name} must not hold its prefix {prefix!r}: "
                "receipts would be read as manifests. Give the results a prefix of their own."
            )
        self._in_words = partial(in_words, name, bucket)

    def items(self) -> Iterator[Item]:
        """See `Source.items`: one page is held at a time."""
        with self._in_words():
            versions = self._keeps_versions()
            for listed, sidecar in with_sidecars(self._listed_versions() if versions else self._listed()):
                name = sidecar.rpartition("/")[2] if sidecar else None
                opener = partial(self._read_sidecar, sidecar) if sidecar else no_sidecar
                identity = ItemIdentity(self.name, to_key(listed.key.removeprefix(self._prefix)), listed.version)
                yield Item(identity, listed.size_bytes, listed.modified_at, name, opener)

    def take(self, item: Item, scratch: Path) -> Path:
        """See `Source.take`. The local name comes from the manifest's id, so no key leads out of `scratch`."""
        target = scratch / local_name(item.identity)
        if target.is_file():
            return target
        waiting = scratch / f"{uuid4().hex}.part"
        try:
            with self._in_words():
                scratch.mkdir(parents=True, exist_ok=True)
                with waiting.open("wb") as file:
                    self._download(item.identity, file)
                return waiting.replace(target)
        finally:
            waiting.unlink(missing_ok=True)

    def finish(
        self, item: ItemIdentity, taken: Path | None, folder: str, results: Mapping[str, Path]
    ) -> dict[str, str]:
        """See `Source.finish`: `<results prefix>/<folder>/<key><suffix>`.

        A later delivery under a key whose results are there already has its manifest's id before the suffix.
        """
        if folder not in ("processed", "rejected"):
            raise ValueError(f"{folder!r} is neither processed nor rejected")
        with self._in_words():
            stem = self._stem(item, folder)
            keys = {suffix: fitted(stem, suffix, KEY_BYTES) for suffix in results}
            for suffix, made in results.items():
                kind = CONTENT_TYPES.get(PurePosixPath(f"name{suffix}").suffix, "application/octet-stream")
                with made.open("rb") as file:
                    self._client.upload_fileobj(file, self._bucket, keys[suffix], ExtraArgs={"ContentType": kind})
            if taken is not None:
                taken.unlink(missing_ok=True)
        return {suffix: f"s3://{self._bucket}/{to_key(key)}" for suffix, key in keys.items()}

    def check(self) -> str:
        """See `Source.check`: lists one key and writes one small object under the results' prefix."""
        with self._in_words():
            versions = self._keeps_versions()
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
            self._client.put_object(Bucket=self._bucket, Key=f"{self._results}.check", Body=b"")
        kept = "keeps versions" if versions else "keeps no versions: an object that is overwritten early is lost"
        return (
            f"s3://{self._bucket}/{self._prefix} can be listed and s3://{self._bucket}/{self._results} written; "
            f"the bucket {kept}."
        )

    # listing

    def _keeps_versions(self) -> bool:
        """Asked anew in every sweep; a bucket that does not say is listed without versions."""
        try:
            if self._client.get_bucket_versioning(Bucket=self._bucket).get("Status") != "Enabled":
                return False
            self._client.list_object_versions(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
        except ClientError as error:
            if code_of(error) in NO_VERSIONS:
                return False
            raise
        return True

    def _listed(self) -> Iterator[Listed]:
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
            for found in page.get("Contents", []):
                if not found["Key"].startswith(self._results):
                    version = by_etag(found.get("ETag", ""), found["LastModified"])
                    yield Listed(found["Key"], version, found["Size"], found["LastModified"])

    def _listed_versions(self) -> Iterator[Listed]:
        """The newest version of each key; one from before the bucket kept versions goes by its ETag."""
        pages = self._client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
            for found in page.get("Versions", []):
                if found["IsLatest"] and not found["Key"].startswith(self._results):
                    changed_at, version_id = found["LastModified"], found["VersionId"]
                    version = f"{BY_VERSION}{version_id}"
                    if version_id == "null":
                        version = by_etag(found.get("ETag", ""), changed_at)
                    yield Listed(found["Key"], version, found["Size"], changed_at)

    # reading

    def _download(self, identity: ItemIdentity, file: IO[bytes]) -> None:
        """All bytes of just this version; a broken stream goes on where it broke."""
        for attempt in range(1, DOWNLOAD_ATTEMPTS + 1):
            body = self._open(identity, file.tell())["Body"]
            try:
                for chunk in body.iter_chunks(CHUNK_BYTES):
                    file.write(chunk)
                return
            except BotoCoreError:
                if attempt == DOWNLOAD_ATTEMPTS:
                    raise

    def _open(self, identity: ItemIdentity, start: int) -> "GetObjectOutputTypeDef":
        condition: dict[str, str] = {"Range": f"bytes={start}-"} if start else {}
        etag = etag_in(identity.version)
        if identity.version.startswith(BY_VERSION):
            condition["VersionId"] = identity.version.removeprefix(BY_VERSION)
        elif etag:
            condition["IfMatch"] = f'"{etag}"'
        key = self._prefix + to_path(identity.key)
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, **condition)  # type: ignore[arg-type]
        except ClientError as error:
            if code_of(error) not in CHANGED:
                raise
            raise ItemChanged(f"{identity.key!r} cannot be read as it was listed: {code_of(error)}") from error
        seen = by_etag(answer.get("ETag", ""), answer["LastModified"])
        if "VersionId" not in condition and not same_bytes(identity.version, seen):
            raise ItemChanged(f"{identity.key!r} was overwritten since it was listed")
        return answer

    def _read_sidecar(self, key: str) -> bytes:
        with self._in_words():
            found = self._read_small(key)
        if found is None:
            raise SourceUnavailable(f"The sidecar {key!r} vanished while its manifest was taken; run again.")
        return found

    def _read_small(self, key: str) -> bytes | None:
        """The first 64 KiB of an object, None without one."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, Range=f"bytes=0-{SIDECAR_BYTES - 1}")
            return answer["Body"].read()
        except ClientError as error:
            if code_of(error) in NO_SUCH_OBJECT:
                return None
            if code_of(error) in ("InvalidRange", "416"):  # it is empty
                return b""
            raise

    # results

    def _stem(self, item: ItemIdentity, folder: str) -> str:
        """What the results of this manifest are called, up to their suffix: the same in every call."""
        key = to_path(item.key)
        if {".", ".."} & set(key.split("/")):  # a server over a file system would resolve them
            return f"{self._results}{folder}/{item.manifest_id}"
        named = hashlib.sha256(f"{folder}/{key}".encode()).hexdigest()[:32]
        owner = self._owner(f"{self._results}.owners/{named}", item.manifest_id)
        return f"{self._results}{folder}/{key}" + ("" if owner == item.manifest_id else f".{item.manifest_id}")

    def _owner(self, key: str, manifest_id: str) -> str:
        """Which manifest's results have the plain name: the first that asked."""
        found = self._read_small(key)
        if found is None:
            try:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=manifest_id.encode(), IfNoneMatch="*")
            except ClientError as error:
                if code_of(error) not in TAKEN_BY_ANOTHER:
                    raise
            found = self._read_small(key)
        return (found or b"").decode()


def local_name(identity: ItemIdentity) -> str:
    """The manifest's id and the endings that say what format it is.

    >>> local_name(ItemIdentity("drops", "../../eu/Line 1\\n.csv.gz", "etag:1@2"))[14:]
    '.csv.gz'
    """
    endings = re.search(r"(\.[A-Za-z0-9]{1,8}){0,2}\Z", identity.key)
    return identity.manifest_id + (endings[0] if endings else "")


def _as_folder(prefix: str) -> str:
    return prefix if not prefix or prefix.endswith("/") else prefix + "/"
