"""A section as Parquet, for machines: typed, texts as they are, warnings and units in its metadata."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from reports.document import Report, ReportColumn, Section, Unit
from reports.receipt_json import utc_text
from reports.slices import slices
from reports.values import NUMBERS, as_day, as_utc

TYPES: dict[Unit, pa.DataType] = {
    Unit.TEXT: pa.string(),
    Unit.ICCID: pa.string(),
    Unit.COUNT: pa.int64(),
    Unit.BYTES: pa.int64(),
    Unit.CENTS: pa.int64(),
    Unit.SHARE: pa.float64(),
    Unit.DAY: pa.date32(),
    Unit.TIME: pa.timestamp("us", "UTC"),
}


def write_parquet(report: Report, section: Section, target: Path) -> None:
    """Write the section's rows; names are the columns' own, money is whole cents, what is not known is null."""
    schema = _schema(report, section)
    with pq.ParquetWriter(target, schema, compression="zstd", write_statistics=True) as writer:
        for rows in slices(section.rows):
            arrays = [_array(column, rows[column.name]) for column in section.columns]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _schema(report: Report, section: Section) -> pa.Schema:
    fields = [
        pa.field(
            _encodable(column.name),
            TYPES[column.unit],
            metadata={"unit": column.unit.value, "heading": _encodable(column.heading)},
        )
        for column in section.columns
    ]
    about = {"report": report.name, "section": section.name, "as_of": utc_text(report.as_of) or ""}
    about |= {f"warning-{number}": text for number, text in enumerate(report.warnings, start=1)}
    return pa.schema(fields, metadata={name: _encodable(text) for name, text in about.items()})


def _array(column: ReportColumn, values: "pd.Series[Any]") -> pa.Array:
    kind = TYPES[column.unit]
    if column.unit in NUMBERS:
        return pa.array(values, kind, from_pandas=True)
    words = _WORDS[column.unit]
    unknown = values.isna().tolist()
    known = [None if missing else words(value) for value, missing in zip(values.tolist(), unknown, strict=True)]
    try:
        return pa.array(known, kind)
    except UnicodeEncodeError:
        return pa.array([None if text is None else _encodable(text) for text in known], kind)


_WORDS: dict[Unit, Callable[[Any], Any]] = {Unit.TEXT: str, Unit.ICCID: str, Unit.DAY: as_day, Unit.TIME: as_utc}


def _encodable(text: str) -> str:
    """The text itself; half a surrogate pair, which UTF-8 cannot hold, is written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
