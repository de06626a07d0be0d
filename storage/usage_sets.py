"""What each SIM used, month by month, as sets in DuckDB: usage, placements, plans and what is known, joined once.

Days of a month are the bits of one number: bit 0 is its first day. So "held and not known" is one operation for a
million SIMs. ICCIDs are numbers here (see `storage.arrow.number`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from domain.usage import Days
from domain.usage_billing import months
from storage.arrow import Snapshot, day_number, number
from storage.database import Database
from storage.schema import EPOCH
from storage.usage_asks import STOPPED
from storage.usage_copies import copied, rows_of

MEMORY = "512MB"
THREADS = 4
SIMS_AT_ONCE = 250_000
"""A month of so many SIMs is summed in memory; of more at once a part would go through the disk."""
WHOLE_ACCOUNT = 1
"""What `number` makes of the empty ICCID that stands for every SIM of an account."""

MONTH_USED = "(moved_in + earlier + used)"
"""What a SIM has used of its month's included data, on whichever products and days."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a report is about: UTC days, and one product or carrier account instead of all."""

    days: Days
    product: str | None = None
    carrier_account: str | None = None


@contextmanager
def workbench(scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of its own in bounded memory; what does not fit goes to the scratch folder. It loads no extension."""
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch, prefix="sums-") as overflow, duckdb.connect(":memory:") as duck:
        duck.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        duck.execute(f"SET memory_limit = '{MEMORY}'; SET temp_directory = '{overflow.replace(chr(39), chr(39) * 2)}'")
        duck.execute(f"SET threads = least({THREADS}, current_setting('threads')); SET TimeZone = 'UTC'")
        duck.execute("SET preserve_insertion_order = false; SET enable_progress_bar = false")
        yield duck


def days_of(day: date) -> int:
    """The day's number, as tables have it."""
    return (day - EPOCH).days


_MASK = (
    "CREATE MACRO mask(first, last, month, length) AS CASE WHEN least(last - month, length - 1) < "
    "greatest(first - month, 0) THEN 0::BIGINT ELSE (1::BIGINT << (least(last - month, length - 1) + 1)::BIGINT) "
    "- (1::BIGINT << greatest(first - month, 0)::BIGINT) END"
)
_SIM_MONTHS = (
    "CREATE TABLE sim_months (sim BIGINT, product VARCHAR, account VARCHAR, plan VARCHAR, country VARCHAR, "
    "since INTEGER, month INTEGER, moved_in BIGINT DEFAULT 0, earlier BIGINT, used BIGINT, held BIGINT, known BIGINT, "
    "pays BOOLEAN, is_final BOOLEAN DEFAULT true, "
    "gap_days UTINYINT, seen_days UTINYINT, seen_month_days UTINYINT, month_days UTINYINT, derived_days UTINYINT)"
)


def lay_out(duck: duckdb.DuckDBPyConnection, database: Database, now: Snapshot, scratch: Path, asked: Question) -> None:
    """Fill `plans`, `places`, `known`, `collected`, `sim_months` and the views `asked` and `day_rows`.

    Of a SIM's month, `earlier` are the bytes before the asked days, and `moved_in` those of placements before this one
    on the same plan; `is_final` says that none comes after it.
    """
    duck.execute(_MASK)
    for table, query in _queries(database, asked.days).items():
        duck.execute(_TABLES[table])
        duck.register("told", now.batches(query))
        duck.execute(f"INSERT INTO {table} BY NAME SELECT * FROM told")
        duck.unregister("told")
    duck.execute(_SIM_MONTHS)
    whole = Days(asked.days.first.replace(day=1), asked.days.last)
    files = copied(duck, now, scratch, whole)
    stretches = _stretches(duck)
    for month in months(asked.days):
        rows = rows_of({day: file for day, file in files.items() if _in(day, month)})
        for stretch in stretches:
            duck.execute(_month(month, asked.days, rows, stretch))
    duck.execute(_MOVERS)
    _ask(duck, asked, rows_of({day: file for day, file in files.items() if _in(day, asked.days)}))


def _stretches(duck: duckdb.DuckDBPyConnection) -> list[str]:
    """Conditions that part the SIMs into stretches that fit into memory, by number.

    The copies are ordered by SIM, so of each file a stretch reads its own part alone.
    """
    ((count,),) = duck.execute("SELECT count(*) FROM places").fetchall()
    parts = max(1, ceil(count / SIMS_AT_ONCE))
    if parts == 1:
        return ["true"]
    shares = ", ".join(str(part / parts) for part in range(1, parts))
    ((cuts,),) = duck.execute(f"SELECT quantile_disc(sim, [{shares}]) FROM places").fetchall()
    between = [f"sim >= {low} AND sim < {high}" for low, high in pairwise(cuts)]
    return [f"sim < {cuts[0]}", *between, f"sim >= {cuts[-1]}"]


_TABLES = {
    "plans": "CREATE TABLE plans (id VARCHAR, monthly_price_cents BIGINT, included_bytes BIGINT, "
    "overage_cents_per_mb DOUBLE, currency VARCHAR)",
    "places": "CREATE TABLE places (sim BIGINT, product VARCHAR, account VARCHAR, plan VARCHAR, country VARCHAR, "
    "since INTEGER, first_day INTEGER, last_day INTEGER, is_current INTEGER)",
    "known": "CREATE TABLE known (account VARCHAR, sim BIGINT, first_day INTEGER, last_day INTEGER, known_at BIGINT)",
    "collected": "CREATE TABLE collected (account VARCHAR, until INTEGER)",
}
"""Their types are said: where there are no rows, SQLite names none."""


def _queries(database: Database, days: Days) -> dict[str, str]:
    return {
        "plans": "SELECT id, monthly_price_cents, included_bytes, overage_cents_per_mb, currency FROM plans",
        "places": _places(database),
        "known": f"SELECT carrier_account AS account, {number('iccid')} AS sim, first_day, last_day, known_at "
        f"FROM usage_known WHERE first_day <= {days_of(days.last)} "
        f"AND last_day >= {days_of(days.first.replace(day=1))}",
        "collected": "SELECT carrier_account AS account, max(last_day) AS until FROM usage_known "
        "GROUP BY carrier_account",
    }


def _in(day: int, days: Days) -> bool:
    return days_of(days.first) <= day <= days_of(days.last)


def _places(database: Database) -> str:
    """Where each SIM stands and stood: one row per SIM and placement, with the days on which it could use something.

    A SIM that we stopped is held until then; one that stands still without our doing is held on: nobody knows how long.
    """
    stopped = ", ".join(f"'{state}'" for state in STOPPED)
    stops = (
        "SELECT max(finished_at) FROM operations o WHERE o.iccid = s.iccid AND o.action IN ('deactivate', 'release') "
        "AND o.step = 'done'"
    )
    ended = day_number(database, f"(CASE WHEN s.state IN ({stopped}) THEN ({stops}) END)")
    moved, left = day_number(database, "moved_at"), day_number(database, "left_at")
    started, since = day_number(database, "first_activated_at"), day_number(database, "created_at")
    where = "product_id AS product, carrier_account AS account, plan_id AS plan, home_country AS country"
    return (
        f"SELECT {number('iccid')} AS sim, {where}, {FAR} AS since, coalesce({started}, {FAR}) AS first_day, "
        f"coalesce({ended}, {FAR}) AS last_day, 1 AS is_current FROM sims s UNION ALL "
        f"SELECT {number('iccid')}, product_id, carrier_account, plan_id, home_country, {since}, "
        f"coalesce({started}, {FAR}), CASE WHEN {left} < {moved} THEN {left} ELSE {moved} - 1 END, 0 "
        "FROM former_placements"
    )


FAR = 1_000_000
"""A day that never comes: the end of a placement without one, and the beginning of one that never was active.

A SIM's present placement also begins then: it comes after all former ones.
"""


def _month(month: Days, asked: Days, rows: str, stretch: str) -> str:
    """One calendar month of every SIM of this stretch that used something or was held in it."""
    start, length = days_of(month.first), month.count
    first, last = days_of(asked.first), days_of(asked.last)
    period, until = f"mask({first}, {last}, {start}, {length})", f"mask({start}, {last}, {start}, {length})"
    earlier, used, derived = "0::BIGINT", "sum(bytes)::BIGINT", "sum(is_derived::INTEGER)"
    if first > start:
        earlier = f"coalesce(sum(bytes) FILTER (day < {first}), 0)::BIGINT"
        used = f"coalesce(sum(bytes) FILTER (day >= {first}), 0)::BIGINT"
        derived = f"count(*) FILTER (is_derived AND day >= {first})"
    return f"""
        INSERT INTO sim_months BY NAME WITH
        used AS (
            SELECT sim, product, {earlier} AS earlier, {used} AS used,
                bit_or(1::BIGINT << (day - {start})::BIGINT) AS told, {derived} AS derived_days
            FROM {rows} WHERE {stretch} GROUP BY sim, product),
        of_account AS (
            SELECT account, bit_or(mask(first_day, last_day, {start}, {length})) AS days FROM known
            WHERE sim = {WHOLE_ACCOUNT} GROUP BY account),
        of_sim AS (
            SELECT account, sim, bit_or(mask(first_day, last_day, {start}, {length})) AS days FROM known
            WHERE sim <> {WHOLE_ACCOUNT} AND {stretch} GROUP BY account, sim),
        stood AS (
            SELECT sim, product, arg_max(account, since) AS account, arg_max(plan, since) AS plan,
                arg_max(country, since) AS country, max(since) AS since,
                bit_or(mask(first_day, last_day, {start}, {length})) AS held FROM places
            WHERE {stretch} AND sim IN (SELECT sim FROM places WHERE is_current = 0) GROUP BY sim, product
            UNION ALL
            SELECT sim, product, account, plan, country, since, mask(first_day, last_day, {start}, {length}) FROM places
            WHERE {stretch} AND sim NOT IN (SELECT sim FROM places WHERE is_current = 0)),
        joined AS (
            SELECT sim, product, stood.account AS account, plan, country, coalesce(since, 0) AS since,
                coalesce(earlier, 0) AS earlier, coalesce(used, 0) AS used, coalesce(told, 0) AS told,
                coalesce(derived_days, 0) AS derived_days, coalesce(held, 0) AS held,
                coalesce(of_account.days, 0) | coalesce(of_sim.days, 0) AS days
            FROM stood FULL JOIN used USING (sim, product)
            LEFT JOIN of_account ON of_account.account = stood.account
            LEFT JOIN of_sim ON of_sim.account = stood.account AND of_sim.sim = stood.sim
            WHERE coalesce(held, 0) <> 0 OR told IS NOT NULL)
        SELECT sim, product, account, plan, country, since, {start} AS month, earlier, used, held,
            held & days AS known, held <> 0 AS pays, bit_count(held & ~days & {period}) AS gap_days,
            bit_count((held & days | told) & {period}) AS seen_days,
            bit_count((held & days | told) & {until}) AS seen_month_days,
            bit_count(held | told) AS month_days, derived_days FROM joined"""


_MOVERS = """
    UPDATE sim_months SET moved_in = turn.moved_in, pays = turn.pays, is_final = turn.is_final FROM (
        SELECT sim, product, month, coalesce(sum(earlier + used) OVER earlier_ones, 0) AS moved_in,
            held <> 0 AND coalesce(max(held) OVER earlier_ones, 0) = 0 AS pays,
            lead(since) OVER (PARTITION BY sim, month, plan ORDER BY since, product) IS NULL AS is_final
        FROM sim_months WHERE sim IN (SELECT sim FROM places WHERE is_current = 0)
        WINDOW earlier_ones AS (PARTITION BY sim, month, plan ORDER BY since, product
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ) turn WHERE turn.sim = sim_months.sim AND turn.product = sim_months.product AND turn.month = sim_months.month"""
"""A SIM that moved without leaving its plan has one included amount and one price a month, whoever had it first."""


def _ask(duck: duckdb.DuckDBPyConnection, asked: Question, rows: str) -> None:
    """What belongs to the question, of SIMs and of rows."""
    wanted = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in _named(asked).items() if value]
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    duck.execute(f"CREATE VIEW asked AS SELECT * FROM sim_months {where}")
    only = "SEMI JOIN asked USING (sim, product)" if wanted else ""
    duck.execute(f"CREATE VIEW day_rows AS SELECT * FROM {rows} told {only}")


def _named(asked: Question) -> dict[str, str | None]:
    return {"product": asked.product, "account": asked.carrier_account}
