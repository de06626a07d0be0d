"""Lists of any length inside a statement: one bound value instead of thousands of parameters."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Subquery, Text, any_, bindparam, cast, column, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import NullType

from storage.database import Transaction


def among(tx: Transaction, column: ColumnElement[Any], values: Sequence[int] | Sequence[str]) -> ColumnElement[bool]:
    """True where `column` is one of `values`; all integers or all text."""
    if tx.is_postgresql:
        if values and isinstance(values[0], int):  # one text is sent in a fifth of the time of a list
            return column == any_(cast(bindparam(None, _array(values), type_=NullType()), ARRAY(BigInteger)))
        return column == any_(bindparam(None, list(values), type_=ARRAY(Text)))
    listed = func.json_each(bindparam(None, json.dumps(list(values)))).table_valued("value")
    return column.in_(select(listed.c.value))


def as_rows(tx: Transaction, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Subquery:
    """These rows as a table of text columns inside the statement."""
    words = bindparam(None, json.dumps(list(rows)), type_=Text())
    if tx.is_postgresql:
        columns = [column(name, Text) for name in names]
        told = func.json_to_recordset(words.op("::")(text("json"))).table_valued(*columns, name="said")
        return select(*told.render_derived(with_types=True).c).subquery("told")
    each = func.json_each(words).table_valued("value", name="said")
    return select(*(func.json_extract(each.c.value, f"$.{name}").label(name) for name in names)).subquery("told")


def _array(values: Sequence[int] | Sequence[str]) -> str:
    """An array's text. Bound without a type of its own it is an array to the planner, which looks it up by hash.

    Bound as text it would be compared one by one: 20,000 of 20,000 rows took 23 s instead of 0.3 s.
    """
    return f"{{{','.join(map(str, values))}}}"
