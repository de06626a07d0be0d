"""SIMs without usage: only what is known to be without is called so."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import update

from domain.usage import Days, Known, start_of
from storage import sims, usage, usage_asks
from storage.database import Database
from storage.schema import sims as table
from storage.sims import Choice
from storage.usage import DayUse
from storage.usage_asks import WHOLE_ACCOUNT

WEEK = Days(date(2026, 2, 22), date(2026, 2, 28))
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 3, 1, 4, tzinfo=UTC)


@pytest.fixture
def fleet(stocked: Database, delivered: Callable[..., str], iccids: Callable[[int], list[str]]) -> Database:
    """Four SIMs of the carrier account `kore`, active since January."""
    delivered("a.csv", iccids(4))
    with stocked.begin() as tx:
        tx.execute(update(table).values(first_activated_at=JANUARY, last_activated_at=JANUARY))
    return stocked


def know(database: Database, days: Days, iccid: str = WHOLE_ACCOUNT) -> None:
    with database.begin() as tx:
        usage_asks.keep_known(tx, "kore", {iccid: Known(days, LATER)})


def use(database: Database, iccid: str, day: date, total: int) -> None:
    with database.begin() as tx:
        usage.keep(tx, "kore", [DayUse(iccid, day, "tracker", total, LATER)])


def unused(database: Database, days: Days = WEEK) -> list[str]:
    with database.read() as tx:
        return [one.iccid for one in sims.page(tx, Choice(unused=days))]


def test_what_used_nothing_on_all_the_days_is_unused_and_a_word_of_zero_is_nothing(
    fleet: Database, iccids: Callable[[int], list[str]]
) -> None:
    numbers = iccids(4)
    know(fleet, WEEK)
    use(fleet, numbers[0], WEEK.last, 1)
    use(fleet, numbers[1], WEEK.first, 0)
    use(fleet, numbers[2], date(2026, 2, 21), 500)
    use(fleet, numbers[3], date(2026, 3, 2), 1)  # told before it is settled: it is in use
    assert unused(fleet) == numbers[1:3]


def test_a_day_that_nobody_told_of_is_no_day_without_usage(fleet: Database, iccids: Callable[[int], list[str]]) -> None:
    know(fleet, Days(WEEK.first, date(2026, 2, 27)))
    know(fleet, WEEK, iccids(4)[3])
    assert unused(fleet) == [iccids(4)[3]]


def test_a_sim_that_became_active_in_these_days_is_not_called_unused(
    fleet: Database, iccids: Callable[[int], list[str]]
) -> None:
    know(fleet, WEEK)
    with fleet.begin() as tx:
        first, second, *_ = iccids(4)
        tx.execute(update(table).where(table.c.iccid == first).values(last_activated_at=start_of(WEEK.first)))
        never = {"first_activated_at": None, "last_activated_at": None}
        tx.execute(update(table).where(table.c.iccid == second).values(never))
    assert unused(fleet) == iccids(4)[2:]


def test_a_sim_that_was_paused_and_is_active_again_since_these_days_is_not_called_unused(
    fleet: Database, iccids: Callable[[int], list[str]]
) -> None:
    know(fleet, WEEK)
    with fleet.begin() as tx:
        again = {"first_activated_at": JANUARY, "last_activated_at": start_of(WEEK.last)}
        tx.execute(update(table).where(table.c.iccid == iccids(4)[0]).values(again))
    assert unused(fleet) == iccids(4)[1:]
