import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from domain.lifecycle import Step
from domain.lines import LineCounts
from domain.manifests import ItemIdentity, ManifestState
from storage import manifests
from storage.database import Database, Transaction
from storage.manifests import LeaseLost, ManifestRow, NoSuchManifest
from storage.schema import manifests as table
from storage.schema import operations
from tests.conftest import MovingClock

ITEM = ItemIdentity("inbox", "eu/first.txt", "1")
Numbers = Callable[[int], list[str]]
Delivered = Callable[..., str]


def claim(database: Database, fence: str = "f", item: ItemIdentity = ITEM, **given: str) -> ManifestRow | None:
    with database.begin() as tx:
        return manifests.claim(tx, item, fence=fence, lease_seconds=60, actor="ann", **given)


def mark(database: Database, state: ManifestState, fence: str = "f", item: ItemIdentity = ITEM) -> None:
    with database.begin() as tx:
        manifests.mark(tx, item.manifest_id, fence, state=state, counts=LineCounts())


def found(database: Database, asked: str = ITEM.manifest_id) -> ManifestRow:
    with database.read() as tx:
        return manifests.find(tx, asked)


def put_steps(tx: Transaction, manifest_id: str, step: Step) -> None:
    tx.execute(update(operations).where(operations.c.manifest_id == manifest_id).values(step=step.value))


def test_a_delivery_is_claimed_once(database: Database) -> None:
    row = claim(database, product_id="tracker", home_country="DE", carrier_account="kore")
    assert row is not None
    assert (row.id, row.identity, row.state) == (ITEM.manifest_id, ITEM, ManifestState.RECEIVED)
    assert (row.product_id, row.home_country, row.carrier_account) == ("tracker", "DE", "kore")
    assert claim(database, "g") is None


def test_of_many_claims_at_once_one_wins_and_no_other_breaks(database: Database) -> None:
    items = [replace(ITEM, version=str(number)) for number in range(150)]
    start = threading.Barrier(6)

    def claim_all(fence: str) -> list[ManifestRow | None]:
        own = Database(database.url)
        found = []
        for item in items:
            start.wait(60)
            found.append(claim(own, fence, item=item))
        own.close()
        return found

    with ThreadPoolExecutor(6) as threads:
        each = list(threads.map(claim_all, "abcdef"))
    assert [sum(row is not None for row in claims) for claims in zip(*each, strict=True)] == [1] * len(items)


def test_a_lapsed_lease_is_taken_over_with_what_was_said_first(database: Database, moving_clock: MovingClock) -> None:
    claim(database, product_id="tracker")
    moving_clock.move(59)
    assert claim(database, "g", product_id="scooter") is None
    moving_clock.move(1)
    row = claim(database, "g", product_id="scooter")
    assert row is not None
    assert row.product_id == "tracker"


def test_who_lost_the_lease_writes_nothing(database: Database, moving_clock: MovingClock) -> None:
    claim(database)
    moving_clock.move(61)
    claim(database, "g")
    with pytest.raises(LeaseLost, match=ITEM.manifest_id):
        mark(database, ManifestState.LOADED)
    with pytest.raises(LeaseLost), database.begin() as tx:
        manifests.renew(tx, ITEM.manifest_id, "f", 60)
    assert found(database).state is ManifestState.RECEIVED
    mark(database, ManifestState.LOADED, "g")
    assert found(database).state is ManifestState.LOADED


def test_a_renewed_lease_holds_longer(database: Database, moving_clock: MovingClock) -> None:
    claim(database)
    moving_clock.move(50)
    with database.begin() as tx:
        manifests.renew(tx, ITEM.manifest_id, "f", 60)
    moving_clock.move(50)
    assert claim(database, "g") is None


@pytest.mark.parametrize(
    "state", [ManifestState.LOADED, ManifestState.FINISHED, ManifestState.REFUSED, ManifestState.QUARANTINED]
)
def test_what_has_ended_is_not_claimed_again(
    database: Database, moving_clock: MovingClock, state: ManifestState
) -> None:
    claim(database)
    mark(database, state)
    moving_clock.move(100_000)
    assert claim(database, "g") is None
    with database.read() as tx:
        assert manifests.known_items(tx, "inbox", [ITEM, replace(ITEM, version="2")]) == {ITEM}


def test_what_needs_approval_is_claimed_once_somebody_said_yes(database: Database) -> None:
    claim(database)
    mark(database, ManifestState.NEEDS_APPROVAL)
    assert claim(database, "g") is None
    with database.begin() as tx:
        assert manifests.known_items(tx, "inbox", [ITEM]) == set()
        assert manifests.approve(tx, ITEM.manifest_id, "ann")
        assert not manifests.approve(tx, ITEM.manifest_id, "bob")
    row = claim(database, "g")
    assert row is not None
    assert (row.state, row.approved_by) == (ManifestState.RECEIVED, "ann")


def test_known_items_are_those_of_the_source_asked_for(database: Database) -> None:
    claim(database)
    mark(database, ManifestState.REFUSED)
    with database.read() as tx:
        assert manifests.known_items(tx, "other", [ITEM]) == set()
        assert manifests.known_items(tx, "inbox", []) == set()


def test_ids_that_agree_by_chance_do_not_hide_a_delivery(database: Database) -> None:
    claim(database)
    with database.begin() as tx:
        tx.execute(update(table).values(item_key="another.txt", lease_until=tx.now() - timedelta(days=1)))
    with pytest.raises(NoSuchManifest, match="Rename"):
        claim(database, "g")


def test_marking_writes_what_was_found_and_gives_the_lease_back(database: Database) -> None:
    claim(database)
    counts = LineCounts(lines=15, ignored=1, accepted=2, rejected=3, duplicate=4, known=5)
    with database.begin() as tx:
        manifests.mark(tx, ITEM.manifest_id, "f", state=ManifestState.LOADED, counts=counts, sha256="ab", size_bytes=7)
        loaded_at = tx.now()
    row = found(database)
    assert (row.counts, row.sha256, row.size_bytes, row.loaded_at) == (counts, "ab", 7, loaded_at)
    with pytest.raises(LeaseLost):
        mark(database, ManifestState.REFUSED)


def test_a_manifest_is_found_by_its_id_the_start_of_it_and_its_name(database: Database) -> None:
    claim(database)
    for asked in (ITEM.manifest_id, ITEM.manifest_id[:6], "eu/first.txt", "first.txt"):
        assert found(database, asked).id == ITEM.manifest_id
    for asked in ("irst.txt", "m-%", "m_", "second.txt"):
        with pytest.raises(NoSuchManifest, match="no manifest"):
            found(database, asked)


def test_of_several_deliveries_under_one_name_the_newest_is_found(
    database: Database, moving_clock: MovingClock
) -> None:
    claim(database)
    moving_clock.move(1)
    newer = replace(ITEM, version="2")
    claim(database, item=newer)
    assert found(database, "first.txt").id == newer.manifest_id


def test_a_name_that_fits_several_manifests_names_them(database: Database) -> None:
    other = replace(ITEM, key="us/first.txt")
    claim(database)
    claim(database, item=other)
    for asked in ("first.txt", "m-"):
        with pytest.raises(NoSuchManifest) as told:
            found(database, asked)
        assert ITEM.manifest_id in str(told.value)
        assert other.manifest_id in str(told.value)


def test_pages_of_the_listing_hold_each_manifest_once(database: Database, moving_clock: MovingClock) -> None:
    items = [ItemIdentity("inbox", f"{number}.txt", "1") for number in range(7)]
    for number, item in enumerate(items):
        claim(database, item=item)
        moving_clock.move(number % 2)
    listed: list[str] = []
    with database.read() as tx:
        while page := manifests.listing(tx, 3, listed[-1] if listed else None):
            listed += [row.id for row in page]
        times = [manifests.find(tx, id_).received_at for id_ in listed]
    assert sorted(listed) == sorted(item.manifest_id for item in items)
    assert times == sorted(times, reverse=True)


def test_the_same_content_is_the_oldest_other_manifest_that_was_taken(
    database: Database, moving_clock: MovingClock
) -> None:
    states = (ManifestState.REFUSED, ManifestState.LOADED, ManifestState.FINISHED)
    items = [ItemIdentity("inbox", f"{state}.txt", "1") for state in states]
    for item, state in zip(items, states, strict=True):
        claim(database, item=item)
        with database.begin() as tx:
            manifests.mark(tx, item.manifest_id, "f", state=state, counts=LineCounts(), sha256="ab")
        moving_clock.move(1)
    with database.read() as tx:
        assert manifests.same_content(tx, "ab", "m-new") == items[1].manifest_id
        assert manifests.same_content(tx, "ab", items[1].manifest_id) == items[2].manifest_id
        assert manifests.same_content(tx, "cd", "m-new") is None


def test_operations_are_counted_by_step(stocked: Database, delivered: Delivered, iccids: Numbers) -> None:
    steps = ["planned"] * 3 + ["held"] * 2
    manifest_id = delivered("a.txt", iccids(5), steps=steps)
    with stocked.read() as tx:
        assert manifests.operation_counts(tx, manifest_id) == {Step.PLANNED: 3, Step.HELD: 2}
        assert manifests.operation_counts(tx, "m-none") == {}


def test_counting_operations_reads_the_manifests_own_stretch_of_ids(
    stocked: Database, delivered: Delivered, iccids: Numbers, explained: Callable[..., str]
) -> None:
    delivered("a.txt", iccids(3000))
    manifest_id = delivered("b.txt", iccids(3010)[3000:])
    with stocked.begin() as tx:
        if tx.is_postgresql:
            tx.connection.exec_driver_sql("ANALYZE operations")
            tx.connection.exec_driver_sql("ANALYZE manifests")
        assert manifests.operation_counts(tx, manifest_id) == {Step.PLANNED: 10}
        plan = explained(tx, lambda: manifests.operation_counts(tx, manifest_id))
    assert ("pk_operations" if stocked.is_postgresql else "SEARCH operations USING INTEGER PRIMARY KEY (rowid>") in plan


@pytest.mark.parametrize(
    ("step", "ends"),
    [
        (Step.PLANNED, False),
        (Step.INTENT, False),
        (Step.UNKNOWN, False),
        (Step.DONE, True),
        (Step.REJECTED, True),
        (Step.NEEDS_REVIEW, True),
        (Step.HELD, True),
    ],
)
def test_a_manifest_finishes_when_nothing_moves_by_itself(
    stocked: Database, delivered: Delivered, iccids: Numbers, step: Step, ends: bool
) -> None:
    ended, other = delivered("a.txt", iccids(4)[:2]), delivered("b.txt", iccids(4)[2:])
    with stocked.begin() as tx:
        put_steps(tx, ended, step)
        assert manifests.finish_ended(tx) == ([ended] if ends else [])
        assert manifests.find(tx, other).state is ManifestState.LOADED
        assert (manifests.find(tx, ended).finished_at is not None) is ends


def test_a_finished_manifest_goes_on_after_a_rerun(stocked: Database, delivered: Delivered, iccids: Numbers) -> None:
    manifest_id = delivered("a.txt", iccids(1))
    with stocked.begin() as tx:
        assert manifests.reopen(tx, [manifest_id]) == []
        put_steps(tx, manifest_id, Step.REJECTED)
        manifests.finish_ended(tx)
        put_steps(tx, manifest_id, Step.PLANNED)
        assert manifests.reopen(tx, [manifest_id]) == [manifest_id]
        row = manifests.find(tx, manifest_id)
    assert (row.state, row.finished_at) == (ManifestState.LOADED, None)
