"""The process that reads a SQLite file for `storage.arrow`: a query in JSON a line in, an Arrow stream each out."""

import json
import sys
from pathlib import Path

import adbc_driver_sqlite.dbapi as sqlite
import pyarrow as pa

BATCH_ROWS = "65536"
BUSY_MILLISECONDS = 30_000


def main() -> None:
    """Answer until the questions end, all at the moment of the first; an error ends it with one line."""
    try:
        _answer()
    except sqlite.Error as error:
        sys.exit(str(error).splitlines()[0])


def _answer() -> None:
    address = f"{Path(sys.argv[1]).absolute().as_uri()}?mode=ro"
    with sqlite.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": BATCH_ROWS})
        for line in sys.stdin:
            cursor.execute(json.loads(line))
            batches = cursor.fetch_record_batch()
            with pa.ipc.new_stream(sys.stdout.buffer, batches.schema) as out:
                for batch in batches:
                    out.write_batch(batch)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
