"""Lists of any length inside a statement: one bound value instead of thousands of parameters."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Subquery, Text, any_, bindparam, cast, column, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import NullType

from storage.database import Transaction

_BETWEEN = "\x1f"
"""The separator of units, which no key of ours holds."""
_LISTED = text("SELECT value FROM json_each(:values)")


def among(tx: Transaction, column: ColumnElement[Any], values: Sequence[int] | Sequence[str]) -> ColumnElement[bool]:
    """True where `column` is one of `values`; all integers or all text."""
    if tx.is_postgresql:
        return column == any_(_array(values))
    return column.in_(_LISTED.bindparams(bindparam("values", json.dumps(list(values)), unique=True)))


def as_rows(tx: Transaction, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Subquery:
    """These rows as a table of text columns inside the statement."""
    words = bindparam(None, json.dumps(list(rows)), type_=Text())
    if tx.is_postgresql:
        columns = [column(name, Text) for name in names]
        told = func.json_to_recordset(words.op("::")(text("json"))).table_valued(*columns, name="said")
        return select(*told.render_derived(with_types=True).c).subquery("told")
    each = func.json_each(words).table_valued("value", name="said")
    return select(*(func.json_extract(each.c.value, f"$.{name}").label(name) for name in names)).subquery("told")


def _array(values: Sequence[int] | Sequence[str]) -> ColumnElement[Any]:
    """An array that is sent as one text, in a fifth of the time of a list, and that the planner looks up by hash.

    Numbers have no type of their own until they are cast: as text they would be compared one by one, and 20,000 of
    20,000 rows took 23 s instead of 0.3 s.
    """
    if values and isinstance(values[0], int):
        return cast(bindparam(None, f"{{{','.join(map(str, values))}}}", type_=NullType()), ARRAY(BigInteger))
    together = _BETWEEN.join(values)  # type: ignore[arg-type]
    if all(values) and together.count(_BETWEEN) == len(values) - 1:
        return func.string_to_array(together, _BETWEEN)
    return bindparam(None, list(values), type_=ARRAY(Text))
