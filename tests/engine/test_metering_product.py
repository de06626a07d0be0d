"""Usage of one product alone: whose SIMs are asked for, and what is known of the others afterwards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from engine.metering import CannotTell, collect_some, wanted_of
from engine.usage_standing import standing
from engine.usage_told import Collected
from storage.database import Database
from storage.schema import former_placements, sims
from tests.engine.metered import Metered, days_ago, open_metered
from tests.engine.rig import ACCOUNT, iccids

FLEET = iccids(6)
SCOOTERS = FLEET[4:]
Open = Callable[[str], Metered]


@pytest.fixture
def opened(stocked: Database, tmp_path: Path) -> Iterator[Open]:
    """Four trackers and two scooters at a carrier, each with use yesterday."""
    with ExitStack() as stack:

        def at(carrier: str) -> Metered:
            metered = stack.enter_context(open_metered(carrier, stocked, tmp_path, FLEET))
            with stocked.begin() as tx:
                tx.execute(update(sims).where(sims.c.iccid.in_(SCOOTERS)).values(product_id="scooter"))
            for nth, iccid in enumerate(FLEET, start=1):
                metered.used(iccid, days_ago(1), nth * 1_000_000)
            return metered

        yield at


def collect(metered: Metered, product: str) -> Collected:
    """One run for this product."""
    asked, whole = wanted_of(metered.rig.context, ACCOUNT, None, product), Collected()
    while not whole.is_over:
        whole.add(collect_some(metered.rig.context, ACCOUNT, asked))
    return whole


def kept(metered: Metered) -> set[str]:
    return {iccid for iccid, _ in metered.kept()}


@pytest.mark.parametrize("carrier", ["1nce", "soracom", "particle"])
def test_only_its_sims_are_asked_for_and_nothing_is_claimed_of_the_others(opened: Open, carrier: str) -> None:
    metered = opened(carrier)
    assert collect(metered, "scooter").requests == 2
    assert kept(metered) == set(SCOOTERS)
    database, days = metered.rig.context.database, metered.wanted().days
    of_product = standing(database, ACCOUNT, days, "scooter")
    assert (of_product.missing_count, of_product.told.sim_count) == (0, 2)
    assert {one.iccid for one in standing(database, ACCOUNT, days).missing} == set(FLEET) - set(SCOOTERS)
    assert metered.collect().requests == 4
    assert kept(metered) == set(FLEET)
    assert standing(database, ACCOUNT, days).missing_count == 0


def test_a_carrier_that_tells_all_sims_in_pages_is_read_as_a_whole(opened: Open) -> None:
    metered = opened("supersim")
    assert collect(metered, "scooter").requests == 1
    assert kept(metered) == set(FLEET)
    assert metered.standing().missing_count == 0
    assert standing(metered.rig.context.database, ACCOUNT, metered.wanted().days, "scooter").told.sim_count == 2


def test_a_sim_that_another_product_has_taken_is_asked_for_by_both(opened: Open) -> None:
    metered, noon = opened("1nce"), time(12, tzinfo=UTC)
    moved = {"moved_at": datetime.combine(days_ago(3), noon), "left_at": datetime.combine(days_ago(3), noon)}
    was = {"product_id": "tracker", "carrier_account": ACCOUNT, "plan_id": "kore/de", "home_country": "DE"}
    begun = {"created_at": datetime(2024, 1, 1, tzinfo=UTC), "first_activated_at": datetime(2024, 1, 1, tzinfo=UTC)}
    with metered.rig.context.database.begin() as tx:
        tx.execute(insert(former_placements).values(iccid=SCOOTERS[0], **moved, **was, **begun))
    assert collect(metered, "tracker").requests == 5
    assert kept(metered) == {*FLEET[:4], SCOOTERS[0]}
    assert collect(metered, "scooter").requests == 1


def test_an_account_without_a_sim_of_the_product_is_not_asked(opened: Open) -> None:
    metered = opened("supersim")
    with pytest.raises(CannotTell, match="kore has no SIM of nothing"):
        wanted_of(metered.rig.context, ACCOUNT, None, "nothing")
