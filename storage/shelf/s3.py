"""A prefix of a bucket in which reports are kept. Who puts last wins; the index is written until nothing moves."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from storage.shelf.contract import ShelfUnavailable
from storage.sources.contract import SourceUnavailable
from storage.sources.s3 import CONTENT_TYPES, NO_SUCH_OBJECT
from storage.sources.s3_client import code_of, in_words

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SIDE_BY_SIDE = 16
TYPES = CONTENT_TYPES | {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".parquet": "application/vnd.apache.parquet",
}


class S3Place:
    """Objects below one prefix. An object is there as a whole or not at all, by S3's own promise."""

    def __init__(self, bucket: str, prefix: str, client: "S3Client") -> None:
        self._bucket, self._client = bucket, client
        self._prefix = prefix.strip("/") + "/"

    def put(self, name: str, made: Path) -> None:
        """See `Place.put`."""
        kind = TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
        with self._in_words(), made.open("rb") as file:
            self._client.upload_fileobj(file, self._bucket, self._prefix + name, ExtraArgs={"ContentType": kind})

    def read(self, name: str) -> bytes | None:
        """See `Place.read`."""
        with self._in_words():
            try:
                return self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read()
            except ClientError as error:
                if code_of(error) in NO_SUCH_OBJECT:
                    return None
                raise

    def read_all(self, names: Iterable[str]) -> dict[str, bytes]:
        """See `Place.read_all`: several at a time, for a shelf of years has hundreds of records."""
        names = list(names)
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            read = list(pool.map(self.read, names))
        return {name: content for name, content in zip(names, read, strict=True) if content is not None}

    def names(self, prefix: str) -> list[str]:
        """See `Place.names`."""
        with self._in_words():
            pages = self._client.get_paginator("list_objects_v2")
            listed = pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
            keys = [found["Key"] for page in listed for found in page.get("Contents", [])]
        return sorted(key.removeprefix(self._prefix) for key in keys)

    def has(self, name: str) -> bool:
        """See `Place.has`."""
        with self._in_words():
            try:
                self._client.head_object(Bucket=self._bucket, Key=self._prefix + name)
            except ClientError as error:
                if code_of(error) in NO_SUCH_OBJECT:
                    return False
                raise
        return True

    def remove(self, name: str) -> None:
        """See `Place.remove`."""
        with self._in_words():
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)

    def address(self, name: str) -> str:
        """See `Place.address`: `s3://BUCKET/PREFIX/NAME`."""
        return f"s3://{self._bucket}/{self._prefix}{name}"

    def alone(self) -> nullcontext[None]:
        """See `Place.alone`: S3 has no lock."""
        return nullcontext()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            with in_words("reports", self._bucket):
                yield
        except SourceUnavailable as error:
            allowed = "It needs s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject below its prefix."
            raise ShelfUnavailable(f"{error} {allowed}") from error
