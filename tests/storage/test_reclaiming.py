"""A SIM that moves to another product: where it stood is kept, and late usage goes to whoever had it on its day."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import insert, select, update

from domain.lifecycle import Action, SimState, Step
from storage import usage
from storage.database import Database
from storage.schema import former_placements, operations, sims
from storage.usage import Former
from tests.conftest import MovingClock


@pytest.fixture
def moved(
    stocked: Database, delivered: Callable[..., str], iccids: Callable[[int], list[str]], moving_clock: MovingClock
) -> str:
    """A SIM that `tracker` had active, released two days later, and that `scooter` took over a day after that."""
    (iccid,) = iccids(1)
    first = delivered("a.csv", [iccid])
    with stocked.begin() as tx:
        tx.execute(update(sims).values(first_activated_at=tx.now(), state=SimState.ACTIVE.value))
    moving_clock.move(2 * 86_400)
    with stocked.begin() as tx:
        tx.execute(update(operations).values(step=Step.DONE.value))
        done = {"action": Action.RELEASE.value, "step": Step.DONE.value, "stage": "change", "finished_at": tx.now()}
        placed = {"iccid": iccid, "generation": 1, "carrier_account": "kore", "manifest_id": first, "line": 1}
        tx.execute(insert(operations).values(done | placed | {"due_at": tx.now(), "created_at": tx.now()}))
        tx.execute(update(sims).values(state=SimState.RELEASED.value))
    moving_clock.move(86_400)
    delivered("b.csv", [iccid], product_ids="scooter", home_countries="FR")
    return iccid


def test_where_a_sim_stood_is_kept_from_its_activation_until_its_release(
    stocked: Database, moved: str, moving_clock: MovingClock
) -> None:
    with stocked.read() as tx:
        (was,) = tx.execute(select(former_placements)).all()
        (now,) = tx.execute(select(sims.c.product_id, sims.c.first_activated_at)).all()
    assert (was.iccid, was.product_id, was.carrier_account, was.home_country) == (moved, "tracker", "kore", "DE")
    taken = moving_clock()
    assert (was.moved_at, was.left_at) == (taken, taken - timedelta(days=1))
    assert was.first_activated_at == taken - timedelta(days=3)
    assert tuple(now) == ("scooter", None)


def test_late_usage_goes_to_the_product_that_had_the_sim_on_that_day(stocked: Database, moved: str) -> None:
    with stocked.read() as tx:
        place = usage.places(tx, "kore", [moved], [])[moved]
    day_of_move = date(2026, 3, 4)
    assert place.former == (Former(day_of_move, "tracker"),)
    assert [place.product_on(day_of_move - timedelta(days=1)), place.product_on(day_of_move)] == ["tracker", "scooter"]
