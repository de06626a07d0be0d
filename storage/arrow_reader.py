"""The process that reads a SQLite file for `storage.arrow`: a query in JSON a line in, an Arrow stream each out.

It speaks to the driver without its DB-API, which would load pandas: that is two thirds of what starting it would cost.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import adbc_driver_manager as adbc
import adbc_driver_sqlite as sqlite
import pyarrow as pa

BATCH_ROWS = "65536"
BUSY_MILLISECONDS = 30_000


def main() -> None:
    """Answer until the questions end, all at the moment of the first; an error ends it with one line."""
    try:
        with _statement(Path(sys.argv[1])) as statement:
            _asked(statement, f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}").read_all()
            statement.set_options(**{sqlite.StatementOptions.BATCH_ROWS.value: BATCH_ROWS})
            for line in sys.stdin:
                _answer(_asked(statement, json.loads(line)))
    except adbc.Error as error:
        sys.exit(str(error).splitlines()[0])


@contextmanager
def _statement(file: Path) -> Iterator[adbc.AdbcStatement]:
    address = f"{file.absolute().as_uri()}?mode=ro"
    with sqlite.connect(address) as database, adbc.AdbcConnection(database) as connection:
        connection.set_autocommit(False)
        with adbc.AdbcStatement(connection) as statement:
            yield statement


def _asked(statement: adbc.AdbcStatement, query: str) -> pa.RecordBatchReader:
    statement.set_sql_query(query)
    stream, _ = statement.execute_query()
    return pa.RecordBatchReader._import_from_c(stream.address)  # the documented way from one library to the other


def _answer(batches: pa.RecordBatchReader) -> None:
    with pa.ipc.new_stream(sys.stdout.buffer, batches.schema) as out:
        for batch in batches:
            out.write_batch(batch)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
