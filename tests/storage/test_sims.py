import threading
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from domain.lifecycle import Action, SimState, Stage, Step
from storage import sims
from storage.database import Database
from storage.schema import history, operations
from storage.schema import sims as table
from storage.sims import Choice, SeenSim, SimRow, Transition
from tests.conftest import MovingClock

Numbers = Callable[[int], list[str]]
Delivered = Callable[..., str]
ACTIVE, PAUSED, IDLE = SimState.ACTIVE, SimState.DEACTIVATED, SimState.INACTIVE


def sim(database: Database, iccid: str) -> SimRow:
    with database.read() as tx:
        row = sims.one(tx, iccid)
    assert row is not None
    return row


def observe(database: Database, *seen: SeenSim) -> int:
    with database.begin() as tx:
        return sims.observe(tx, seen)


def test_pages_hold_every_sim_once_in_order(stocked: Database, delivered: Delivered, iccids: Numbers) -> None:
    numbers = iccids(7)
    delivered("a.txt", numbers[::-1])
    seen: list[str] = []
    with stocked.read() as tx:
        while page := sims.page(tx, after=seen[-1] if seen else None, limit=3):
            seen += [row.iccid for row in page]
    assert seen == numbers


def test_numbered_pages_join_without_a_gap_and_end(
    stocked: Database, delivered: Delivered, iccids: Numbers, explained: Callable[..., str]
) -> None:
    numbers = iccids(7)
    delivered("a.txt", numbers)
    with stocked.read() as tx:
        pages = [sims.page(tx, Choice("tracker"), skip=skip, limit=3) for skip in (0, 3, 6, 9)]
    assert [[row.iccid for row in page] for page in pages] == [numbers[:3], numbers[3:6], numbers[6:], []]


def test_pages_can_be_narrowed(stocked: Database, delivered: Delivered, iccids: Numbers) -> None:
    numbers = iccids(12)
    delivered("a.txt", numbers[:6])
    delivered("b.txt", numbers[6:], product_ids="scooter", home_countries="FR")
    observe(stocked, SeenSim(numbers[7], ACTIVE, "active"))
    with stocked.read() as tx:

        def narrowed(after: str | None = None, limit: int = 50, **wanted: Any) -> list[str]:
            choice = Choice(**wanted)
            found = [row.iccid for row in sims.page(tx, choice, after=after, limit=limit)]
            assert after or sims.count(tx, choice) == len(found)
            return found

        assert narrowed(product="scooter") == narrowed(country="FR") == numbers[6:]
        assert narrowed(state=ACTIVE) == [numbers[7]]
        assert narrowed(iccid_prefix=numbers[10][:18]) == numbers[10:]
        assert narrowed(iccid_prefix=numbers[3]) == [numbers[3]]
        assert narrowed(product="scooter", after=numbers[8], limit=2) == numbers[9:11]
        assert narrowed(product="tracker", country="FR") == []


@pytest.mark.parametrize("after", [None, 2])
def test_a_page_of_a_product_is_read_in_the_order_of_the_key_and_nothing_is_sorted(
    after: int | None,
    stocked: Database,
    delivered: Delivered,
    iccids: Numbers,
    explained: Callable[..., str],
) -> None:
    delivered("a.txt", iccids(50))
    last = None if after is None else iccids(3)[after]
    with stocked.begin() as tx:
        if tx.is_postgresql:
            tx.connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
            tx.connection.exec_driver_sql("SET LOCAL enable_sort = off")
        plan = explained(tx, lambda: sims.page(tx, Choice("tracker"), after=last, limit=5))
    assert "pk_sims" in plan or "sqlite_autoindex_sims_1" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_no_page_ever_carries_a_registration_code() -> None:
    assert "registration_code" not in {field.name for field in fields(SimRow)}


def test_a_sim_that_is_not_ours_is_none(stocked: Database) -> None:
    with stocked.read() as tx:
        assert sims.one(tx, "8901") is None
        assert sims.story(tx, "8901") == []


def test_a_story_tells_where_each_operation_came_from_and_every_step(
    stocked: Database, delivered: Delivered, iccids: Numbers, moving_clock: MovingClock
) -> None:
    (iccid,) = iccids(1)
    manifest_id = delivered("eu/a.txt", [iccid], lines=[42])
    with stocked.begin() as tx:
        operation_id = tx.execute(select(operations.c.id)).scalar_one()
        for nth, source, target in ((1, "planned", "intent"), (2, "intent", "done")):
            step = {"operation_id": operation_id, "nth": nth, "stage": "claim", "from_step": source, "to_step": target}
            tx.execute(insert(history).values(step | {"at": tx.now(), "reason": "why", "actor": "w"}))
        later = {"iccid": iccid, "action": "deactivate", "generation": 1, "carrier_account": "kore", "step": "planned"}
        later |= {"manifest_id": "m-gone", "line": 7, "stage": "change", "due_at": tx.now(), "created_at": tx.now()}
        tx.execute(insert(operations).values(later))
    with stocked.read() as tx:
        first, second = sims.story(tx, iccid)
    assert (first.manifest_id, first.item_key, first.line) == (manifest_id, "eu/a.txt", 42)
    now = moving_clock()
    assert first.transitions == (
        Transition(now, Stage.CLAIM, Step.PLANNED, Step.INTENT, "why", "", "w"),
        Transition(now, Stage.CLAIM, Step.INTENT, Step.DONE, "why", "", "w"),
    )
    assert (second.action, second.item_key, second.line, second.transitions) == (Action.DEACTIVATE, None, 7, ())


def test_what_the_carrier_says_is_kept_and_what_it_does_not_say_stays(
    stocked: Database, delivered: Delivered, iccids: Numbers, moving_clock: MovingClock
) -> None:
    numbers = iccids(2)
    delivered("a.txt", numbers)
    first = SeenSim(numbers[0], IDLE, "ready", "HS1", "HF1", "+49123", "26201")
    assert observe(stocked, first, SeenSim("8999", ACTIVE, "active")) == 1
    moving_clock.move(5)
    observe(stocked, SeenSim(numbers[0], SimState.UNKNOWN, "bl\0ue"))
    row = sim(stocked, numbers[0])
    assert (row.carrier_reference, row.carrier_plan_reference, row.msisdn, row.imsi) == (
        "HS1",
        "HF1",
        "+49123",
        "26201",
    )
    assert (row.state, row.carrier_word, row.seen_at) == (SimState.UNKNOWN, "bl\u2400ue", moving_clock())
    assert sim(stocked, numbers[1]).seen_at is None
    assert observe(stocked) == 0


def test_a_sim_that_its_carrier_does_not_have_loses_the_id_that_it_had_there(
    stocked: Database, delivered: Delivered, iccids: Numbers
) -> None:
    numbers = iccids(2)
    delivered("a.txt", numbers)
    observe(stocked, *(SeenSim(iccid, ACTIVE, "active", f"HS{iccid}", "HF1", "+49123") for iccid in numbers))
    observe(stocked, SeenSim(numbers[0], SimState.ABSENT, "not found"), SeenSim(numbers[1], PAUSED, "inactive"))
    assert (sim(stocked, numbers[0]).carrier_reference, sim(stocked, numbers[0]).msisdn) == (None, "+49123")
    assert sim(stocked, numbers[1]).carrier_reference == f"HS{numbers[1]}"
    observe(stocked, SeenSim(numbers[0], IDLE, "ready", "HS2"))
    assert sim(stocked, numbers[0]).carrier_reference == "HS2"


@pytest.mark.parametrize(
    ("states", "counted"),
    [
        ([IDLE, ACTIVE, ACTIVE], (1, 0)),
        ([ACTIVE, PAUSED, PAUSED, ACTIVE], (2, 1)),
        ([PAUSED], (0, 0)),
        ([PAUSED, ACTIVE, SimState.ACTIVATING, PAUSED], (1, 1)),
        ([ACTIVE, SimState.BARRED, ACTIVE, SimState.BARRED], (1, 0)),
        ([IDLE, SimState.BARRED, ACTIVE], (1, 0)),
    ],
)
def test_activations_and_deactivations_are_counted_when_they_happen(
    stocked: Database, delivered: Delivered, iccids: Numbers, states: list[SimState], counted: tuple[int, int]
) -> None:
    (iccid,) = iccids(1)
    delivered("a.txt", [iccid])
    for state in states:
        observe(stocked, SeenSim(iccid, state, "w"))
    row = sim(stocked, iccid)
    assert (row.activations_count, row.deactivations_count) == counted


def test_the_first_activation_is_remembered_and_the_last_one_renewed(
    stocked: Database, delivered: Delivered, iccids: Numbers, moving_clock: MovingClock
) -> None:
    (iccid,) = iccids(1)
    delivered("a.txt", [iccid])
    times = []
    for state in (ACTIVE, ACTIVE, PAUSED, ACTIVE, ACTIVE):
        times.append(moving_clock.move(10))
        observe(stocked, SeenSim(iccid, state, state.value))
    row = sim(stocked, iccid)
    assert (row.first_activated_at, row.last_activated_at, row.seen_at) == (times[0], times[3], times[4])


def test_of_one_sim_seen_twice_the_last_word_counts(stocked: Database, delivered: Delivered, iccids: Numbers) -> None:
    (iccid,) = iccids(1)
    delivered("a.txt", [iccid])
    assert observe(stocked, SeenSim(iccid, ACTIVE, "active"), SeenSim(iccid, PAUSED, "paused")) == 1
    assert sim(stocked, iccid).state is PAUSED


def test_two_observers_of_the_same_sims_wait_for_each_other(
    stocked: Database, delivered: Delivered, iccids: Numbers
) -> None:
    numbers = iccids(300)
    delivered("a.txt", numbers)
    errors: list[Exception] = []

    def watch(order: list[str]) -> None:
        own = Database(stocked.url)
        try:
            for state in (ACTIVE, PAUSED) * 5:
                observe(own, *(SeenSim(iccid, state, state.value) for iccid in order))
        except Exception as error:  # noqa: BLE001 - reported below
            errors.append(error)
        own.close()

    threads = [threading.Thread(target=watch, args=(order,)) for order in (numbers, numbers[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sim(stocked, numbers[7]).state is PAUSED


def test_registration_codes_are_blanked_for_the_sims_named(
    stocked: Database, delivered: Delivered, iccids: Numbers
) -> None:
    numbers = iccids(3)
    delivered("a.txt", numbers, registration_codes=[b"a", b"b", b"c"])
    with stocked.begin() as tx:
        sims.blank_codes(tx, [])
        sims.blank_codes(tx, [numbers[0], numbers[2], "8999"])
        codes = tx.execute(select(table.c.registration_code).order_by(table.c.iccid)).scalars().all()
    assert codes == [None, b"b", None]


def test_fleets_and_carrier_accounts_are_counted(stocked: Database, delivered: Delivered, iccids: Numbers) -> None:
    numbers = iccids(6)
    delivered("a.txt", numbers[:4])
    delivered("b.txt", numbers[4:], product_ids="scooter", carrier_accounts="other")
    with stocked.begin() as tx:
        tx.execute(update(table).where(table.c.iccid == numbers[0]).values(state="released"))
        assert (sims.fleet_count(tx, "tracker"), sims.fleet_count(tx, "scooter")) == (3, 2)
        assert sims.fleet_count(tx, "kettle") == 0
        assert (sims.account_sim_count(tx, "kore"), sims.account_sim_count(tx, "other")) == (4, 2)
