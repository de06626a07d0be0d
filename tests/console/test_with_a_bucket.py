"""Manifests in S3, named by their address."""

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from console.commands import CANNOT, FINE, NEEDS_YOU

BUCKET = "sims"
SOURCE = """
[[sources]]
kind = "s3"
name = "drops"
bucket = "sims"
prefix = "drops/"
endpoint_url = "{address}"
region = "us-east-1"
routes = [{{ product = "tracker", home_country = "DE" }}]
"""


@pytest.fixture
def bucket(place: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket on loopback that the place has as a source; the client that puts objects into it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "access")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    with (place.folder / "simline.toml").open("a") as toml:
        toml.write(SOURCE.format(address=address))
    yield client
    server.stop()


def put(bucket: Any, key: str, rows: list[str]) -> None:
    """A table into the bucket."""
    bucket.put_object(Bucket=BUCKET, Key=key, Body="\n".join(["iccid,registration_code", *rows]).encode())


def test_an_object_is_planned_imported_and_its_receipt_lies_in_the_bucket(place: Any, rows: Any, bucket: Any) -> None:
    put(bucket, "drops/june/order.csv", rows(3))
    address = f"s3://{BUCKET}/drops/june/order.csv"
    assert place.simline("plan", address, "--json").json["counts"]["accepted"] == 3
    said = place.simline("import", address)
    assert said.status == FINE, said
    assert "All 3 SIMs are active" in said.out
    receipt = f"s3://{BUCKET}/simline-results/processed/june/order.csv.receipt.html"
    assert receipt in said.out
    assert bucket.get_object(Bucket=BUCKET, Key=receipt.removeprefix(f"s3://{BUCKET}/"))["Body"].read()


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("drops/nothing.csv", "There is no s3://sims/drops/nothing.csv"),
        ("elsewhere/order.csv", "No [[sources]] in simline.toml covers s3://sims/elsewhere/order.csv"),
    ],
)
def test_an_object_that_there_is_not_is_a_sentence(place: Any, bucket: Any, key: str, sentence: str) -> None:
    said = place.simline("import", f"s3://{BUCKET}/{key}")
    assert said.status == CANNOT
    assert sentence in said.err


def test_an_object_beyond_the_limit_is_refused_without_being_downloaded(
    place: Any, rows: Any, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*_: object) -> None:
        raise AssertionError("It was downloaded.")

    with (place.folder / "simline.toml").open("a") as toml:
        toml.write("[file_limits]\nfile_bytes = 100\n")
    put(bucket, "drops/big.csv", rows(20))
    monkeypatch.setattr("storage.sources.s3.S3Source.take", download)
    sentence = "at most 100 are taken. Split it and drop the parts."
    planned = place.simline("plan", f"s3://{BUCKET}/drops/big.csv")
    assert (planned.status, sentence in planned.err) == (CANNOT, True)
    said = place.simline("pick-up")
    assert said.status == NEEDS_YOU
    assert sentence in said.out
    kept = {found["Key"] for found in bucket.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert {"drops/big.csv", "simline-results/rejected/big.csv.receipt.html"} <= kept
    assert "Nothing new lies in the sources" in place.simline("pick-up").out


def test_the_page_of_a_receipt_in_a_bucket_is_opened_from_a_folder(place: Any, rows: Any, bucket: Any) -> None:
    put(bucket, "drops/order.csv", rows(1))
    place.simline("import", f"s3://{BUCKET}/drops/order.csv")
    assert "Add --write-to FOLDER" in place.simline("receipt", "order.csv", "--open").out
    assert place.simline("receipt", "order.csv", "--write-to", "here").status == FINE
    assert (place.folder / "here" / "order.csv.receipt.html").exists()
