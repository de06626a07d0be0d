"""Every table of ours, beside what a database has."""

from sqlalchemy import inspect

from storage import alert_schema, reconciling_schema, schema, usage_schema
from storage.database import Database

PARTS = (schema, usage_schema, alert_schema, reconciling_schema)
"""Every module that adds to the one set of tables."""


def lacking(database: Database) -> list[str]:
    """Tables, columns and indexes of this version that the database has not, whatever its record of migrations says.

    Before 1.0 the one migration is rewritten when the shape changes, so a database of an older main bears its number.
    """
    with database.read() as tx:
        found = inspect(tx.connection)
        columns = {table: {one["name"] for one in ones} for (_, table), ones in found.get_multi_columns().items()}
        indexes = {table: {one["name"] for one in ones} for (_, table), ones in found.get_multi_indexes().items()}
    missing = []
    for table in PARTS[0].metadata.sorted_tables:
        if table.name not in columns:
            missing.append(table.name)
            continue
        missing += [f"{table.name}.{one.name}" for one in table.columns if one.name not in columns[table.name]]
        missing += [f"index {one.name}" for one in table.indexes if one.name not in indexes.get(table.name, ())]
    return missing
