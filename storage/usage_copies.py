"""Days of usage as Parquet files beside the database: the truth stays there, and sums over months read the files.

A day is copied when somebody reports on it, and again when `usage_versions` says that its rows have changed since. A
file's name is its day and a digest of the versions that it was made of, so a file is right or it is not looked at.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from uuid import uuid4

import duckdb

from domain.usage import Days
from storage.arrow import Snapshot, number
from storage.schema import EPOCH

FOLDER = "usage-copies"
KEPT_SECONDS = 3600.0
"""An outdated copy stays so long: another report may be reading it."""
UNUSED_SECONDS = 45 * 86_400.0
"""A copy that nobody has read for so long is of a month that nobody reports on any more."""


def copied(duck: duckdb.DuckDBPyConnection, now: Snapshot, scratch: Path, days: Days) -> dict[int, Path]:
    """The file of each of these days that has any usage, by day number; what is outdated or missing is read anew."""
    folder = scratch / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    files = {day: folder / f"{day}-{digest}.parquet" for day, digest in _digests(now, days)}
    for day, file in files.items():
        try:
            os.utime(file)  # when it was of use last
        except FileNotFoundError:
            _copy(duck, now, day, file)
            _forget_outdated(folder, day, file)
    return files


def forget_unused(scratch: Path, for_seconds: float = UNUSED_SECONDS) -> int:
    """Remove the copies that no report has read for so long; how many. Whoever wants one again makes it anew."""
    removed = 0
    for file in (scratch / FOLDER).glob("*.parquet"):
        with suppress(FileNotFoundError):  # somebody else was quicker
            if file.stat().st_mtime < time.time() - for_seconds:
                file.unlink()
                removed += 1
    return removed


def _digests(now: Snapshot, days: Days) -> Iterator[tuple[int, str]]:
    first, last = (days.first - EPOCH).days, (days.last - EPOCH).days
    told = now.batches(
        "SELECT day, carrier_account, version FROM usage_versions "
        f"WHERE day BETWEEN {first} AND {last} ORDER BY day, carrier_account"
    ).read_all()
    rows = zip(*(column.to_pylist() for column in told.columns), strict=True)
    for day, versions in groupby(rows, itemgetter(0)):
        yield day, hashlib.sha256(repr(list(versions)).encode()).hexdigest()[:16]


def _copy(duck: duckdb.DuckDBPyConnection, now: Snapshot, day: int, file: Path) -> None:
    """Whole or not at all: a file with its name is complete."""
    begun = file.with_suffix(f".{uuid4().hex[:8]}")
    query = f"SELECT {number('iccid')} AS sim, product_id, total_bytes, is_derived FROM usage_days WHERE day = {day}"
    duck.register("told", now.batches(query))
    try:
        duck.execute(
            f"COPY (SELECT {day}::INTEGER AS day, sim, product_id AS product, total_bytes AS bytes, "
            "CAST(is_derived AS BOOLEAN) AS is_derived "
            f"FROM told ORDER BY sim) TO '{_quoted(begun)}' (FORMAT parquet)"
        )
        begun.replace(file)
    finally:
        duck.unregister("told")
        begun.unlink(missing_ok=True)


def _forget_outdated(folder: Path, day: int, newest: Path) -> None:
    for file in folder.glob(f"{day}-*"):
        try:
            if file != newest and file.stat().st_mtime < time.time() - KEPT_SECONDS:
                file.unlink()
        except FileNotFoundError:  # another report was quicker
            continue


def rows_of(files: dict[int, Path]) -> str:
    """In DuckDB: the rows of these files with their day."""
    if not files:
        return "(SELECT 0 AS day, 0::BIGINT AS sim, '' AS product, 0::BIGINT AS bytes, false AS is_derived WHERE false)"
    names = ", ".join(f"'{_quoted(file)}'" for file in files.values())
    return f"read_parquet([{names}])"


def _quoted(file: Path) -> str:
    return str(file).replace("'", "''")
