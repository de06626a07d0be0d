"""How long a manifest takes to be parsed, validated and de-duplicated, against `LC_ALL=C sort -u` of the same file.

    python -m benchmarks.parse --lines 1000000 --rounds 5
    python -m benchmarks.parse --manifest FILE --issuer 8944500 --issuer 8988303

A result counts only when it matches the truth beside the manifest, line for line and key for key. Both programs are
timed in turn, so a busy machine slows both; each of our rounds is a new process, and its memory is what it took above
its imports. `--issuer` names prefixes whose numbers may have 18, 19 or 20 digits. A file that is given is judged as in
production, where a card that ends in zeros must lie beside its neighbour on the reel; with `--zeros-are-real`, and in a
file made here, whose repeated lines lie anywhere, it is believed alone.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.manifest import ISSUERS, Kind, Truth, truth_path, write_manifest
from domain.iccid import IssuerProfile
from domain.iccid_batch import classify_lines, duplicates
from domain.lines import LineOutcome, Reason, Verdict

BLOCK_BYTES = 256 * 1024
Ints = NDArray[np.int64]
Profiles = tuple[IssuerProfile, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """One run of our parser in a process of its own."""

    seconds: float
    peak_mib_above_imports: float
    found: Truth


def whole_lines(path: Path) -> Iterator[bytes]:
    """The file in blocks that end with a line; a last line without its line feed comes alone."""
    rest = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            lines, feed, begun = block.rpartition(b"\n")
            if feed:
                yield rest + lines + feed
            rest = begun if feed else rest + begun
    if rest:
        yield rest


def parse(path: Path, profiles: Profiles, *, zeros_are_real: bool = False) -> Truth:
    """Read a bare list and say of it what its truth says. Memory: the keys, their lines, and one block."""
    keys, lines, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)], Counter[Kind]()
    line_count = 0
    for block in whole_lines(path):
        batch = classify_lines(block, line_count + 1, profiles, zeros_are_real=zeros_are_real)
        line_count += batch.line_count
        keys.append(batch.keys)
        lines.append(batch.lines)
        for outcome in batch.outcomes:
            counts[_kind(outcome)] += outcome.line_count
    return _summed(line_count, np.concatenate(keys), np.concatenate(lines), counts)


def _kind(outcome: LineOutcome) -> Kind:
    if outcome.verdict is Verdict.IGNORED:
        return Kind.IGNORED
    return Kind.BAD_LUHN if outcome.reason is Reason.WRONG_CHECK_DIGIT else Kind.BAD_FORMAT


def _summed(line_count: int, keys: Ints, lines: Ints, counts: Counter[Kind]) -> Truth:
    copies, _ = duplicates(keys, lines)
    key_sum = int(keys.view(np.uint64).sum()) - int(keys[copies].view(np.uint64).sum())
    return Truth(
        lines=line_count,
        ok=keys.size - copies.size,
        dup=copies.size,
        bad_format=counts[Kind.BAD_FORMAT],
        bad_luhn=counts[Kind.BAD_LUHN],
        ignored=counts[Kind.IGNORED],
        key_sum=key_sum % 2**64,
    )


def measure_here(path: Path, profiles: Profiles, *, zeros_are_real: bool) -> None:
    """One round in this process; prints it as JSON for the process that asked."""
    before = _memory_mib("VmRSS")
    started = time.perf_counter()
    found = parse(path, profiles, zeros_are_real=zeros_are_real)
    seconds = time.perf_counter() - started
    print(json.dumps([seconds, _memory_mib("VmHWM") - before, asdict(found)]))


def _memory_mib(field: str) -> float:
    """Of this process: `VmRSS` is what it has now, `VmHWM` the most that it ever had."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    if found is None:
        raise SystemExit("This benchmark reads its memory from /proc, which this system does not have.")
    return int(found[1]) / 1024


def our_round(path: Path, issuers: list[str], *, zeros_are_real: bool) -> Round:
    """One round of ours in a new process."""
    command = [sys.executable, "-m", "benchmarks.parse", "--here", "--manifest", str(path)]
    command += ["--zeros-are-real"] * zeros_are_real
    command += [word for issuer in issuers for word in ("--issuer", issuer)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, peak, found = json.loads(told)
    return Round(seconds, peak, Truth(**found))


def sort_seconds(path: Path) -> float:
    """`LC_ALL=C sort -u` of the file into nothing: a de-duplication without any validation."""
    started = time.perf_counter()
    subprocess.run(["sort", "-u", "-o", os.devnull, str(path)], check=True, env={**os.environ, "LC_ALL": "C"})
    return time.perf_counter() - started


def compare(path: Path, issuers: list[str], rounds: int, *, zeros_are_real: bool) -> None:
    """Both programs in turn; prints every round, the medians and their ratio. Ends with an error on a wrong result."""
    truth = Truth(**json.loads(truth_path(path).read_text(encoding="utf-8")))
    ours, sorts = [], []
    for _ in range(rounds):
        sorts.append(sort_seconds(path))
        ours.append(our_round(path, issuers, zeros_are_real=zeros_are_real))
        print(f"ours {ours[-1].seconds:.3f} s, sort -u {sorts[-1]:.3f} s")
        if ours[-1].found != truth:
            raise SystemExit(f"Not the truth:\n  found {ours[-1].found}\n  truth {truth}")
    seconds, sort = statistics.median(one.seconds for one in ours), statistics.median(sorts)
    print(f"{truth.lines:,} lines, as the truth says: {truth}")
    print(f"median of {rounds}: ours {seconds:.3f} s, sort -u {sort:.3f} s, ratio {seconds / sort:.2f}")
    print(f"peak memory above imports: {max(one.peak_mib_above_imports for one in ours):.0f} MiB")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000, help="of a manifest made for this run")
    parser.add_argument("--shuffle", action="store_true", help="make it without consecutive accounts")
    parser.add_argument("--manifest", type=Path, help="take this one, with its .truth.json beside it")
    parser.add_argument("--zeros-are-real", action="store_true", help="of this one: no spreadsheet ever had it")
    parser.add_argument("--issuer", action="append", default=[], help="a prefix whose numbers have 18 to 20 digits")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--here", action="store_true", help="one round in this process, as JSON")
    asked = parser.parse_args()
    if asked.here:
        any_length = tuple(IssuerProfile(prefix, prefix, frozenset({18, 19, 20})) for prefix in asked.issuer)
        measure_here(asked.manifest, any_length + ISSUERS, zeros_are_real=asked.zeros_are_real)
    elif asked.manifest:
        compare(asked.manifest, asked.issuer, asked.rounds, zeros_are_real=asked.zeros_are_real)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "manifest.txt"
            write_manifest(path, asked.lines, shuffle=asked.shuffle)
            compare(path, asked.issuer, asked.rounds, zeros_are_real=True)


if __name__ == "__main__":
    main()
