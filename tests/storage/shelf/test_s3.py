from collections.abc import Callable
from pathlib import Path

import pytest

from storage.shelf.s3 import S3Place
from storage.sources.s3_client import make_client
from tests.storage.shelf.shelf_contract import At, ShelfContract, usage


class Bucket(At):
    def __init__(self, address: str, bucket: str) -> None:
        self.client = make_client(address, connect_timeout_seconds=2, attempts=2)
        self.bucket = bucket
        self.client.create_bucket(Bucket=bucket)

    def place(self) -> S3Place:
        return S3Place(self.bucket, "ops/reports", self.client)

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=f"ops/reports/{name}", Body=content)

    def files(self) -> dict[str, bytes]:
        listed = self.client.list_objects_v2(Bucket=self.bucket, Prefix="ops/reports/").get("Contents", [])
        names = [found["Key"].removeprefix("ops/reports/") for found in listed]
        return {
            name: self.client.get_object(Bucket=self.bucket, Key=f"ops/reports/{name}")["Body"].read()
            for name in names
            if not name.startswith(".shelf/")
        }

    def make_unavailable(self) -> None:
        self.bucket = "no-such-bucket"


class TestBucket(ShelfContract):
    @pytest.fixture
    def at(self, moto_address: str, new_bucket: Callable[[], str]) -> Bucket:
        return Bucket(moto_address, f"{new_bucket()}-reports")

    def test_a_browser_is_told_what_each_file_is(self, at: Bucket, tmp_path: Path) -> None:
        at.keep(usage(tables=("sims.csv", "sims.parquet")), tmp_path)
        kinds = {
            name: at.client.head_object(Bucket=at.bucket, Key=f"ops/reports/{name}")["ContentType"]
            for name in at.files()
        }
        assert kinds == {
            "index.html": "text/html; charset=utf-8",
            "usage-1.html": "text/html; charset=utf-8",
            "usage-1.sims.csv": "text/csv; charset=utf-8",
            "usage-1.sims.parquet": "application/vnd.apache.parquet",
        }
