"""Stored codes are sealed anew with a newer key, whatever happens beside it."""

from collections.abc import Callable

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from storage import sealing, sims
from storage.database import Database
from storage.schema import sims as table
from storage.sealing import Resealing, Watch
from storage.vault import Vault, VaultLocked

Numbers = Callable[[int], list[str]]
Delivered = Callable[..., str]
OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
BOTH = Vault(f"{NEW},{OLD}")


@pytest.fixture
def sealed(delivered: Delivered, iccids: Numbers) -> list[str]:
    """Seven SIMs whose codes the old key sealed, and one without."""
    numbers = iccids(8)
    codes = [Vault(OLD).seal(f"code of {iccid}") for iccid in numbers[:7]]
    delivered("a.csv", numbers, registration_codes=[*codes, None])
    return numbers


def codes_of(database: Database) -> dict[str, bytes]:
    with database.read() as tx:
        stored = select(table.c.iccid, table.c.registration_code).where(table.c.registration_code.is_not(None))
        return dict(tx.execute(stored).tuples().all())


def reseal(database: Database, vault: Vault, watch: Watch = lambda *_: None) -> Resealing:
    """Three codes at a time."""
    return sealing.reseal(database, vault, watch, at_once=3)


def test_every_code_opens_with_the_new_key_alone_afterwards(stocked: Database, sealed: list[str]) -> None:
    seen: list[tuple[str, int, int]] = []
    found = reseal(stocked, BOTH, lambda *news: seen.append(news))
    assert found == Resealing(codes=7, resealed=7)
    assert {iccid: Vault(NEW).reveal(code) for iccid, code in codes_of(stocked).items()} == {
        iccid: f"code of {iccid}" for iccid in sealed[:7]
    }
    assert seen == [(stage, done, 7) for stage in ("seal", "verify") for done in (3, 6, 7)]


def test_what_is_under_the_first_key_is_left_alone(stocked: Database, sealed: list[str]) -> None:
    reseal(stocked, BOTH)
    before = codes_of(stocked)
    assert reseal(stocked, BOTH) == Resealing(codes=7)
    assert codes_of(stocked) == before


def test_broken_off_it_goes_on_where_it_was(stocked: Database, sealed: list[str]) -> None:
    def stop(_stage: str, done: int, _total: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reseal(stocked, BOTH, stop)
    assert sum(BOTH.is_current(code) for code in codes_of(stocked).values()) == 6
    assert reseal(stocked, BOTH) == Resealing(codes=7, resealed=1)


def test_a_code_that_was_used_meanwhile_does_not_come_back(stocked: Database, sealed: list[str]) -> None:
    class Slow(Vault):
        def seal(self, code: str) -> bytes:
            with stocked.begin() as tx:
                sims.blank_codes(tx, [sealed[1]])
            return super().seal(code)

    assert reseal(stocked, Slow(f"{NEW} {OLD}")) == Resealing(codes=6, resealed=6)
    assert sealed[1] not in codes_of(stocked)


def test_a_code_that_a_worker_seals_with_the_old_key_behind_our_back_is_counted(
    stocked: Database, sealed: list[str]
) -> None:
    def behind(stage: str, done: int, _total: int) -> None:
        if (stage, done) == ("seal", 6):
            late = update(table).where(table.c.iccid == sealed[0])
            with stocked.begin() as tx:
                tx.execute(late.values(registration_code=Vault(OLD).seal("a corrected code")))

    assert reseal(stocked, BOTH, behind) == Resealing(codes=7, resealed=7, older=1)


def test_codes_that_no_key_opens_are_named_and_kept(stocked: Database, sealed: list[str]) -> None:
    strange = Vault(OTHER).seal("x")
    with stocked.begin() as tx:
        tx.execute(update(table).where(table.c.iccid == sealed[2]).values(registration_code=strange))
    found = reseal(stocked, BOTH)
    assert found == Resealing(codes=7, resealed=6, unreadable=1, unreadable_iccids=[sealed[2]])
    assert codes_of(stocked)[sealed[2]] == strange


def test_a_few_codes_tell_whether_the_key_is_theirs(stocked: Database, sealed: list[str]) -> None:
    with stocked.begin() as tx:
        tx.execute(update(table).where(table.c.iccid == sealed[2]).values(registration_code=b"damaged"))
        assert sealing.try_some(tx, BOTH) == (7, 6)
        assert sealing.try_some(tx, Vault(OTHER)) == (7, 0)


def test_without_a_key_nothing_is_touched(stocked: Database, sealed: list[str]) -> None:
    before = codes_of(stocked)
    with pytest.raises(VaultLocked):
        reseal(stocked, Vault(None))
    assert codes_of(stocked) == before
