"""Reconciliation as sets: DuckDB lays a million SIMs beside a million listed ones, in bounded memory.

Our tables come as Arrow batches of one moment; no SIM passes through Python. What differs is packed into facts, the few
hundred different facts are judged by `domain.reconciling`, and only what was found goes back into the database.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from domain.invoices import Month
from domain.reconciling import Kind, Standing, judge, unpacked
from domain.usage import Days
from storage import comparing_sql as sql
from storage.arrow import Snapshot, snapshot
from storage.database import Database
from storage.schema import EPOCH

MEMORY = "512MB"
"""What DuckDB may hold; past it, it uses files in the scratch folder."""
ROWS_AT_ONCE = 50_000
UNKNOWN = "unknown"
"""The kind under which a SIM is named of which the carrier has not told."""


@dataclass(frozen=True, slots=True)
class Invoice:
    """One carrier account's invoice: its month, and its lines (iccid, amount_millionths, currency, product)."""

    name: str
    month: Month
    rows: pa.Table
    line_count: int
    unreadable_count: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What is compared. Listings that ended before `fresh_since` and those begun before `resume_since` do not count."""

    accounts: Sequence[str]  # all that are configured
    scope: frozenset[str]  # those that are reported on
    product: str | None
    window: Days  # in which a zombie used nothing
    fresh_since: datetime
    resume_since: datetime
    previous_id: int | None
    invoices: Mapping[str, Invoice] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)  # files that cannot be used: account -> name and sentence


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """How one account's listing stood when it was compared."""

    account: str
    is_complete: bool
    listed_at: datetime | None
    page_count: int
    problem: str


@dataclass(frozen=True, slots=True)
class Compared:
    """The outcome: how each account stood, how its SIMs count, and the rows of findings in batches, in order."""

    as_of: datetime
    accounts: Mapping[str, AccountSeen]
    counts: Mapping[str, Mapping[str, int]]
    rows: Iterator[pa.RecordBatch]


@contextmanager
def compared(database: Database, scratch: Path, asked: Asked, as_of: datetime) -> Iterator[Compared]:
    """Compare everything as of now, which is `as_of`; the findings can be read within the block.

    Needs about 300 bytes a SIM up to the limit, and then room on the scratch folder's disk. Raises
    `DatabaseUnavailable`.
    """
    with tempfile.TemporaryDirectory(dir=scratch, prefix="comparing-") as folder, closing(_open(folder)) as duck:
        with snapshot(database) as snap:
            seen = _accounts(duck, snap, asked)
            _fill(duck, snap, asked, as_of)
        _join(duck, asked)
        counts: dict[str, dict[str, int]] = {}
        for account, word, count in duck.execute(sql.COUNTS).fetchall():
            counts.setdefault(account, {})[word] = count
        found = duck.sql(sql.DETAILED, params={"as_of": _seconds(as_of)})
        yield Compared(as_of, seen, counts, iter(found.to_arrow_reader(ROWS_AT_ONCE)))


def _open(folder: str) -> duckdb.DuckDBPyConnection:
    """In memory, in bounds, and without a download of anything."""
    return duckdb.connect(
        ":memory:",
        config={
            "memory_limit": MEMORY,
            "temp_directory": folder,
            "threads": 2,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": False,
        },
    )


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _number(day: date) -> int:
    return (day - EPOCH).days


def _start(day: date) -> int:
    return _seconds(datetime.combine(day, time(), UTC))


_LISTINGS = (
    "SELECT carrier_account, number, COALESCE(begun_at, 0) AS begun_at, COALESCE(ended_at, 0) AS ended_at, page_count, "
    "COALESCE(problem, '') AS problem FROM listings"
)


def _accounts(duck: duckdb.DuckDBPyConnection, snap: Snapshot, asked: Asked) -> dict[str, AccountSeen]:
    """How the listings stand at this moment, and the table `accounts` of it."""
    told = {row["carrier_account"]: row for row in snap.batches(_LISTINGS).read_all().to_pylist()}
    seen, rows = {}, []
    for account in asked.accounts:
        row = told.get(account, {})
        is_complete = row.get("ended_at", 0) >= max(1, _seconds(asked.fresh_since))
        is_begun = is_complete or (
            not row.get("ended_at", 0) and row.get("begun_at", 0) >= max(1, _seconds(asked.resume_since))
        )
        began = row.get("begun_at", 0) if is_begun else 0
        listed_at = datetime.fromtimestamp(began, UTC) if began else None
        pages = row.get("page_count", 0) if is_begun else 0
        seen[account] = AccountSeen(account, is_complete, listed_at, pages, row.get("problem", ""))
        rows.append((account, row.get("number", 0) if is_begun else -1, is_complete, began, *_scope(asked, account)))
    duck.execute(
        "CREATE TABLE accounts (name VARCHAR, number BIGINT, is_complete BOOLEAN, listed_at BIGINT, in_scope BOOLEAN, "
        "has_invoice BOOLEAN, month_first BIGINT, month_last BIGINT, month_from BIGINT, month_until BIGINT, "
        "usage_known BOOLEAN)"
    )
    duck.executemany("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, false)", rows)
    return {account: one for account, one in seen.items() if account in asked.scope}


def _scope(asked: Asked, account: str) -> tuple[bool, bool, int, int, int, int]:
    invoice = asked.invoices.get(account)
    if invoice is None:
        return account in asked.scope, False, 0, -1, 0, 0
    first, after = invoice.month.first, invoice.month.after
    return account in asked.scope, True, _number(first), _number(after) - 1, _start(first), _start(after)


def _fill(duck: duckdb.DuckDBPyConnection, snap: Snapshot, asked: Asked, as_of: datetime) -> None:
    """Every table that the joins need, out of the database's one moment."""
    at = snap.seconds
    ours = (
        "SELECT iccid, carrier_account, product_id, plan_id, state, "
        f"{at('first_activated_at')} AS first_at, {at('last_activated_at')} AS last_at, {at('seen_at')} AS seen_at "
        "FROM sims"
    )
    _table(
        duck, snap, "ours", ours, "iccid carrier_account product_id plan_id state", numbers="first_at last_at seen_at"
    )
    _operations(duck, snap, as_of)
    shown = "SELECT carrier_account, iccid, listing, listed_at, state, word, plan_reference FROM listed_sims"
    texts = "carrier_account iccid state word plan_reference"
    newest = "JOIN accounts ON accounts.name = t.carrier_account AND accounts.number = t.listing"
    _table(duck, snap, "shown", shown, texts, numbers="listing listed_at", join=newest)
    _usage(duck, snap, asked)
    plans = "SELECT id, name, carrier_reference, currency, monthly_price_cents FROM plans"
    _table(duck, snap, "plans", plans, "id name carrier_reference currency", numbers="monthly_price_cents")
    _billed(duck, asked)
    _previous(duck, snap, asked)


def _operations(duck: duckdb.DuckDBPyConnection, snap: Snapshot, as_of: datetime) -> None:
    """What was asked of each SIM, now and in the months of the invoices."""
    times = {name: snap.seconds(name) for name in ("intent_at", "deadline_at", "finished_at")}
    columns = ", ".join(f"{seconds} AS {name}" for name, seconds in times.items())
    asked = f"SELECT id, generation, iccid, carrier_account, action, step, {columns} FROM operations"
    texts, numbers = "iccid carrier_account action step", " ".join(("id", "generation", *times))
    _table(duck, snap, "operations_read", f"{asked} WHERE {sql.ORDINARY}", texts, numbers=numbers)
    duck.execute(sql.DOINGS, {"as_of": _seconds(as_of)})
    duck.execute(sql.MONTHS)
    moved = ("created_at", "left_at", "first_activated_at")
    columns = ", ".join(f"{snap.seconds(name)} AS {name}" for name in moved)
    stood = f"SELECT iccid, carrier_account, {columns} FROM former_placements"
    _table(duck, snap, "former_read", stood, "iccid carrier_account", numbers=" ".join(moved))
    duck.execute(sql.FORMER)


def _usage(duck: duckdb.DuckDBPyConnection, snap: Snapshot, asked: Asked) -> None:
    first, last = _number(asked.window.first), _number(asked.window.last)
    oldest = min([first, *(_number(invoice.month.first) for invoice in asked.invoices.values())])
    days = (
        "SELECT carrier_account, iccid, day, total_bytes, CASE WHEN is_derived THEN 1 ELSE 0 END AS is_derived "
        f"FROM usage_days WHERE day >= {oldest}"
    )
    duck.register("usage_told", snap.batches(days))
    duck.execute(
        "CREATE TEMP VIEW usage_read AS SELECT carrier_account::VARCHAR AS carrier_account, "
        "iccid::VARCHAR AS iccid, day::BIGINT AS day, total_bytes, is_derived::BIGINT <> 0 AS is_derived "
        "FROM usage_told"
    )
    duck.execute(sql.USED, {"first": first, "last": last})
    duck.execute("DROP VIEW usage_read")
    duck.unregister("usage_told")
    known = f"SELECT carrier_account, iccid FROM usage_known WHERE first_day <= {first} AND last_day >= {last}"
    _table(duck, snap, "known", known, "carrier_account iccid")
    duck.execute("UPDATE accounts SET usage_known = true FROM known k WHERE k.carrier_account = name AND k.iccid = ''")


def _billed(duck: duckdb.DuckDBPyConnection, asked: Asked) -> None:
    duck.execute(sql.BILLED)
    for account, invoice in asked.invoices.items():
        duck.register("invoice", invoice.rows)
        duck.execute(sql.BILL, [account])
        duck.unregister("invoice")


DETAILS = "product_id wanted carrier_state carrier_word plan carrier_plan"


def _previous(duck: duckdb.DuckDBPyConnection, snap: Snapshot, asked: Asked) -> None:
    """What the run before found, and what it had not looked at."""
    rows = (
        f"SELECT kind, carrier_account, iccid, {DETAILS.replace(' ', ', ')}, currency, first_found, amount_cents, "
        f"used_bytes FROM findings WHERE reconciliation_id = {asked.previous_id or 0} AND change <> 'gone' "
        "AND kind <> 'unknown'"
    )
    numbers = "first_found amount_cents used_bytes"
    texts = f"kind carrier_account iccid {DETAILS} currency"
    _table(duck, snap, "previous", rows, texts, numbers=numbers)


def _table(
    duck: duckdb.DuckDBPyConnection,
    snap: Snapshot,
    name: str,
    statement: str,
    texts: str,
    *,
    numbers: str = "",
    join: str = "",
) -> None:
    """A table out of a statement's batches. Types are said here: what has no rows has none in SQLite."""
    columns = [f"{each}::VARCHAR AS {each}" for each in texts.split()]
    columns += [f"{each}::BIGINT AS {each}" for each in numbers.split()]
    duck.register("batches", snap.batches(statement))
    duck.execute(f"CREATE TABLE {name} AS SELECT t.* FROM (SELECT {', '.join(columns)} FROM batches) t {join}")
    duck.unregister("batches")


def _join(duck: duckdb.DuckDBPyConnection, asked: Asked) -> None:
    """The facts of every SIM, and what each of the different facts means."""
    duck.execute(sql.ELSEWHERE)
    window_begins = _start(asked.window.first)
    duck.execute(sql.SIDES, {"product": asked.product or "", "long_before": window_begins})
    different = [number for (number,) in duck.execute("SELECT DISTINCT facts FROM sides").fetchall()]
    judged = [(number, judge(unpacked(number))) for number in different]
    counts_as = [(number, str(one.counts_as)) for number, one in judged]
    kinds = [(number, str(kind), kind is one.counts_as) for number, one in judged for kind in one.found]
    kinds += [(number, UNKNOWN, True) for number, one in judged if one.counts_as is Standing.UNKNOWN]
    undecided = [(number, str(kind)) for number, one in judged for kind in Kind if kind in one.undecided]
    _small(duck, "verdicts", {"facts": "BIGINT", "counts_as": "VARCHAR"}, counts_as)
    _small(duck, "kinds", {"facts": "BIGINT", "kind": "VARCHAR", "counts": "BOOLEAN"}, kinds)
    _small(duck, "undecided", {"facts": "BIGINT", "kind": "VARCHAR"}, undecided)
    duck.execute(sql.FOUND)


def _small(
    duck: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str], rows: Sequence[tuple[object, ...]]
) -> None:
    kinds = {"BIGINT": pa.int64(), "VARCHAR": pa.string(), "BOOLEAN": pa.bool_()}
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = {each: pa.array(list(values[place]), kinds[kind]) for place, (each, kind) in enumerate(columns.items())}
    duck.register("small", pa.table(arrays))
    duck.execute(f"CREATE TABLE {name} AS SELECT * FROM small")
    duck.unregister("small")


def window_until(as_of: datetime, *, zombie_days: int, settled_days: int) -> Days:
    """The days in which a zombie used nothing: so many, and the youngest of them surely told by now."""
    last = as_of.date() - timedelta(days=settled_days)
    return Days(last - timedelta(days=zombie_days - 1), last)
