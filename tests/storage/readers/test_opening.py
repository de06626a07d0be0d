"""Packing, limits and foreign formats: what is refused, with which sentence, and in how much memory."""

import gzip
import os
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from domain.file_limits import FileLimits
from domain.manifests import ManifestRefused
from storage.readers import describe_format, read_blocks, suffix_of
from storage.readers.block import ReadingRules

Read = Callable[..., Any]


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt", "A.TXT.GZ"])
def test_gzip_is_seen_by_its_bytes_not_by_the_name(read: Read, sims: Sequence[str], name: str) -> None:
    assert read(name, gzip.compress(f"{sims[0]}\r\n".encode())).iccids == {1: sims[0]}


def test_a_name_that_says_gz_may_hold_plain_text(read: Read, sims: Sequence[str]) -> None:
    assert read("a.csv.gz", f"iccid\n{sims[0]}\n").iccids == {2: sims[0]}


def test_a_gzip_file_of_several_members_is_read_to_its_end(read: Read, sims: Sequence[str]) -> None:
    content = gzip.compress(f"{sims[0]}\n{sims[1][:7]}".encode()) + gzip.compress(f"{sims[1][7:]}\n".encode())
    assert read("a.txt.gz", content).iccids == {1: sims[0], 2: sims[1]}


@pytest.mark.parametrize("damage", [lambda packed: packed[:-9], lambda packed: packed[:-8] + b"\0\0\0\0" + packed[-4:]])
def test_a_gzip_file_that_is_cut_off_or_damaged_is_refused(
    read: Read, sims: Sequence[str], damage: Callable[[bytes], bytes]
) -> None:
    packed = gzip.compress("".join(f"{sim}\n" for sim in sims).encode())
    with pytest.raises(ManifestRefused, match="cut off or damaged") as refusal:
        read("a.txt.gz", damage(packed))
    assert refusal.value.reason == "damaged"


def test_a_gzip_bomb_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.txt.gz"
    with gzip.open(path, "wb") as bomb:
        for _ in range(256):
            bomb.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(ManifestRefused, match="Unpacked") as refusal:
        list(read_blocks(path, path.name, ReadingRules()))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refusal.value.reason == "unpacks_too_large"
    assert peak_bytes < 12 << 20


def test_a_gzip_bomb_of_lines_is_refused_at_the_files_limit(read: Read, sims: Sequence[str]) -> None:
    content = gzip.compress(f"{sims[0]}\n".encode() * 200_000)
    limits = FileLimits(file_bytes=2_000_000, unpacked_ratio=10_000)
    with pytest.raises(ManifestRefused) as refusal:
        read("a.txt.gz", content, ReadingRules(limits=limits))
    assert refusal.value.reason == "unpacks_too_large"


def test_a_file_over_the_limit_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(2 * 1024**3 + 1)
    with pytest.raises(ManifestRefused, match="larger than 2,147,483,648 bytes") as refusal:
        list(read_blocks(path, path.name, ReadingRules()))
    assert refusal.value.reason == "file_too_large"


def test_a_symbolic_link_is_not_followed(tmp_path: Path, sims: Sequence[str]) -> None:
    (tmp_path / "target.txt").write_text(sims[0])
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "target.txt")
    with pytest.raises(ManifestRefused, match="symbolic link"):
        list(read_blocks(link, link.name, ReadingRules()))


def test_a_pipe_does_not_hang_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(ManifestRefused, match="not a regular file"):
        list(read_blocks(tmp_path / "pipe.txt", "pipe.txt", ReadingRules()))


@pytest.mark.parametrize(
    "content", [b"", gzip.compress(b"", mtime=0), b"\xef\xbb\xbf"], ids=["nothing", "packed", "mark"]
)
def test_an_empty_file_is_refused(read: Read, content: bytes) -> None:
    with pytest.raises(ManifestRefused, match="empty") as refusal:
        read("a.txt", content)
    assert refusal.value.reason == "empty"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"%PDF-1.7\n", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old .xls"),
        (b"PK\x03\x04....", "archive"),
        (b"7z\xbc\xaf\x27\x1c\0", "7-Zip"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"\x89PNG\r\n", "picture"),
        (gzip.compress(gzip.compress(b"8934076500002589174\n", mtime=0), mtime=0), "packed twice"),
        (gzip.compress(b"%PDF-1.7\n", mtime=0), "PDF"),
    ],
)
def test_a_foreign_format_is_named_in_the_refusal(read: Read, content: bytes, word: str) -> None:
    with pytest.raises(ManifestRefused, match=word) as refusal:
        read("a.txt", content)
    assert refusal.value.reason == "unsupported_format"


@pytest.mark.parametrize("name", ["a.pdf", "a.zip", "a.xls", "a.ods", "a.json", "a.zip.gz"])
def test_a_name_with_a_foreign_ending_is_refused(read: Read, sims: Sequence[str], name: str) -> None:
    with pytest.raises(ManifestRefused, match=r"ends in \.txt"):
        read(name, sims[0])


@pytest.mark.parametrize(
    ("name", "content", "format_"),
    [
        ("a.txt", b"8934076500002589174\n", "list, utf-8"),
        ("a.csv.gz", gzip.compress("iccid;note\n1;ü\n".encode("cp1252"), mtime=0), "table parted by ';', cp1252, gzip"),
        ("a.tsv", "\ufefficcid\tnote\n".encode("utf-16-le"), "table parted by tabs, utf-16-le"),
    ],
)
def test_a_format_is_described(tmp_path: Path, name: str, content: bytes, format_: str) -> None:
    path = tmp_path / "taken"
    path.write_bytes(content)
    assert describe_format(path, name) == format_


def test_the_suffix_of_a_name_is_that_below_gz() -> None:
    assert [suffix_of(name) for name in ("a.TXT", "b.csv.gz", "c.gz", "d")] == [".txt", ".csv", "", ""]
