"""A file a minute is half a million manifests in a year: what is asked again and again does not read them all."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, text

from domain.manifests import ManifestState
from storage import halting, manifests, receipts
from storage.database import Database, Transaction
from storage.schema import manifests as table

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
ASKED: list[tuple[str, Callable[[Transaction], object], str]] = [
    ("whose reader died", lambda tx: manifests.abandoned(tx, "inbox"), "ix_manifests_under_way"),
    ("which have ended", manifests.finish_ended, "ix_manifests_under_way"),
    ("whose receipt is to be made", receipts.due, "ix_manifests_under_way"),
    ("the newest", lambda tx: manifests.listing(tx, 50), "ix_manifests_received_at_id"),
    ("the next page", lambda tx: manifests.listing(tx, 50, "m-000000000100"), "ix_manifests_received_at_id"),
]


def finished(number: int) -> dict[str, object]:
    """One whose receipt is there and true."""
    at = FIRST + timedelta(minutes=number)
    named = {"id": f"m-{number:012d}", "source": "inbox", "item_key": f"{number}.csv", "version": "1", "actor": "test"}
    ended = {"received_at": at, "finished_at": at, "receipt_at": at, "receipt": "{}", "receipt_steps": "{}"}
    return named | ended | {"state": ManifestState.FINISHED.value}


@pytest.fixture
def a_year(database: Database) -> Database:
    """A database of finished manifests, and one that is being read no more."""
    stopped = finished(500) | dict.fromkeys(["finished_at", "receipt_at"]) | {"state": ManifestState.RECEIVED.value}
    with database.begin() as tx:
        tx.execute(insert(table), [*map(finished, range(500)), stopped])
        if tx.is_postgresql:  # by itself SQLite gathers no figures
            tx.execute(text("ANALYZE manifests"))
    return database


@pytest.mark.parametrize(("ask", "index"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED])
def test_an_index_answers(
    a_year: Database,
    explained: Callable[[Transaction, Callable[[], object]], str],
    ask: Callable[[Transaction], object],
    index: str,
) -> None:
    with a_year.begin() as tx:
        plan = explained(tx, lambda: ask(tx))
    assert index in plan
    assert "SCAN manifests\n" not in f"{plan}\n"
    assert "Seq Scan on manifests" not in plan


def test_only_what_is_open_is_told_of(a_year: Database) -> None:
    with a_year.begin() as tx:
        assert [row.id for row in manifests.abandoned(tx, "inbox")] == ["m-000000000500"]
        assert (manifests.finish_ended(tx), receipts.due(tx), halting.cancelled(tx)) == ([], {}, [])
        newest = [row.id for row in manifests.listing(tx, 2)]
        assert newest == ["m-000000000500", "m-000000000499"]
        assert [row.id for row in manifests.listing(tx, 1, newest[-1])] == ["m-000000000498"]
