"""`make bench`: every benchmark after the other, each against a reference of its own in the same run.

    python -m benchmarks [--quick]

The machine's noise moves seconds, hardly ratios: read the ratios. `--quick` takes a tenth of the size.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.manifest import write_manifest

FULL, QUICK = 1_000_000, 100_000


def steps(lines: int, manifest: Path) -> dict[str, list[str]]:
    """Title -> the module and arguments to run."""
    return {
        "Parse, validate, de-duplicate": ["benchmarks.parse", "--manifest", str(manifest), "--zeros-are-real"],
        "Rows into the database": ["benchmarks.loading", "--rows", str(lines)],
        "A manifest into planned operations": ["benchmarks.importing", "--lines", str(lines)],
        "Ledger: claim and finish": ["benchmarks.ledger", "--operations", str(lines // 5)],
        "Activation at the carrier's limit": ["benchmarks.activation", "--sims", str(lines // 200)],
        "Five carriers": ["benchmarks.carriers", "--sims", str(lines // 100)],
        "Collecting usage": ["benchmarks.collecting", "--sims", str(lines // 500)],
        "Usage report": ["benchmarks.usage_reporting", "--sims", str(lines)],
        "Reconciling with a carrier's listing": ["benchmarks.reconciling", "--sims", str(lines)],
        "Prefect's own share": ["benchmarks.prefect_share", "--sims", str(lines // 200)],
    }


def main() -> int:
    """Run them all; the exit status is the first failure's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    lines = QUICK if parser.parse_args().quick else FULL
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "manifest.txt"
        write_manifest(manifest, lines)
        for title, arguments in steps(lines, manifest).items():
            print(f"\n{title}", flush=True)
            ended = subprocess.run([sys.executable, "-m", *arguments], check=False).returncode
            failed = failed or ended
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
