"""Each command opens the database anew. In a test process they share what SQLAlchemy has compiled for the others.

A statement's compiled form is kept by engine and by dialect object, and opening makes one of each: a fifth of what a
test of the command line costs was to compile the same statements again. Ours are all opened alike (`storage.database`).
"""

from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

from storage import database

KEPT = 2_000


def share_compiled(patch: pytest.MonkeyPatch) -> None:
    """From now on, until the patch is undone."""
    shared: LRUCache[Any, Any] = LRUCache(KEPT)

    def create(url: Any, **more: Any) -> Engine:
        return create_engine(url, execution_options={"compiled_cache": shared}, **more)

    patch.setattr(database, "create_engine", create)
    for dialect in (PGDialect_psycopg, SQLiteDialect_pysqlite):
        patch.setattr(dialect, "__eq__", lambda one, other: type(one) is type(other))
        patch.setattr(dialect, "__hash__", lambda one: hash(type(one)))
