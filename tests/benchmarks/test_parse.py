"""The benchmark's own parts: its manifests are what their truth says, and its reader loses no byte."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import parse as benchmark
from benchmarks.__main__ import steps
from benchmarks.manifest import ISSUERS, truth_path, write_manifest


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_parser_finds_the_truth_of_a_manifest_full_of_odd_lines(tmp_path: Path, shuffle: bool) -> None:
    truth = write_manifest(tmp_path / "m.txt", 30_000, seed=3, odd=0.1, shuffle=shuffle)
    assert min(truth.ok, truth.dup, truth.bad_format, truth.bad_luhn, truth.ignored) > 100
    assert truth.lines == truth.ok + truth.dup + truth.bad_format + truth.bad_luhn + truth.ignored == 30_000
    assert benchmark.parse(tmp_path / "m.txt", ISSUERS, zeros_are_real=True) == truth


def test_make_bench_finds_the_truth_where_a_repeated_card_ends_in_zeros(tmp_path: Path) -> None:
    manifest = tmp_path / "m.txt"
    truth = write_manifest(manifest, 20_000, seed=3, odd=0.9)
    assert benchmark.parse(manifest, ISSUERS) != truth, "no such card"
    command = [sys.executable, "-m", *steps(20_000, manifest)["Parse, validate, de-duplicate"], "--rounds", "1"]
    subprocess.run(command, check=True, capture_output=True)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_manifest(tmp_path / name, 2_000, seed=seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()
    assert truth_path(tmp_path / "a").read_text() == truth_path(tmp_path / "b").read_text()


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"ab", b"ab\n", b"ab\ncd", b"a\n\nbcdefghijk\nlm\n", b"abcdefghijkl\n"]
)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_blocks_end_with_a_line_and_lose_nothing(
    content: bytes, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "BLOCK_BYTES", size)
    (tmp_path / "m.txt").write_bytes(content)
    blocks = list(benchmark.whole_lines(tmp_path / "m.txt"))
    assert b"".join(blocks) == content
    assert all(block.endswith(b"\n") for block in blocks[:-1])
