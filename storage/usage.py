"""Usage as it was told: one row per SIM, UTC day and carrier account with the newest word, and what it was before.

What was told last counts, in whatever order it arrives; of two words of one second the larger, for usage is only ever
added to. The first key is the day, so a night writes to one end of a table of tens of millions of rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import case, func, select, text

from domain.usage import Days, Reading, day_of
from storage.among import among
from storage.bulk import staged
from storage.database import Transaction
from storage.schema import EPOCH, former_placements, sims
from storage.usage_schema import usage_days, usage_readings, usage_restated


class DayUse(NamedTuple):
    """Bytes of one SIM on one UTC day, as they were told at `as_of`. A tuple: a page holds thousands.

    `product_id` counts when the day is new; a day that is known keeps the product that it was told for.
    """

    iccid: str
    day: date
    product_id: str
    total_bytes: int
    as_of: datetime
    is_derived: bool = False


class Former(NamedTuple):
    """A product that had a SIM before, in the same carrier account. `until`: the day on which the next one took it."""

    until: date
    product_id: str


class Place(NamedTuple):
    """Where a SIM that a carrier named stands with us. `product_id` is None when it is in this account no more."""

    iccid: str
    product_id: str | None
    first_activated_at: datetime | None
    former: tuple[Former, ...] = ()  # oldest first

    def product_on(self, day: date) -> str | None:
        """Whose use it was on this day: a SIM that moved is split at the day of its move. None: not ours that day."""
        return next((former.product_id for former in self.former if day < former.until), self.product_id)


@dataclass(frozen=True, slots=True)
class DaySum:
    """What a product's SIMs used on one day, as far as it is known. `derived_count` of its SIMs were spread."""

    day: date
    sim_count: int
    total_bytes: int
    derived_count: int


@dataclass(frozen=True, slots=True)
class AccountSum:
    """What a carrier account has told of some days: its SIMs with usage, their days, the bytes, the days derived."""

    sim_count: int
    day_count: int
    total_bytes: int
    derived_count: int


_NEWER = "(told.as_of > was.as_of OR (told.as_of = was.as_of AND told.total_bytes > was.total_bytes))"
_BOTH = (
    "FROM staged told JOIN usage_days was ON was.day = told.day AND was.iccid = told.iccid "
    "AND was.carrier_account = :account WHERE was.total_bytes <> told.total_bytes"
)
_OVER = "{0}.as_of >= (CAST({0}.day AS bigint) + 1) * 86400"
_RESTATED = (
    "INSERT INTO usage_restated (iccid, day, carrier_account, as_of, total_bytes) "
    f"SELECT was.iccid, was.day, :account, was.as_of, was.total_bytes {_BOTH} AND {_NEWER} AND {_OVER.format('was')} "
    f"UNION ALL SELECT told.iccid, told.day, :account, told.as_of, told.total_bytes {_BOTH} AND NOT {_NEWER} "
    f"AND {_OVER.format('told')} ON CONFLICT DO NOTHING"
)
"""What a day that was over is told differently from. A day that was not over yet had no last word to change."""
_KEPT = (
    "INSERT INTO usage_days (day, iccid, carrier_account, product_id, total_bytes, as_of, is_derived) "
    "SELECT told.day, told.iccid, :account, told.product_id, told.total_bytes, told.as_of, told.is_derived <> 0 "
    "FROM staged told WHERE true ORDER BY told.day, told.iccid "
    "ON CONFLICT (day, iccid, carrier_account) DO UPDATE SET total_bytes = excluded.total_bytes, "
    "as_of = excluded.as_of, is_derived = excluded.is_derived WHERE excluded.as_of > usage_days.as_of "
    "OR (excluded.as_of = usage_days.as_of AND excluded.total_bytes > usage_days.total_bytes)"
)


_VERSIONS = (
    "INSERT INTO usage_versions (day, carrier_account, version) VALUES (:day, :account, :version) "
    "ON CONFLICT (day, carrier_account) DO UPDATE SET version = excluded.version"
)


def keep(tx: Transaction, account: str, uses: Iterable[DayUse]) -> int:
    """Write down what was told; how many days that were over had been told differently. Safe to repeat."""
    newest: dict[tuple[date, str], DayUse] = {}
    for one in uses:
        before = newest.get((one.day, one.iccid))
        if before is None or (one.as_of, one.total_bytes) > (before.as_of, before.total_bytes):
            newest[one.day, one.iccid] = one
    if not newest:
        return 0
    with staged(tx, _columns(newest.values())):
        restated = int(tx.execute(text(_RESTATED), {"account": account}).rowcount)
        tx.execute(text(_KEPT), {"account": account})
    days = sorted({day for day, _ in newest})
    version = uuid4().hex
    said = [{"day": (day - EPOCH).days, "account": account, "version": version} for day in days]
    tx.execute(text(_VERSIONS), said)
    return restated


def _columns(uses: Iterable[DayUse]) -> dict[str, list[Any]]:
    rows = list(uses)
    return {
        "day": [(one.day - EPOCH).days for one in rows],
        "iccid": [one.iccid for one in rows],
        "product_id": [one.product_id for one in rows],
        "total_bytes": [one.total_bytes for one in rows],
        "as_of": [int(one.as_of.timestamp()) for one in rows],
        "is_derived": [int(one.is_derived) for one in rows],
    }


def add_derived(tx: Transaction, account: str, parts: Sequence[DayUse]) -> int:
    """Add these parts of sums to what their days have of the same kind; how many days that were over have changed.

    Not safe to repeat by itself: keep the readings that they come from in the same transaction.
    """
    c = usage_days.c
    days = sorted({(one.day - EPOCH).days for one in parts})
    if not days:
        return 0
    rows = select(c.iccid, c.day, c.total_bytes).where(
        among(tx, c.day, days), among(tx, c.iccid, sorted({one.iccid for one in parts})), c.carrier_account == account
    )
    before = {(iccid, day): total for iccid, day, total in tx.execute(rows.where(c.is_derived))}
    whole = (one._replace(total_bytes=one.total_bytes + before.get((one.iccid, one.day), 0)) for one in parts)
    return keep(tx, account, whole)


def places(tx: Transaction, account: str, iccids: Sequence[str], references: Sequence[str]) -> dict[str, Place]:
    """The account's SIMs of these ICCIDs and carrier's ids, under the name that was given. Others are left out.

    A SIM that has left the account is found by its ICCID.
    """
    c = sims.c
    found: dict[str, Place] = {}
    for column, names in ((c.iccid, iccids), (c.carrier_reference, references)):
        if names:
            named = select(column, c.iccid, c.product_id, c.first_activated_at)
            rows = tx.execute(named.where(among(tx, column, names), c.carrier_account == account))
            found |= {name: Place(*place) for name, *place in rows}
    former = _former(tx, account, [*iccids, *(place.iccid for place in found.values())])
    if former:
        found |= {name: place._replace(former=former.get(place.iccid, ())) for name, place in found.items()}
        gone = former.keys() - {place.iccid for place in found.values()}
        found |= {iccid: Place(iccid, None, None, former[iccid]) for iccid in gone}
    return found


def _former(tx: Transaction, account: str, iccids: Sequence[str]) -> dict[str, tuple[Former, ...]]:
    """The products that had these SIMs in this account before; most have none."""
    if not iccids:
        return {}
    c = former_placements.c
    rows = select(c.iccid, c.moved_at, c.product_id).where(among(tx, c.iccid, iccids), c.carrier_account == account)
    found: dict[str, tuple[Former, ...]] = {}
    for iccid, moved_at, product_id in tx.execute(rows.order_by(c.iccid, c.moved_at)):
        found[iccid] = (*found.get(iccid, ()), Former(day_of(moved_at), product_id))
    return found


def readings(tx: Transaction, account: str, iccids: Sequence[str]) -> dict[str, Reading]:
    """The newest sums of these SIMs, where any was read."""
    c = usage_readings.c
    rows = select(c.iccid, c.first_day, c.total_bytes, c.as_of).where(
        c.carrier_account == account, among(tx, c.iccid, iccids)
    )
    return {iccid: Reading(*reading) for iccid, *reading in tx.execute(rows)}


_READ = (
    "INSERT INTO usage_readings (carrier_account, iccid, first_day, total_bytes, as_of) "
    "SELECT :account, iccid, first_day, total_bytes, as_of FROM staged WHERE true "
    "ON CONFLICT (carrier_account, iccid) DO UPDATE SET first_day = excluded.first_day, "
    "total_bytes = excluded.total_bytes, as_of = excluded.as_of"
)


def keep_readings(tx: Transaction, account: str, newest: Mapping[str, Reading]) -> None:
    """These sums take the place of the ones before."""
    if not newest:
        return
    columns: dict[str, list[Any]] = {
        "iccid": list(newest),
        "first_day": [(one.first - EPOCH).days for one in newest.values()],
        "total_bytes": [one.total_bytes for one in newest.values()],
        "as_of": [int(one.as_of.timestamp()) for one in newest.values()],
    }
    with staged(tx, columns):
        tx.execute(text(_READ), {"account": account})


def of_sim(tx: Transaction, iccid: str, days: Days) -> list[DayUse]:
    """What a SIM used, day by day; a day that is missing is a day of no usage only where `usage_known` has it."""
    c = usage_days.c
    numbers = [(day - EPOCH).days for day in days]
    rows = select(c.iccid, c.day, c.product_id, c.total_bytes, c.as_of, c.is_derived)
    return [DayUse(*row) for row in tx.execute(rows.where(among(tx, c.day, numbers), c.iccid == iccid).order_by(c.day))]


def of_product(tx: Transaction, product_id: str, days: Days) -> list[DaySum]:
    """What a product's SIMs used, day by day."""
    c = usage_days.c
    derived = func.sum(case((c.is_derived, 1), else_=0))
    sums = select(c.day, func.count(), func.sum(c.total_bytes), derived).group_by(c.day).order_by(c.day)
    rows = tx.execute(sums.where(c.product_id == product_id, c.day.between(days.first, days.last)))
    return [DaySum(day, count, int(total), int(parts)) for day, count, total, parts in rows]


def of_account(tx: Transaction, account: str, days: Days, product: str | None = None) -> AccountSum:
    """What is kept of an account's, or a product's, usage on these days. Reads each row of them (0.3 s per million)."""
    c = usage_days.c
    derived = func.sum(case((c.is_derived, 1), else_=0))
    sums = select(func.count(c.iccid.distinct()), func.count(), func.sum(c.total_bytes), derived)
    which = [c.day.between(days.first, days.last), c.carrier_account == account]
    found = tx.execute(sums.where(*which, *([c.product_id == product] if product else []))).one()
    return AccountSum(*(int(number or 0) for number in found))


def restatements(tx: Transaction, iccid: str, days: Days) -> list[tuple[date, datetime, int]]:
    """What days of a SIM were told to be before: day, when, bytes; the oldest word first."""
    c = usage_restated.c
    rows = select(c.day, c.as_of, c.total_bytes).where(c.iccid == iccid, c.day.between(days.first, days.last))
    return [(day, at, total) for day, at, total in tx.execute(rows.order_by(c.day, c.as_of))]
