"""Sealed registration codes as they lie in the ledger: looked through in pages, and sealed anew with a newer key."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from sqlalchemy import bindparam, func, select, update

from storage.database import Database, Transaction
from storage.schema import sims
from storage.vault import CodeUnreadable, Vault

AT_ONCE = 1_000
"""Codes of one transaction: the next run goes on behind the last one that was committed."""
SAMPLE = 100
"""So many codes tell whether the key is theirs."""
NAMED = 20
"""So many SIMs whose code nobody can open are named."""

Watch = Callable[[str, int, int], None]
"""Told after each page: `seal` or `verify`, how many codes are behind it, and how many there were at the beginning."""


class SealedCode(NamedTuple):
    """The code of one SIM, as it lies there."""

    iccid: str
    code: bytes


@dataclass(slots=True)
class Resealing:
    """What a walk over all codes found and did. `older` are still under another key than the first."""

    codes: int = 0
    resealed: int = 0
    older: int = 0
    unreadable: int = 0
    unreadable_iccids: list[str] = field(default_factory=list)  # the first of them


def count(tx: Transaction) -> int:
    """How many codes are stored."""
    stored = select(func.count()).select_from(sims).where(sims.c.registration_code.is_not(None))
    return int(tx.execute(stored).scalar_one())


def page(tx: Transaction, after: str = "", *, limit: int) -> list[SealedCode]:
    """Stored codes by ICCID, behind this one."""
    c = sims.c
    stored = select(c.iccid, c.registration_code).where(c.registration_code.is_not(None), c.iccid > after)
    return [SealedCode._make(row) for row in tx.execute(stored.order_by(c.iccid).limit(limit))]


class Tried(NamedTuple):
    """A few of the stored codes: how many there are of them, and how many open."""

    codes: int
    opened: int


def try_some(tx: Transaction, vault: Vault) -> Tried:
    """Whether the keys are those of the stored codes: of several none opens only with another key.

    Raises `VaultLocked` without a key.
    """
    codes = page(tx, limit=SAMPLE)
    return Tried(len(codes), sum(vault.opens(one.code) for one in codes))


def reseal(database: Database, vault: Vault, watch: Watch, *, at_once: int = AT_ONCE) -> Resealing:
    """Seal every code that is not under the vault's first key anew, in pages; then look at all of them once more.

    Workers may go on meanwhile: a code that one of them has blanked or replaced stays so. What they sealed with an
    older key behind our back is found by the second look. Safe to repeat and to break off. Raises `VaultLocked` without
    a key, and `DatabaseUnavailable`.
    """
    resealed = 0
    for codes in _pages(database, partial(watch, "seal"), at_once):
        fresh = [(one, vault.seal(code)) for one in codes if (code := _stale(vault, one)) is not None]
        if fresh:
            with database.begin() as tx:
                resealed += _replace(tx, fresh)
    found = Resealing(resealed=resealed)
    for codes in _pages(database, partial(watch, "verify"), at_once):
        _look_at(vault, codes, found)
    return found


def _pages(database: Database, watch: Callable[[int, int], None], at_once: int) -> Iterator[list[SealedCode]]:
    with database.read() as tx:
        total, codes = count(tx), page(tx, limit=at_once)
    done = 0
    while codes:
        yield codes
        done += len(codes)
        watch(done, max(done, total))
        with database.read() as tx:
            codes = page(tx, codes[-1].iccid, limit=at_once)


def _stale(vault: Vault, one: SealedCode) -> str | None:
    """The code in plain text where it must be sealed anew and can be."""
    if vault.is_current(one.code):
        return None
    try:
        return vault.reveal(one.code)
    except CodeUnreadable:
        return None


def _replace(tx: Transaction, fresh: list[tuple[SealedCode, bytes]]) -> int:
    """Put the new ones in, in the order of the ICCIDs, where the old ones still lie; how many that were."""
    c = sims.c
    still = (c.iccid == bindparam("of_iccid"), c.registration_code == bindparam("old_code"))
    rows = [{"of_iccid": one.iccid, "old_code": one.code, "new_code": new} for one, new in fresh]
    return int(tx.execute(update(sims).where(*still).values(registration_code=bindparam("new_code")), rows).rowcount)


def _look_at(vault: Vault, codes: list[SealedCode], found: Resealing) -> None:
    found.codes += len(codes)
    for one in codes:
        if vault.is_current(one.code):
            continue
        if vault.opens(one.code):
            found.older += 1
            continue
        found.unreadable += 1
        if len(found.unreadable_iccids) < NAMED:
            found.unreadable_iccids.append(one.iccid)
