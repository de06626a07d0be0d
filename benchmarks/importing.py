"""A manifest of a million lines into planned operations, and the same file again, on SQLite and on PostgreSQL.

    python -m benchmarks.importing [--lines 1000000]

The reference is the same SIMs written into one bare table with a key, by the database's own fast way, in the same run.
Each import runs in a process of its own, whose peak memory (the operating system's word) is printed above its imports.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.manifest import write_manifest
from benchmarks.postgres import SAFE, ThrowawayPostgres
from benchmarks.workplace import issuers, open_context, prepare, take_in_file
from domain.iccid_batch import classify_lines, distinct
from domain.plain_rows import iccids_of
from storage.database import Database


def import_here(url: str, manifest: Path) -> None:
    """Import in this process; print what came of it as JSON."""
    before = _peak_mib()
    with tempfile.TemporaryDirectory() as folder:
        context = open_context(url, Path(folder))
        started = time.perf_counter()
        intake = take_in_file(context, manifest)
        seconds = time.perf_counter() - started
        new = intake.counts.accepted if intake else 0
        print(json.dumps({"seconds": seconds, "new": new, "mib": _peak_mib() - before}))
        context.database.close()


def _peak_mib() -> float:
    """The most memory that this program has held; unlike getrusage's, it starts anew with the program."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def in_a_process(url: str, manifest: Path) -> dict[str, float]:
    """One import in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.importing", "--here", url, str(manifest)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def reference_seconds(database: Database, manifest: Path) -> float:
    """The SIMs of the file into one bare keyed table: parse, sort out copies, one bulk insert."""
    started = time.perf_counter()
    batch = classify_lines(manifest.read_bytes(), 1, issuers())
    iccids = iccids_of(distinct(batch.keys))
    with database.begin() as tx:
        raw = tx.connection.connection.dbapi_connection
        assert raw is not None
        cursor = raw.cursor()
        cursor.execute("CREATE TABLE bare (iccid TEXT PRIMARY KEY)")
        if tx.is_postgresql:
            with cursor.copy("COPY bare FROM STDIN") as copy:
                copy.write("\n".join(iccids) + "\n")
        else:
            cursor.executemany("INSERT INTO bare VALUES (?)", [(iccid,) for iccid in iccids])
    return time.perf_counter() - started


def measure(name: str, url: str, manifest: Path) -> None:
    """Print the first import, the same file again, and the same content under another name."""
    database = Database(url)
    prepare(database)
    reference = reference_seconds(database, manifest)
    database.close()
    copy = manifest.with_name(f"copy-{manifest.name}")
    copy.write_bytes(manifest.read_bytes())
    for what, path in (("first", manifest), ("same file again", manifest), ("same content, other name", copy)):
        found = in_a_process(url, path)
        print(
            f"{name:<11} {what:<25} {found['seconds']:6.2f} s  {found['seconds'] / reference:5.2f}x bare table  "
            f"{found['new']:>9,} new  {found['mib']:5.0f} MiB above imports"
        )


def main() -> None:
    """Both databases, one manifest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--here", nargs=2)
    options = parser.parse_args()
    if options.here:
        import_here(options.here[0], Path(options.here[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "manifest.txt"
        write_manifest(manifest, options.lines)
        measure("SQLite", f"sqlite:///{Path(folder) / 'import.db'}", manifest)
        with ThrowawayPostgres(SAFE) as server:
            measure("PostgreSQL", server.url(), manifest)


if __name__ == "__main__":
    main()
