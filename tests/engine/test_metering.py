"""Usage of all five carriers, collected over HTTP: what is asked, what is kept, what is not known."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from domain.usage import Days, UsageRules
from engine.metering import CannotTell, collect_some, wanted_of
from engine.usage_standing import sentences
from storage import usage, usage_asks
from storage.database import Database
from storage.schema import sims
from tests.engine.metered import CARRIERS, Metered, add_sims, days_ago, open_metered, today
from tests.engine.rig import ACCOUNT, iccids

FLEET = iccids(6)
Open = Callable[..., Metered]


@pytest.fixture
def opened(stocked: Database, tmp_path: Path) -> Iterator[Open]:
    """A fleet at a carrier, when a test names one."""
    with ExitStack() as stack:
        yield lambda carrier, numbers=FLEET: stack.enter_context(open_metered(carrier, stocked, tmp_path, numbers))


def week_of_use(metered: Metered, *numbers: str) -> dict[tuple[str, date], int]:
    """Each of these SIMs used something on each of the last seven whole days."""
    used = {(iccid, days_ago(ago)): 1_000_000 * ago + 7 * at for at, iccid in enumerate(numbers) for ago in range(1, 8)}
    for (iccid, day), total in used.items():
        metered.used(iccid, day, total)
    return used


@pytest.mark.parametrize("carrier", [name for name in CARRIERS if name != "telnyx"])
def test_a_week_of_each_sim_is_kept_to_the_byte(opened: Open, carrier: str) -> None:
    metered = opened(carrier)
    used = week_of_use(metered, *FLEET)
    counts = metered.collect()
    assert (counts.problem, counts.strangers, counts.unreadable) == ("", 0, 0)
    assert metered.kept() == used
    how = metered.standing()
    assert (how.told.sim_count, how.told.day_count, how.told.total_bytes) == (6, 42, sum(used.values()))


def test_a_sum_of_the_month_becomes_days_that_add_up_to_it(opened: Open) -> None:
    metered = opened("telnyx")
    metered.used(FLEET[0], today(), 5_000_000)
    metered.collect()
    assert metered.total() == 5_000_000
    with metered.rig.context.database.read() as tx:
        days = usage.of_sim(tx, FLEET[0], Days(today().replace(day=1), today()))
    assert days
    assert all(day.is_derived for day in days)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_second_run_asks_for_nothing_and_changes_nothing(opened: Open, carrier: str) -> None:
    metered = opened(carrier)
    week_of_use(metered, *FLEET[:2])
    metered.collect()
    kept, asked = metered.kept(), len(metered.requests())
    metered.collect()
    assert (metered.kept(), len(metered.requests())) == (kept, asked)


@pytest.mark.parametrize(("carrier", "requests"), [("supersim", 3), ("telnyx", 2)])
def test_an_account_wide_listing_takes_one_request_a_page(opened: Open, carrier: str, requests: int) -> None:
    fleet = iccids(300)
    metered = opened(carrier, fleet)
    for iccid in fleet:
        for ago in range(1, 8):
            metered.server.carrier.fleet.put_usage(iccid, days_ago(ago), 1_000)
    assert metered.collect().requests == requests
    assert len(metered.requests()) == requests


@pytest.mark.parametrize("carrier", ["particle", "1nce", "soracom"])
def test_one_sim_at_a_time_takes_one_request_for_each_sim_that_was_active(opened: Open, carrier: str) -> None:
    metered = opened(carrier)
    add_sims(metered.rig.context.database, {iccid: iccid for iccid in iccids(3, first=50)}, first_activated_at=None)
    asked = set()
    assert metered.collect().requests == len(FLEET)
    for path in metered.requests():
        asked |= {iccid for iccid in (*FLEET, *iccids(3, first=50)) if iccid in path or f"/{iccid[:-1]}/" in path}
    assert asked == set(FLEET)


@pytest.mark.parametrize("carrier", ["supersim", "1nce", "soracom"])
def test_late_usage_of_the_last_seven_days_restates_them_and_keeps_what_was_said(opened: Open, carrier: str) -> None:
    metered = opened(carrier)
    used = week_of_use(metered, *FLEET)
    metered.collect()
    late = (FLEET[2], days_ago(7))
    metered.used(*late, used[late] + 99)
    metered.rig = metered.rig.but(usage_rules=UsageRules(again_after_hours=0.0))
    wait_for_the_next_second(metered)
    assert metered.collect().restated == 1
    assert metered.kept() == used | {late: used[late] + 99}
    with metered.rig.context.database.read() as tx:
        before = usage.restatements(tx, FLEET[2], Days(days_ago(7), today()))
    assert [(day, total) for day, _, total in before] == [(days_ago(7), used[late])]


@pytest.mark.parametrize("carrier", ["supersim", "1nce", "soracom"])
def test_a_day_without_usage_is_known_and_a_day_that_was_not_asked_is_not(opened: Open, carrier: str) -> None:
    metered = opened(carrier)
    metered.used(FLEET[0], days_ago(2), 500)
    metered.collect(Days(days_ago(3), days_ago(2)))
    assert metered.kept() == {(FLEET[0], days_ago(2)): 500}
    with metered.rig.context.database.read() as tx:
        assert list(usage_asks.missing(tx, ACCOUNT, Days(days_ago(3), days_ago(2)))) == []
        unknown = list(usage_asks.missing(tx, ACCOUNT, Days(days_ago(4), days_ago(1))))
    assert [one.iccid for one in unknown] == FLEET
    assert {one.days for one in unknown} == {(Days(days_ago(4), days_ago(4)), Days(days_ago(1), days_ago(1)))}


@pytest.mark.parametrize("carrier", ["supersim", "1nce", "soracom"])
def test_days_that_were_missed_for_weeks_are_asked_for_without_being_told(opened: Open, carrier: str) -> None:
    metered = opened(carrier)
    metered.collect(Days(days_ago(31), days_ago(30)))
    metered.used(FLEET[1], days_ago(20), 77)
    metered.collect()
    assert metered.kept() == {(FLEET[1], days_ago(20)): 77}
    assert metered.standing(Days(days_ago(31), days_ago(1))).missing_count == 0


@pytest.mark.parametrize("carrier", CARRIERS)
def test_two_runs_at_once_ask_for_nothing_twice(opened: Open, carrier: str) -> None:
    metered = opened(carrier, iccids(40))
    metered.used(iccids(1)[0], today() if carrier == "telnyx" else days_ago(1), 3_000)
    wanted = metered.wanted()
    with ThreadPoolExecutor(3) as pool:
        for each in [pool.submit(metered.collect, None, wanted) for _ in range(3)]:
            each.result()
    assert metered.total() == 3_000
    paths = metered.requests()
    assert len(paths) == len(set(paths)) == (1 if carrier in ("supersim", "telnyx") else 40)


def test_a_sim_that_moved_keeps_the_product_of_the_days_that_were_told_before(opened: Open) -> None:
    metered = opened("1nce")
    metered.used(FLEET[0], days_ago(3), 100)
    metered.collect(Days(days_ago(3), days_ago(3)))
    with metered.rig.context.database.begin() as tx:
        tx.execute(update(sims).where(sims.c.iccid == FLEET[0]).values(product_id="scooter"))
    metered.used(FLEET[0], days_ago(3), 120)
    metered.used(FLEET[0], days_ago(1), 50)
    metered.collect()
    month = Days(days_ago(10), today())
    with metered.rig.context.database.read() as tx:
        of_product = {name: usage.of_product(tx, name, month) for name in ("tracker", "scooter")}
    assert [(day.day, day.total_bytes) for day in of_product["tracker"]] == [(days_ago(3), 120)]
    assert [(day.day, day.total_bytes) for day in of_product["scooter"]] == [(days_ago(1), 50)]


def test_usage_of_sims_that_are_not_ours_is_counted_and_not_kept(opened: Open) -> None:
    metered = opened("supersim")
    stranger = iccids(1, first=900)[0]
    metered.server.carrier.fleet.put(stranger, metered.server.carrier.fleet.find(FLEET[0]).state, None)  # type: ignore[union-attr]
    metered.used(stranger, days_ago(1), 10)
    counts = metered.collect()
    assert (counts.strangers, metered.kept()) == (1, {})
    assert any("not ours" in said for said in sentences(metered.standing(), counts))


def test_a_sim_that_we_stopped_before_the_days_is_not_asked(opened: Open) -> None:
    metered = opened("1nce")
    stopped = FLEET[0]
    add_stop(metered.rig.context.database, stopped, days_ago(9))
    metered.collect()
    assert not [path for path in metered.requests() if f"/{stopped[:-1]}/" in path]
    metered.collect(Days(days_ago(12), days_ago(8)))
    assert [path for path in metered.requests() if f"/{stopped[:-1]}/" in path]


def test_days_that_a_carrier_cannot_tell_are_refused_with_a_sentence(opened: Open) -> None:
    metered = opened("1nce")
    with pytest.raises(CannotTell, match="It keeps 180 days"):
        metered.wanted(Days(days_ago(300), days_ago(290)))
    with pytest.raises(CannotTell, match="days that are over"):
        metered.wanted(Days(today(), today()))


def test_a_worker_that_died_with_the_turn_is_waited_for_and_no_longer(opened: Open) -> None:
    metered = opened("supersim")
    dead = metered.rig.but(worker="dead")
    from engine.gate import new_lease

    with dead.context.database.begin() as tx:
        assert usage_asks.take_turn(tx, ACCOUNT, new_lease(dead.context)) is not None
    counts = collect_some(metered.rig.context, ACCOUNT, wanted_of(metered.rig.context, ACCOUNT))
    assert (counts.is_elsewhere, counts.is_over, counts.requests) == (True, True, 0)


def wait_for_the_next_second(metered: Metered) -> None:
    """What is told in one second is one word: the next one must be a later one."""
    from time import sleep

    begun = metered.wanted().begun_at
    while metered.wanted().begun_at < begun + timedelta(seconds=1):
        sleep(0.05)


def add_stop(database: Database, iccid: str, day: date) -> None:
    """Our own deactivation of this SIM came true on that day."""
    from sqlalchemy import insert

    from domain.usage import start_of
    from storage.schema import operations

    at = start_of(day)
    with database.begin() as tx:
        tx.execute(
            insert(operations).values(
                iccid=iccid,
                action="deactivate",
                generation=1,
                line=1,
                carrier_account=ACCOUNT,
                manifest_id="m-0",
                step="done",
                stage="change",
                due_at=at,
                created_at=at,
                finished_at=at,
            )
        )
        tx.execute(update(sims).where(sims.c.iccid == iccid).values(state="deactivated"))
