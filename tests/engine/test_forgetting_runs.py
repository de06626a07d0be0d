"""Reconciliations are kept for their days, and the newest of each scope for longer."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, insert, select

from engine.reconciling import forget_runs
from storage.database import Database
from storage.forgetting import old_runs
from storage.reconciling_schema import findings, listed_sims, listings, reconciled_accounts, reconciliations

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(days=400)
EVERYTHING, ONE_ACCOUNT = "* *", "kore *"


def keep(database: Database, number: int, days: int, scope: str) -> None:
    """A run of so many days ago, with one account and one finding."""
    at = NOW - timedelta(days=days)
    run = {"id": number, "as_of": at, "scope": scope, "actor": "ann", "zombie_days": 30}
    of = {"reconciliation_id": number, "carrier_account": "kore"}
    counts = dict.fromkeys(("sim_count", "ok_count", "under_way_count", "unknown_count", "page_count"), 1)
    bill = {"invoice": "", "invoice_month": "", "invoice_lines": 0, "invoice_unreadable": 0}
    texts = dict.fromkeys(("product_id", "wanted", "carrier_state", "carrier_word", "plan", "carrier_plan"), "")
    found = {"kind": "ghost", "iccid": "8988307000000000001", "change": "new", "counts": True, "currency": ""}
    with database.begin() as tx:
        tx.execute(insert(reconciliations).values(run))
        tx.execute(insert(reconciled_accounts).values(of | counts | bill | {"is_complete": True, "problem": ""}))
        tx.execute(insert(findings).values(of | texts | found | {"first_found": at}))


def left(database: Database) -> dict[str, list[int]]:
    """Table -> the runs that it still has."""
    columns = (reconciliations.c.id, reconciled_accounts.c.reconciliation_id, findings.c.reconciliation_id)
    with database.read() as tx:
        return {str(one.table.name): sorted(tx.execute(select(one)).scalars()) for one in columns}


def test_what_had_its_days_goes_with_all_it_found_but_for_the_newest_of_each_scope(database: Database) -> None:
    keep(database, 1, 900, ONE_ACCOUNT)
    keep(database, 2, 700, ONE_ACCOUNT)  # the newest of its scope
    keep(database, 3, 401, EVERYTHING)
    keep(database, 4, 399, EVERYTHING)
    keep(database, 5, 1, EVERYTHING)
    with database.read() as tx:
        assert [run.id for run in old_runs(tx, BEFORE)] == [1, 3]
    assert [run.id for run in forget_runs(database, BEFORE)] == [1, 3]
    stays = [2, 4, 5]
    assert left(database) == {"reconciliations": stays, "reconciled_accounts": stays, "findings": stays}
    assert forget_runs(database, BEFORE) == []


def test_of_two_runs_of_one_second_the_later_stays(database: Database) -> None:
    keep(database, 1, 500, EVERYTHING)
    keep(database, 2, 500, EVERYTHING)
    assert [run.id for run in forget_runs(database, BEFORE)] == [1]


def test_what_was_listed_goes_once_nobody_has_listed_the_account_for_as_long(database: Database) -> None:
    gone, broken_off, present, held = "gone", "broken-off", "present", "held"
    ended: dict[str, object] = {"begun_at": BEFORE - timedelta(hours=1), "ended_at": BEFORE - timedelta(seconds=1)}
    never: dict[str, object] = {"begun_at": None, "ended_at": None}
    rows: dict[str, dict[str, object]] = {gone: ended, "never": never, present: {"begun_at": NOW, "ended_at": None}}
    rows[broken_off] = ended | {"ended_at": None}
    rows[held] = ended | {"fence": "f", "lease_until": NOW + timedelta(days=99_999)}
    with database.begin() as tx:
        for account, times in rows.items():
            tx.execute(insert(listings).values(carrier_account=account, number=1, **times))
            row = {"carrier_account": account, "iccid": "8988307000000000001", "listing": 1, "listed_at": NOW}
            tx.execute(insert(listed_sims).values(row | {"state": "active", "word": ""}))
    forget_runs(database, BEFORE)
    with database.read() as tx:
        for table in (listings, listed_sims):
            accounts = tx.execute(select(table.c.carrier_account)).scalars()
            assert sorted(accounts) == [held, "never", present]
        assert tx.execute(select(func.count()).select_from(listed_sims)).scalar_one() == 3
