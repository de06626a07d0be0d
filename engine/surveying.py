"""The first reading of a manifest: structure, limits, control totals, duplicates. Nothing is used before it passed."""

import gzip
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domain.control_totals import ControlTotal, disagreement
from domain.file_limits import FileLimits
from domain.iccid_batch import duplicates, stretches
from domain.lines import Verdict
from domain.manifests import ManifestRefused
from storage.readers import read_blocks
from storage.readers.block import Block, ReadingRules

GZIP_MAGIC = b"\x1f\x8b"
TRAILER = re.compile(rb"#\s*total", re.IGNORECASE)
TAIL_BYTES = 1 << 16
"""The trailer stands within the last so many bytes."""
STRETCHES = 1_000
"""Into so many stretches of numbers a file is cut at the most: each is one look into the database."""


@dataclass(frozen=True)
class Survey:
    """What a whole reading showed. `duplicate_lines[i]` holds the same SIM as the earlier `first_lines[i]`.

    All its SIMs lie within `stretches` (first and last ICCID of each). Its memory is the duplicates alone; the keys of
    all lines are held only while it is made.
    """

    sha256: str
    size_bytes: int
    line_count: int
    well_formed_count: int
    duplicate_lines: NDArray[np.int64]
    first_lines: NDArray[np.int64]
    stretches: Sequence[tuple[str, str]]

    def split(self, block: Block) -> tuple[NDArray[np.bool_], dict[int, int]]:
        """Which rows of the block are the first of their SIM, and for each other row (by line) its SIM's first line."""
        if not len(block.lines):
            return np.empty(0, np.bool_), {}
        low, high = np.searchsorted(self.duplicate_lines, [block.lines[0], block.lines[-1] + 1])
        repeated = self.duplicate_lines[low:high]
        firsts = ~np.isin(block.lines, repeated)
        return firsts, dict(zip(repeated.tolist(), self.first_lines[low:high].tolist(), strict=True))

    def with_copies(self, lines: Sequence[int]) -> set[int]:
        """Those among these lines whose SIM stands on a later line too."""
        return set(np.intersect1d(np.array(lines, np.int64), self._copied).tolist()) if lines else set()

    @cached_property
    def _copied(self) -> NDArray[np.int64]:
        return np.unique(self.first_lines)


def nobody_counts(_line_count: int) -> None:
    """The default: how many lines were read so far is of no interest."""


def survey(
    path: Path,
    name: str,
    rules: ReadingRules,
    sidecar: ControlTotal | None,
    so_far: Callable[[int], None] = nobody_counts,
) -> Survey:
    """Read the whole file once, and tell how many lines so far.

    Raises `ManifestRefused` for what makes the file unusable as a whole.
    """
    size = path.stat().st_size
    check_size(size, rules.limits)
    sha256 = sha256_of(path)
    keys, lines, attempts, line_count, trailer = _read_keys(path, name, rules, so_far)
    _check_totals(path, trailer, sidecar, attempts, sha256)
    later, first_lines = duplicates(keys, lines)
    order = np.argsort(lines[later], kind="stable")
    return Survey(
        *(sha256, size, line_count, len(keys)), lines[later][order], first_lines[order], stretches(keys, STRETCHES)
    )


def check_size(size_bytes: int, limits: FileLimits) -> None:
    """Raise `ManifestRefused` for a file that is larger than one may be."""
    if size_bytes > limits.file_bytes:
        raise ManifestRefused(
            f"The file has {size_bytes:,} bytes; at most {limits.file_bytes:,} are taken. Split it and drop the parts.",
            reason="file_too_large",
        )


def _check_totals(
    path: Path, trailer: ControlTotal | None, sidecar: ControlTotal | None, attempts: int, sha256: str
) -> None:
    """Both totals, where they are given. A trailer's hash is of the bytes before its line, a sidecar's of the file."""
    problems = []
    if trailer is not None:
        before = sha256_before_trailer(path) if trailer.sha256 else ""
        problems.append(disagreement(trailer, attempts, before))
    if sidecar is not None:
        problems.append(disagreement(sidecar, attempts, sha256))
    for problem in filter(None, problems):
        raise ManifestRefused(problem, reason="control_total")


def sha256_before_trailer(path: Path) -> str:
    """The hash of the (unpacked) bytes before the last `# total` of the file, in hex.

    Raises `ManifestRefused` where no such bytes are: in UTF-16 and in workbooks.
    """
    digest = hashlib.sha256()
    with path.open("rb") as raw:
        packed = raw.read(2) == GZIP_MAGIC
    with gzip.open(path) if packed else path.open("rb") as file:
        kept = b""
        while chunk := file.read(TAIL_BYTES):
            digest.update(kept[:-TAIL_BYTES])
            kept = kept[-TAIL_BYTES:] + chunk
    found = [match.start() for match in TRAILER.finditer(kept)]
    if not found:
        raise ManifestRefused(
            "Its control total names a hash, which is checked in 8-bit text files alone. "
            "Write the count alone, or put the hash into a sidecar NAME.sha256.",
            reason="control_total",
        )
    digest.update(kept[: found[-1]])
    return digest.hexdigest()


def _read_keys(
    path: Path, name: str, rules: ReadingRules, so_far: Callable[[int], None]
) -> tuple[NDArray[np.int64], NDArray[np.int64], int, int, ControlTotal | None]:
    keys: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    lines: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    line_count = rejected = 0
    trailer = None
    for block in read_blocks(path, name, rules):
        keys.append(block.keys)
        lines.append(block.lines)
        line_count += block.line_count
        rejected += sum(one.line_count for one in block.outcomes if one.verdict is Verdict.REJECTED)
        trailer = block.trailer or trailer
        so_far(line_count)
    all_keys = np.concatenate(keys)
    return all_keys, np.concatenate(lines), len(all_keys) + rejected, line_count, trailer


def sha256_of(path: Path) -> str:
    """The hash of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
