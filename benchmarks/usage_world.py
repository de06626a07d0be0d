"""A fleet with a month of usage in the database, made by the database itself: the collector would take hours."""

from datetime import date

from sqlalchemy import text

from benchmarks.workplace import ACCOUNT, PLAN, prepare
from storage.database import Database
from storage.schema import EPOCH

MONTH = date(2026, 3, 1)
PRODUCTS = 5


def fill(database: Database, sims: int, days: int) -> None:
    """So many active SIMs in five products, each with a row for every day but one in 97, all days known."""
    prepare(database)
    first = (MONTH - EPOCH).days
    with database.begin() as tx:
        number = "generate_series(0, :sims - 1) AS n(i)" if tx.is_postgresql else _series("i", "sims")
        day = "generate_series(0, :days - 1) AS t(d)" if tx.is_postgresql else _series("d", "days")
        iccid = (
            "'8901410' || lpad(CAST(i AS text), 12, '0') || (i % 10)"
            if tx.is_postgresql
            else "printf('8901410%012d%d', i, i % 10)"
        )
        values = {"sims": sims, "days": days, "plan": PLAN.id, "account": ACCOUNT, "first": first}
        long_ago = "TIMESTAMPTZ '2025-01-01 00:00:00+00'" if tx.is_postgresql else "'2025-01-01 00:00:00.000000'"
        tx.execute(
            text(
                "INSERT INTO sims (iccid, product_id, carrier_account, plan_id, home_country, manifest_id, line, "
                f"state, first_activated_at, created_at) SELECT {iccid}, 'product-' || (i % {PRODUCTS}), :account, "
                f":plan, 'DE', 'm-1', i, 'active', {long_ago}, {long_ago} FROM {number}"
            ),
            values,
        )
        no = "false" if tx.is_postgresql else "0"
        tx.execute(
            text(
                f"INSERT INTO usage_days SELECT :first + d, {iccid}, :account, 'product-' || (i % {PRODUCTS}), "
                f"(i * 7919 + d * 104729) % 300007, 1775000000, {no} FROM {day}, {number} "
                "WHERE (i + d) % 97 <> 0 ORDER BY d, i"
            ),
            values,
        )
        tx.execute(
            text(f"INSERT INTO usage_versions SELECT :first + d, :account, 'v' || d || '-' || :sims FROM {day}"), values
        )
        tx.execute(
            text("INSERT INTO usage_known VALUES (:account, '', :first, :first + :days - 1, 1775000000)"), values
        )


def _series(name: str, count: str) -> str:
    return (
        f"(WITH RECURSIVE n({name}) AS (SELECT 0 UNION ALL SELECT {name} + 1 FROM n WHERE {name} < :{count} - 1) "
        f"SELECT {name} FROM n)"
    )
