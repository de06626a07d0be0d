"""A section as Parquet, for machines: typed, texts as they are, warnings and units in its metadata."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from reports.document import Report, ReportColumn, Section, Unit
from reports.receipt_json import utc_text
from reports.slices import slices
from reports.values import as_day, as_utc, is_unknown

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
    match column.unit:
        case Unit.TEXT | Unit.ICCID:
            return pa.array([None if is_unknown(value) else _encodable(str(value)) for value in values], kind)
        case Unit.DAY:
            return pa.array([None if is_unknown(value) else as_day(value) for value in values], kind)
        case Unit.TIME:
            return pa.array([None if is_unknown(value) else as_utc(value) for value in values], kind)
        case Unit.SHARE:
            return pa.array([None if is_unknown(value) else float(value) for value in values], kind)
    return pa.array([None if is_unknown(value) else int(value) for value in values], kind)


def _encodable(text: str) -> str:
    """The text itself; half a surrogate pair, which UTF-8 cannot hold, is written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
