"""Wishes in the ledger: how SIMs stand before them, which generation they are, and what a freed SIM keeps."""

from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from domain.lifecycle import Action, SimState, Step
from storage import acting, ledger, sims, waiting
from storage.acting import Wish
from storage.database import Database
from storage.ledger import Lease, Move
from storage.schema import operations
from storage.schema import sims as table
from storage.sims import Choice, SeenSim

Iccids = Callable[[int], list[str]]
Deliver = Callable[..., str]
PAUSE = Wish("a-1", Action.DEACTIVATE, "ann", "season over")


@pytest.fixture
def active(stocked: Database, delivered: Deliver, iccids: Iccids) -> Database:
    """Three active SIMs whose import is done."""
    delivered("a.csv", iccids(3))
    with stocked.begin() as tx:
        tx.execute(update(operations).values(step=Step.DONE.value))
        sims.observe(tx, [SeenSim(iccid, SimState.ACTIVE, "active", "HS1", msisdn="49") for iccid in iccids(3)])
    return stocked


def wish(database: Database, iccids: Sequence[str], asked: Wish = PAUSE) -> dict[str, int]:
    with database.begin() as tx:
        return acting.plan_operations(tx, asked, list(acting.standings(tx, iccids, asked.action)))


def test_a_sim_stands_with_its_newest_live_operation(active: Database, iccids: Iccids) -> None:
    one, two, _ = iccids(3)
    wish(active, [one])
    with active.read() as tx:
        standing, other = acting.standings(tx, [two, one, "8901410999999999999"], Action.DEACTIVATE)
    assert (standing.iccid, standing.newest, standing.generation) == (two, (Action.ACTIVATE, Step.DONE), 0)
    assert (other.iccid, other.newest, other.generation) == (one, (Action.DEACTIVATE, Step.PLANNED), 1)


def test_each_wish_is_the_next_generation_of_its_action(active: Database, iccids: Iccids) -> None:
    (iccid, *_) = iccids(3)
    wish(active, [iccid])
    wish(active, [iccid], Wish("a-2", Action.ACTIVATE, "ann", "again"))
    wish(active, [iccid])
    with active.read() as tx:
        found = [(one.action, one.generation) for one in sims.story(tx, iccid)]
    assert found == [("activate", 1), ("deactivate", 1), ("activate", 2), ("deactivate", 2)]


def test_the_database_refuses_the_same_generation_twice(active: Database, iccids: Iccids) -> None:
    wish(active, iccids(1))
    with active.read() as tx:
        row = tx.execute(select(operations).order_by(operations.c.id.desc()).limit(1)).one()._asdict()
    with pytest.raises(IntegrityError), active.begin() as tx:
        tx.execute(insert(operations).values({name: value for name, value in row.items() if name != "id"}))


def test_only_the_oldest_open_operation_of_a_sim_is_taken(active: Database, iccids: Iccids) -> None:
    (iccid, *_) = iccids(3)
    first = wish(active, [iccid])[iccid]
    second = wish(active, [iccid], Wish("a-2", Action.ACTIVATE, "ann", "again"))[iccid]
    lease = Lease("fence", "worker", 60)

    def taken() -> list[int]:
        with active.begin() as tx:
            return [one.id for one in ledger.take_to_send(tx, "kore", lease, limit=9, deadline_seconds=60)]

    assert taken() == [first]
    assert taken() == []
    with active.begin() as tx:
        assert not waiting.is_due(tx, "kore")
        ledger.move(tx, Move(Step.INTENT, Step.REJECTED, "refused", (first,)), actor="worker", fence="fence")
        assert waiting.is_due(tx, "kore")
    assert taken() == [second]


def test_a_freed_sim_keeps_nothing_that_its_next_owner_could_use(active: Database, iccids: Iccids) -> None:
    one, two, _ = iccids(3)
    with active.begin() as tx:
        tx.execute(update(table).values(registration_code=b"sealed"))
        acting.free(tx, [one])
        freed, other = sims.one(tx, one), sims.one(tx, two)
        codes = dict(tx.execute(select(table.c.iccid, table.c.registration_code)).tuples().all())
    assert freed
    assert other
    assert (freed.state, freed.carrier_reference, freed.msisdn, codes[one]) == (SimState.RELEASED, None, None, None)
    assert (other.state, other.carrier_reference, other.msisdn, codes[two]) == (SimState.ACTIVE, "HS1", "49", b"sealed")


def test_a_choice_means_the_sims_that_fit_all_of_it(active: Database, iccids: Iccids) -> None:
    with active.read() as tx:
        every = Choice("tracker", SimState.ACTIVE, "DE", carrier_account="kore")
        assert acting.chosen(tx, every) == iccids(3)
        assert acting.chosen(tx, Choice("tracker", SimState.ACTIVE, "DE", carrier_account="other")) == []


def test_what_failed_is_told_with_its_reason(active: Database, iccids: Iccids) -> None:
    ids = wish(active, iccids(2))
    moved = Move(Step.PLANNED, Step.NEEDS_REVIEW, "tried_too_often", (ids[iccids(2)[1]],), "Five times.")
    with active.begin() as tx:
        ledger.move(tx, moved, actor="worker", fence=None)
        assert acting.troubles(tx, "a-1", 20) == [
            (iccids(2)[1], Step.NEEDS_REVIEW, "tried_too_often", "Five times."),
        ]


def test_another_product_takes_a_freed_sim_over_as_a_fresh_one(
    active: Database, delivered: Deliver, iccids: Iccids
) -> None:
    one, two, _ = iccids(3)
    with active.begin() as tx:
        acting.free(tx, [one])
    sealed = {"registration_codes": [b"new", None], "notes": ["box 7", ""]}
    manifest_id = delivered("b.csv", [one, two], product_ids="scooter", **sealed)
    with active.read() as tx:
        sim, other, newest = sims.one(tx, one), sims.one(tx, two), sims.story(tx, one)[-1]
        code = tx.execute(select(table.c.registration_code).where(table.c.iccid == one)).scalar_one()
    assert sim
    assert other
    assert (sim.product_id, sim.manifest_id, sim.note, code) == ("scooter", manifest_id, "box 7", b"new")
    assert (sim.state, sim.activations_count, sim.first_activated_at) == (SimState.ABSENT, 0, None)
    assert (newest.action, newest.generation, newest.manifest_id, newest.line) == ("activate", 2, manifest_id, 1)
    assert other.product_id == "tracker"
