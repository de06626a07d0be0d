"""`column is one of these values`, for lists of any length: one bound array instead of thousands of parameters."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, any_, bindparam, cast, func, select
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


def _array(values: Sequence[int] | Sequence[str]) -> str:
    """An array's text. Bound without a type of its own it is an array to the planner, which looks it up by hash.

    Bound as text it would be compared one by one: 20,000 of 20,000 rows took 23 s instead of 0.3 s.
    """
    return f"{{{','.join(map(str, values))}}}"
