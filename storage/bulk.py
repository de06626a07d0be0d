"""Many rows at once, the fastest way of each database: COPY on PostgreSQL, INSERT from a temporary table on SQLite.

Values come as columns: a list has one value per row, anything else holds for every row. Measured per 900,000 SIMs with
their operations: half the time of executemany on SQLite, a third on PostgreSQL.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, TableClause, column, insert, literal, select, table

from storage.database import Transaction

Values = Mapping[str, Any]
"""Column name -> a list with one value per row, or the one value of all rows."""


def insert_rows(tx: Transaction, values: Values, into: Mapping[Table, Sequence[str]]) -> None:
    """Insert one row per list entry into each table, in the order given; a table gets the columns named for it."""
    if tx.is_postgresql:
        for target, names in into.items():
            _copy(tx, target.name, {name: values[name] for name in names})
        return
    with staged(tx, {name: value for name, value in values.items() if isinstance(value, list)}) as rows:
        for target, names in into.items():
            tx.execute(insert(target).from_select(list(names), select(*_sources(rows, target, names, values))))


@contextmanager
def staged(tx: Transaction, lists: Mapping[str, list[Any]]) -> Iterator[TableClause]:
    """A temporary table of text and number columns, filled with these lists, gone when the block ends."""
    kinds = {name: "bigint" if isinstance(_first(rows), int) else "text" for name, rows in lists.items()}
    columns = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    tx.connection.exec_driver_sql(f"CREATE TEMPORARY TABLE staged ({columns})")
    if tx.is_postgresql:
        _copy(tx, "staged", lists)
    else:
        marks = ", ".join("?" * len(lists))
        tx.connection.exec_driver_sql(f"INSERT INTO staged VALUES ({marks})", list(zip(*lists.values(), strict=True)))
    yield table("staged", *(column(name) for name in lists))
    tx.connection.exec_driver_sql("DROP TABLE staged")


def storable(text: str) -> str:
    """The text as both databases take it: NUL becomes its picture, a lone surrogate a question mark."""
    if text.isascii():
        return text.replace("\0", "\u2400")
    return text.replace("\0", "\u2400").encode("utf-8", "replace").decode("utf-8")


def _sources(rows: TableClause, target: Table, names: Sequence[str], values: Values) -> Iterator[ColumnElement[Any]]:
    for name in names:
        yield rows.c[name] if name in rows.c else literal(values[name], target.c[name].type)


def _copy(tx: Transaction, target: str, values: Values) -> None:
    lists = {name: value for name, value in values.items() if isinstance(value, list)}
    fixed = {name: value for name, value in values.items() if name not in lists}
    end = "".join(f"\t{_this_moment(tx, value) or _cell(value)}" for value in fixed.values()) + "\n"
    lines = ["\t".join(row) + end for row in zip(*map(_cells, lists.values()), strict=True)]
    statement = f"COPY {target} ({', '.join((*lists, *fixed))}) FROM STDIN"
    connection: Any = tx.connection.connection.driver_connection

    def copy_in() -> None:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write("".join(lines))

    tx.behind(copy_in)  # the server sorts in while the next rows are read and placed


def _this_moment(tx: Transaction, value: Any) -> str | None:
    """`now`, when the transaction began, where its own time is meant: read in a third of the time that a date takes."""
    return "now" if isinstance(value, datetime) and value == tx.now() and not tx.has_own_clock else None


_ESCAPED = ("\\", "\t", "\n", "\r")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _cells(values: list[Any]) -> list[str]:
    """One column in COPY's text format; numbers and plain text, by far the commonest, take a short way."""
    if isinstance(_first(values), int) and None not in values:
        return list(map(str, values))
    try:
        whole = "".join(values)
    except TypeError:
        return list(map(str, values)) if set(map(type, values)) == {int} else [_cell(value) for value in values]
    if any(sign in whole for sign in _ESCAPED):
        return [value.translate(_ESCAPES) for value in values]
    return values


def _cell(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).translate(_ESCAPES)


def _first(values: Sequence[Any]) -> Any:
    return next((value for value in values if value is not None), None)
