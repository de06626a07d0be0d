"""What each carrier lists: written down page by page with the place of the next one, so that nothing is asked twice.

One worker at a time lists a carrier account, under a lease like any other. A SIM counts as listed when its row is of
the account's newest listing; rows of older ones go when it has ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, text, update

from domain.acting import LIVE_STEPS
from domain.lifecycle import Action, SimState, Step
from domain.texts import storable
from storage.among import among
from storage.bulk import staged
from storage.database import Transaction
from storage.ledger import Lease
from storage.reconciling_schema import listed_sims, listings
from storage.schema import operations, sims
from storage.sims import SeenSim
from storage.sims import observe as write_seen


@dataclass(frozen=True, slots=True)
class Listed:
    """One SIM as a carrier showed it."""

    iccid: str
    state: SimState
    word: str
    plan_reference: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """How far an account's newest listing has come. Times are UTC; `taken_at` is when it was looked at."""

    account: str
    taken_at: datetime
    number: int
    begun_at: datetime | None
    ended_at: datetime | None
    pages_ended: bool
    cursor: str | None
    page_count: int
    failures: int
    problem: str | None

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to read."""
        return self.ended_at is not None


_COLUMNS = [listings.c[name] for name in Listing.__slots__ if name not in ("account", "taken_at")]


def take_turn(tx: Transaction, account: str, lease: Lease) -> Listing | None:
    """Take the account's turn at listing; None while another worker's lease lasts."""
    c, now = listings.c, tx.now()
    tx.execute(
        text("INSERT INTO listings (carrier_account) VALUES (:account) ON CONFLICT DO NOTHING"), {"account": account}
    )
    is_free = or_(c.fence.is_(None), c.lease_until <= now)
    held = {c.fence: lease.fence, c.worker: lease.worker, c.lease_until: now + timedelta(seconds=lease.seconds)}
    taken = update(listings).where(c.carrier_account == account, is_free).values(held).returning(*_COLUMNS)
    row = tx.execute(taken).one_or_none()
    return None if row is None else Listing(account, now, *row)


def hold(tx: Transaction, account: str, lease: Lease, **changes: Any) -> bool:
    """Keep the turn for another lease and change what it says; False when it is somebody else's by now."""
    c = listings.c
    new = {c[name]: value for name, value in changes.items()}
    new |= {c.lease_until: tx.now() + timedelta(seconds=lease.seconds)}
    mine = and_(c.carrier_account == account, c.fence == lease.fence)
    return bool(tx.execute(update(listings).where(mine).values(new)).rowcount)


def give_back(tx: Transaction, account: str, lease: Lease, problem: str) -> None:
    """Let the next worker take the turn; nothing happens when somebody else has it already."""
    c = listings.c
    free = {c.fence: None, c.lease_until: None, c.problem: storable(problem) or None}
    tx.execute(update(listings).where(c.carrier_account == account, c.fence == lease.fence).values(free))


def newest(tx: Transaction, account: str) -> Listing | None:
    """How the account's newest listing stands; None where none was ever begun."""
    row = tx.execute(select(*_COLUMNS).where(listings.c.carrier_account == account)).one_or_none()
    return None if row is None or row.begun_at is None else Listing(account, tx.now(), *row)


_KEPT = (
    "INSERT INTO listed_sims (carrier_account, iccid, listing, listed_at, state, word, plan_reference) "
    "SELECT :account, iccid, :listing, :at, state, word, plan_reference FROM staged WHERE true ORDER BY iccid "
    "ON CONFLICT (carrier_account, iccid) DO UPDATE SET listing = excluded.listing, listed_at = excluded.listed_at, "
    "state = excluded.state, word = excluded.word, plan_reference = excluded.plan_reference"
)


def keep(tx: Transaction, account: str, number: int, listed_at: datetime, seen: Sequence[Listed]) -> None:
    """Write down what this listing showed; of a SIM on two pages the later word counts. Safe to repeat."""
    newest_words = {one.iccid: one for one in seen}
    if not newest_words:
        return
    columns: dict[str, list[Any]] = {
        "iccid": [storable(iccid) for iccid in newest_words],
        "state": [one.state.value for one in newest_words.values()],
        "word": [storable(one.word) for one in newest_words.values()],
        "plan_reference": [storable(one.plan_reference or "") for one in newest_words.values()],
    }
    with staged(tx, columns):
        tx.execute(text(_KEPT), {"account": account, "listing": number, "at": int(listed_at.timestamp())})


def forget_older(tx: Transaction, account: str, number: int) -> None:
    """Drop what only older listings showed, now that this one has ended."""
    c = listed_sims.c
    tx.execute(delete(listed_sims).where(c.carrier_account == account, c.listing != number))


def not_listed(tx: Transaction, account: str, number: int, limit: int, after: str = "") -> list[str]:
    """SIMs of ours that should be at this account and that its pages did not show, by ICCID.

    Absence from pages is no proof, for a SIM can move between two of them while they are read: these are read singly.
    """
    s, n, o = sims.c, listed_sims.c, operations.c
    shown = select(n.iccid).where(n.carrier_account == account, n.iccid == s.iccid, n.listing == number).exists()
    done = (o.iccid == s.iccid, o.action == Action.ACTIVATE.value, o.step == Step.DONE.value)
    was_there = or_(s.seen_at.is_not(None), select(o.id).where(*done).exists())
    left = s.state != SimState.RELEASED.value
    rows = select(s.iccid).where(s.carrier_account == account, left, was_there, ~shown, s.iccid > after)
    return list(tx.execute(rows.order_by(s.iccid).limit(limit)).scalars())


def listed_count(tx: Transaction, account: str, number: int) -> int:
    """How many SIMs this listing has shown so far. Reads each of them."""
    c = listed_sims.c
    rows = select(func.count()).select_from(listed_sims).where(c.carrier_account == account, c.listing == number)
    return int(tx.execute(rows).scalar_one())


def observe(tx: Transaction, iccids: Sequence[str]) -> None:
    """Let our rows of these SIMs say what was listed, where that is the newest word and nothing is under way."""
    s, n, o = sims.c, listed_sims.c, operations.c
    live = select(o.id).where(o.iccid == s.iccid, o.step.in_([step.value for step in LIVE_STEPS])).exists()
    same = and_(n.iccid == s.iccid, n.carrier_account == s.carrier_account)
    rows = select(s.iccid, s.seen_at, n.listed_at, n.state, n.word, n.plan_reference).join(listed_sims, same)
    told = tx.execute(rows.where(among(tx, s.iccid, iccids), ~live)).all() if iccids else []
    newer = [row for row in told if row.seen_at is None or row.seen_at < row.listed_at]
    write_seen(
        tx, (SeenSim(row.iccid, SimState(row.state), row.word, None, row.plan_reference or None) for row in newer)
    )
    for at in {
        row.listed_at for row in newer
    }:  # seen when it was listed, not now: what is listed stays the newest word
        mine = among(tx, s.iccid, [row.iccid for row in newer if row.listed_at == at])
        tx.execute(update(sims).where(mine).values({s.seen_at: at - timedelta(seconds=1)}))
