"""Which statements a piece of work runs."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import event

from storage.database import Transaction


def statements_of(tx: Transaction, work: Callable[[], object]) -> list[tuple[str, Any]]:
    """Each in its order, as the driver gets it, with its values."""
    ran: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        ran.append((statement, parameters))

    event.listen(tx.connection, "before_cursor_execute", note)
    work()
    event.remove(tx.connection, "before_cursor_execute", note)
    return ran


def plans_of(tx: Transaction, ran: list[tuple[str, Any]]) -> str:
    """How the database goes about them now."""
    words = "EXPLAIN " if tx.is_postgresql else "EXPLAIN QUERY PLAN "
    told = [row for each, values in ran for row in tx.connection.exec_driver_sql(words + each, values)]
    return "\n".join(str(row[-1]) for row in told)
