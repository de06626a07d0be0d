import functools
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from domain.manifests import ItemIdentity
from storage.sources.contract import Item, ItemChanged, SourceUnavailable
from storage.sources.names import to_path
from storage.sources.s3 import S3Source
from storage.sources.s3_client import make_client
from storage.sources.s3_listing import Listed, with_sidecars
from tests.storage.sources.conftest import ACCESS_KEY, SECRET_KEY
from tests.storage.sources.source_contract import OTHER, RECEIPT, ROUTES, TEXT, Place, SourceContract, results_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NewBucket = Callable[[], str]
PREFIX = "drops/"
EVERYWHERE = ["a b.txt", "%2e%2e/up.txt", "ü ☃ +&=?#.txt", "back\\slash.csv.gz", "d" * 200 + "/x.txt"]
ONLY_OBJECTS = [
    "new\nline.txt",
    "../../etc/passwd",
    "eu/../../up.txt",
    "./here.txt",
    "//two.txt",
    "k" * (1024 - len(PREFIX)),
]


@functools.cache
def client_of(address: str) -> "S3Client":
    return make_client(address, connect_timeout_seconds=2, attempts=2)


class Bucket(Place):
    """A bucket of one of the servers."""

    def __init__(self, address: str, bucket: str, odd_names: list[str], keeps_versions: bool = False) -> None:
        self.client = client_of(address)
        self.bucket, self.odd_names, self.keeps_versions = bucket, odd_names, keeps_versions
        self.client.create_bucket(Bucket=bucket)
        if keeps_versions:
            self.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def source(self) -> S3Source:
        return S3Source(
            "drops", self.bucket, prefix=PREFIX, results_prefix="results/", routes=ROUTES, client=self.client
        )

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=PREFIX + name, Body=content)

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=PREFIX + name)

    def read(self, where: str) -> bytes:
        key = to_path(where.removeprefix(f"s3://{self.bucket}/"))
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def wait_for_the_next_second(self) -> None:
        time.sleep(1.05)

    def make_unavailable(self) -> None:
        self.bucket = "no-such-bucket"


class TestVersionedBucket(SourceContract):
    @pytest.fixture
    def place(self, moto_address: str, new_bucket: NewBucket) -> Bucket:
        return Bucket(moto_address, new_bucket(), EVERYWHERE + ONLY_OBJECTS, keeps_versions=True)

    def test_the_version_of_a_delivery_is_the_objects_own(self, place: Bucket) -> None:
        place.put("list.txt", TEXT)
        version_id = place.client.head_object(Bucket=place.bucket, Key=f"{PREFIX}list.txt")["VersionId"]
        assert place.identities() == {ItemIdentity("drops", "list.txt", f"version:{version_id}")}

    def test_an_object_keeps_its_identity_when_its_bucket_begins_to_keep_versions(
        self, moto_address: str, new_bucket: NewBucket, tmp_path: Path
    ) -> None:
        place = Bucket(moto_address, new_bucket(), [])
        place.put("list.txt", TEXT)
        before = place.identities()
        place.client.put_bucket_versioning(Bucket=place.bucket, VersioningConfiguration={"Status": "Enabled"})
        assert place.identities() == before
        assert place.source().take(place.only_item("list.txt"), tmp_path).read_bytes() == TEXT


class TestUnversionedBucket(SourceContract):
    @pytest.fixture
    def place(self, moto_address: str, new_bucket: NewBucket) -> Bucket:
        return Bucket(moto_address, new_bucket(), EVERYWHERE + ONLY_OBJECTS)

    def test_a_key_that_climbs_has_its_results_named_by_the_manifest(self, place: Bucket, tmp_path: Path) -> None:
        identity = ItemIdentity("drops", "../../drops/list.txt", "etag:1@2")
        where = place.source().finish(identity, None, "processed", results_of(tmp_path / "made", "one"))
        assert where[RECEIPT] == f"s3://{place.bucket}/results/processed/{identity.manifest_id}.receipt.json"

    def test_every_page_of_a_long_listing_is_swept(self, place: Bucket) -> None:
        pages: list[str] = []

        def of_ten(params: dict[str, Any], **_: object) -> None:
            pages.append(params.get("ContinuationToken", "the first"))
            params["MaxKeys"] = 10

        for number in range(25):
            place.put(f"{number:04}.txt", b"")
        for listing in ("ListObjectsV2", "ListObjectVersions"):
            place.client.meta.events.register(f"provide-client-params.s3.{listing}", of_ten)
        assert [item.identity.key for item in place.source().items()] == [f"{n:04}.txt" for n in range(25)]
        assert len(set(pages)) == len(pages) == 3

    def test_results_under_the_prefix_itself_are_no_manifests(self, place: Bucket, tmp_path: Path) -> None:
        source = S3Source("drops", place.bucket, prefix="", results_prefix="results", client=place.client)
        place.put("list.txt", TEXT)
        place.client.put_object(Bucket=place.bucket, Key="a-folder/", Body=b"")
        [item] = source.items()
        source.finish(item.identity, None, "processed", results_of(tmp_path / "made", "one"))
        assert [again.identity for again in source.items()] == [item.identity]

    def test_results_are_opened_by_a_browser_as_what_they_are(self, place: Bucket, tmp_path: Path) -> None:
        identity = ItemIdentity("drops", "list.txt", "etag:1@2")
        place.source().finish(identity, None, "processed", results_of(tmp_path / "made", "one"))
        kinds = {
            suffix: place.client.head_object(Bucket=place.bucket, Key=f"results/processed/list.txt{suffix}")
            for suffix in (RECEIPT, ".receipt.html")
        }
        assert kinds[RECEIPT]["ContentType"] == "application/json"
        assert kinds[".receipt.html"]["ContentType"] == "text/html; charset=utf-8"


class TestServerOverAPlainFolder(SourceContract):
    @pytest.fixture
    def place(self, rclone_address: str, new_bucket: NewBucket) -> Bucket:
        return Bucket(rclone_address, new_bucket(), EVERYWHERE)

    def test_a_large_result_goes_up_in_parts(self, place: Bucket, tmp_path: Path) -> None:
        (tmp_path / "outcomes").write_bytes(TEXT * 300_000)
        identity = ItemIdentity("drops", "list.txt", "etag:1@2")
        where = place.source().finish(identity, None, "processed", {".outcomes.csv": tmp_path / "outcomes"})
        assert place.read(where[".outcomes.csv"]) == TEXT * 300_000

    def test_wrong_credentials_say_what_to_do_and_show_nothing(
        self, place: Bucket, rclone_address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "seeded-wrong-secret")
        client = make_client(rclone_address, attempts=1)
        source = S3Source("drops", place.bucket, prefix=PREFIX, results_prefix="results", client=client)
        with pytest.raises(SourceUnavailable, match="credentials") as caught:
            source.check()
        told = "".join(traceback.format_exception(caught.value))
        assert not [secret for secret in (ACCESS_KEY, SECRET_KEY, "seeded-wrong-secret") if secret in told]


def test_a_server_that_is_not_there_says_what_to_check(aws_environment: None) -> None:
    client = make_client("http://127.0.0.1:9", connect_timeout_seconds=1, attempts=1)
    source = S3Source("drops", "sims", prefix="", results_prefix="results", client=client)
    with pytest.raises(SourceUnavailable, match=r"bucket sims cannot be reached .*endpoint_url"):
        list(source.items())


def test_missing_credentials_say_what_to_do(moto_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    source = S3Source("drops", "sims", prefix="", results_prefix="results", client=make_client(moto_address))
    with pytest.raises(SourceUnavailable, match="no credentials"):
        source.check()


@pytest.mark.parametrize(("prefix", "results_prefix"), [("", ""), ("in", "in"), ("in/eu/", "in/"), ("in/", "")])
def test_receipts_cannot_be_configured_to_be_read_as_manifests(
    moto_address: str, prefix: str, results_prefix: str
) -> None:
    with pytest.raises(ValueError, match="prefix of their own"):
        S3Source("drops", "sims", prefix=prefix, results_prefix=results_prefix, client=client_of(moto_address))


def test_an_endpoint_with_a_password_in_it_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValueError, match="must not hold a user") as caught:
        make_client("https://somebody:seeded-password@127.0.0.1")
    assert "seeded-password" not in str(caught.value)


class Cutting(BaseHTTPRequestHandler):
    """Serves `TEXT`, but breaks every answer off after ten bytes; changes the ETag when told to."""

    ranges: list[str | None]
    conditions: set[str | None]
    etags: Iterator[str]

    def do_GET(self) -> None:
        asked = self.headers["Range"]
        self.ranges.append(asked)
        self.conditions.add(self.headers["If-Match"])
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(TEXT) - start))
        self.send_header("ETag", f'"{next(self.etags)}"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()
        self.wfile.write(TEXT[start : start + 10])

    def log_message(self, *_arguments: object) -> None: ...


@pytest.fixture
def cutting(aws_environment: None) -> Iterator[Callable[[Iterable[str]], "S3Client"]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Cutting) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()

        def start(etags: Iterable[str]) -> "S3Client":
            Cutting.ranges, Cutting.conditions, Cutting.etags = [], set(), iter(etags)
            return make_client(f"http://127.0.0.1:{server.server_port}", attempts=1, read_timeout_seconds=5)

        yield start
        server.shutdown()
        thread.join()


ITEM = Item(ItemIdentity("drops", "list.txt", "etag:one@1767225600"), len(TEXT), datetime(2026, 1, 1, tzinfo=UTC))


def test_a_broken_download_goes_on_where_it_broke(
    cutting: Callable[[Iterable[str]], "S3Client"], tmp_path: Path
) -> None:
    source = S3Source("drops", "sims", prefix="", results_prefix="results", client=cutting(["one"] * 9))
    assert source.take(ITEM, tmp_path).read_bytes() == TEXT
    assert Cutting.ranges == [None, "bytes=10-", "bytes=20-", "bytes=30-"]
    assert Cutting.conditions == {'"one"'}


def test_a_download_never_mixes_two_versions(cutting: Callable[[Iterable[str]], "S3Client"], tmp_path: Path) -> None:
    source = S3Source("drops", "sims", prefix="", results_prefix="results", client=cutting(["one", "two"]))
    with pytest.raises(ItemChanged):
        source.take(ITEM, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_of_many_keys_holds_only_a_few() -> None:
    read = 0

    def listing() -> Iterator[Listed]:
        nonlocal read
        for number in range(100_000):
            read += 1
            yield Listed(f"drops/{number:06}.txt", "etag:1@2", 1, datetime(2026, 1, 1, tzinfo=UTC))

    ahead = 0
    for count, (_, sidecar) in enumerate(with_sidecars(listing()), start=1):
        assert sidecar is None
        ahead = max(ahead, read - count)
    assert (read, count, ahead) == (100_000, 100_000, 1)


def test_an_overwritten_newer_put_of_the_same_bytes_can_still_be_read_under_its_first_identity(
    moto_address: str, new_bucket: NewBucket, tmp_path: Path
) -> None:
    place = Bucket(moto_address, new_bucket(), [])
    place.put("list.txt", TEXT)
    item = place.only_item("list.txt")
    place.wait_for_the_next_second()
    place.put("list.txt", TEXT)
    assert place.only_item("list.txt").identity != item.identity
    assert place.source().take(item, tmp_path).read_bytes() == TEXT
    place.put("list.txt", OTHER)
    with pytest.raises(ItemChanged):
        place.source().take(item, tmp_path / "another worker's scratch")
