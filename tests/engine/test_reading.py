"""Many SIMs are read with the fewest requests, and one that cannot be read hides no other."""

from collections.abc import Callable

import pytest

from carriers.contract import CarrierSim, OpenGate, Page
from carriers.errors import CarrierDown, CredentialsRefused, LimitReached, NotSent, ReadFailed
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.server import SimulatedCarrierServer
from domain.lifecycle import SimState
from engine.reading import read_many
from tests.engine.rig import iccids, open_supersim
from tests.engine.scripted import ScriptedCarrier, active

GATE = OpenGate()


def shown(*numbers: str, state: SimState = SimState.ACTIVATING) -> tuple[CarrierSim, ...]:
    return tuple(CarrierSim(number, state, state.value) for number in numbers)


def failing(*broken: str, error: Exception | None = None) -> Callable[[str], CarrierSim]:
    """Shows every SIM as active but these."""

    def show(iccid: str) -> CarrierSim:
        if iccid in broken:
            raise error or ReadFailed(f"no answer about {iccid}")
        return active(iccid)

    return show


def test_a_few_sims_are_read_one_by_one(scripted: ScriptedCarrier) -> None:
    readings = read_many(scripted, ["1", "2", "3"], 1_000_000, GATE)
    assert (scripted.read_iccids, scripted.queries) == (["1", "2", "3"], [])
    assert readings.requests == 3


def test_a_thousand_pending_sims_are_a_handful_of_requests(server: SimulatedCarrierServer) -> None:
    pending = iccids(1000)
    for number in pending:
        server.carrier.fleet.put(number, SimState.INACTIVE, None)
    carrier = open_supersim(server.url)
    readings = read_many(carrier, pending, 5_000, GATE)
    carrier.close()
    assert readings.seen.keys() == set(pending)
    assert readings.requests <= 5
    assert len(server.carrier.log.entries()) == readings.requests


def test_sims_in_progress_are_listed_before_everything_is(scripted: ScriptedCarrier) -> None:
    scripted.pages = [Page(shown("1", "2", "3", "4"), None)]
    readings = read_many(scripted, ["1", "2", "3", "4"], 900_000, GATE)
    assert [query.state for query in scripted.queries] == [SimState.ACTIVATING]
    assert scripted.read_iccids == []
    assert readings.requests == 1


def test_a_carrier_that_cannot_filter_is_listed_whole_where_that_pays(scripted: ScriptedCarrier) -> None:
    scripted.can(filters_by_state=False)
    scripted.pages = [Page(shown("1", "2"), "1"), Page(shown("3", "4"), None)]
    readings = read_many(scripted, ["1", "2", "3", "4"], 2_000, GATE)
    assert [query.state for query in scripted.queries] == [None, None]
    assert (len(readings.seen), scripted.read_iccids) == (4, [])


def test_a_carrier_that_cannot_list_is_read_one_by_one(scripted: ScriptedCarrier) -> None:
    scripted.can(page_size=0)
    read_many(scripted, iccids(20), 20, GATE)
    assert scripted.read_iccids == iccids(20)


def test_what_a_listing_does_not_show_is_read_before_anybody_concludes_anything(scripted: ScriptedCarrier) -> None:
    scripted.pages = [Page(shown("1", "2", "4", "5"), None)]
    readings = read_many(scripted, ["1", "2", "3", "4", "5"], 100, GATE)
    assert scripted.read_iccids == ["3"]
    assert readings.seen["3"].state is SimState.ACTIVE


def test_a_listing_that_loses_sims_loses_none_of_ours(server: SimulatedCarrierServer) -> None:
    for number in iccids(40):
        server.carrier.fleet.put(number, SimState.ACTIVE, None)
    server.carrier.faults = Faults({Fault.PAGE_LOSES: 1.0}, kinds=frozenset({RequestKind.LIST}))
    carrier = open_supersim(server.url)
    readings = read_many(carrier, iccids(40), 40, GATE)
    carrier.close()
    assert readings.seen.keys() == set(iccids(40))
    assert {sim.state for sim in readings.seen.values()} == {SimState.ACTIVE}


def test_a_listing_that_is_out_of_order_leaves_the_single_reads(server: SimulatedCarrierServer) -> None:
    for number in iccids(6):
        server.carrier.fleet.put(number, SimState.ACTIVE, None)
    server.carrier.faults = Faults({Fault.ERROR_500: 1.0}, kinds=frozenset({RequestKind.LIST}))
    carrier = open_supersim(server.url)
    readings = read_many(carrier, iccids(6), 6, GATE)
    carrier.close()
    assert readings.seen.keys() == set(iccids(6))
    assert readings.failed


def test_a_sim_that_cannot_be_read_does_not_hide_those_after_it(scripted: ScriptedCarrier) -> None:
    scripted.can(page_size=0).show = failing("2")
    readings = read_many(scripted, ["1", "2", "3", "4"], 4, GATE)
    assert readings.seen.keys() == {"1", "3", "4"}
    assert (readings.unreadable, readings.requests, readings.failures) == ({"2"}, 4, 1)
    assert readings.failed


def test_a_carrier_that_answers_nothing_is_not_asked_about_every_sim(scripted: ScriptedCarrier) -> None:
    numbers = iccids(500)
    scripted.can(page_size=0).show = failing(*numbers)
    readings = read_many(scripted, numbers, 500, GATE)
    assert readings.seen == {}
    assert readings.requests == readings.failures == 3


def test_what_was_seen_before_an_error_counts(scripted: ScriptedCarrier) -> None:
    scripted.can(page_size=0).show = failing("3", error=CredentialsRefused("no"))
    readings = read_many(scripted, ["1", "2", "3", "4"], 4, GATE)
    assert readings.seen.keys() == {"1", "2"}
    assert isinstance(readings.error, CredentialsRefused)


@pytest.mark.parametrize(
    ("error", "is_the_carriers_fault"),
    [
        (NotSent("the lease ends"), False),
        (LimitReached("later", 5), False),
        (CarrierDown("refused"), True),
        (CredentialsRefused("no"), True),
    ],
)
def test_running_out_of_slots_is_no_failure_of_the_carrier(
    scripted: ScriptedCarrier, error: Exception, is_the_carriers_fault: bool
) -> None:
    scripted.show = failing("1", error=error)
    assert read_many(scripted, ["1"], 1, GATE).failed is is_the_carriers_fault


def test_a_sim_that_is_asked_for_twice_is_read_once(scripted: ScriptedCarrier) -> None:
    read_many(scripted, ["1", "1", "2"], 2, GATE)
    assert scripted.read_iccids == ["1", "2"]
