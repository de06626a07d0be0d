"""Which days a usage report is about: those that were asked for, whether anybody collected them or not."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import func, select

from domain.usage import DAY, Days, day_of, due_by, month_of
from domain.usage_billing import whole_month
from storage.database import Database, Transaction
from storage.schema import products
from storage.usage_schema import usage_known
from storage.usage_sets import Question


class NothingToReport(LookupError):
    """The question has no answer. The sentence says why."""


def question(
    database: Database,
    carrier_accounts: Collection[str],
    *,
    first: date | None = None,
    last: date | None = None,
    last_month: bool = False,
    product: str | None = None,
    carrier_account: str | None = None,
) -> Question:
    """What is asked, in days that are over. Days that nobody has collected stay in it: they are its gaps.

    Without a last day, until the newest that was collected or that the nights must have brought by now; without a
    first one from that month's beginning. `last_month`: the whole calendar month before the present one. Raises
    `NothingToReport`.
    """
    with database.read() as tx:
        now = tx.now()
        newest = _newest_known(tx, carrier_account)
        _must_be_there(tx, carrier_accounts, product, carrier_account)
    yesterday = day_of(now) - DAY
    if last_month:
        return Question(whole_month(month_of(day_of(now)) - DAY), product, carrier_account)
    so_far = max(day for day in (due_by(now), newest, first) if day)
    end = min(last or so_far, yesterday)
    days = Days(first or month_of(end), end)
    if not days.count:
        raise NothingToReport(f"Nothing to report: {days.first} is not over yet. Name a day until {yesterday}.")
    return Question(days, product, carrier_account)


def _must_be_there(tx: Transaction, accounts: Collection[str], product: str | None, account: str | None) -> None:
    if account is not None and account not in accounts:
        raise NothingToReport(f"There is no carrier account {account}. Configured: {', '.join(accounts)}.")
    if product is not None and tx.execute(select(products.c.id).where(products.c.id == product)).first() is None:
        raise NothingToReport(f"There is no product {product}. See `simline products list`.")


def _newest_known(tx: Transaction, account: str | None) -> date | None:
    """The newest day that this carrier account, or any, has told to an end."""
    rows = select(func.max(usage_known.c.last_day))
    newest: date | None = tx.execute(
        rows.where(usage_known.c.carrier_account == account) if account else rows
    ).scalar_one()
    return newest
