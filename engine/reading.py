"""Read many SIMs of one carrier account with the fewest requests: in pages where it can list, one by one where not.

Presence in a listing is evidence; absence is not (a SIM can move between two pages), so what a listing did not show is
read by itself before anybody concludes anything.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil

from carriers.contract import Carrier, CarrierSim, Gate, SimQuery
from carriers.errors import CarrierError
from domain.lifecycle import SimState

FEW = 3
"""So few SIMs are read one by one without a thought about pages."""


@dataclass(slots=True)
class Readings:
    """What was seen, how many requests it took, and the error that ended it early, if one did."""

    seen: dict[str, CarrierSim] = field(default_factory=dict)
    requests: int = 0
    error: CarrierError | None = None


def read_many(carrier: Carrier, iccids: Iterable[str], account_sims: int, gate: Gate) -> Readings:
    """What the carrier says of these SIMs. Never raises for the carrier: what was seen before an error still counts.

    `account_sims` is how many SIMs we believe the account holds: it tells how many pages a full listing takes.
    """
    wanted = set(iccids)
    readings = Readings()
    try:
        _list_what_pays(carrier, wanted, account_sims, gate, readings)
        for iccid in sorted(wanted - readings.seen.keys()):
            readings.requests += 1
            readings.seen[iccid] = carrier.read(iccid, gate)
    except CarrierError as error:
        readings.error = error
    return readings


def _list_what_pays(carrier: Carrier, wanted: set[str], account_sims: int, gate: Gate, readings: Readings) -> None:
    """First the SIMs in progress, where the carrier can filter; then everything, where that beats single reads."""
    can = carrier.capabilities
    if can.page_size == 0 or len(wanted) <= FEW:
        return
    all_pages = ceil(max(account_sims, 1) / can.page_size)
    if can.filters_by_state and all_pages > 1:
        in_progress = SimQuery(state=SimState.ACTIVATING)
        _keep(readings, wanted, _pages(carrier, in_progress, gate, readings, at_most=len(wanted)))
    if len(wanted) - len(readings.seen) > all_pages:
        _keep(readings, wanted, _pages(carrier, SimQuery(), gate, readings, at_most=2 * all_pages))


def _keep(readings: Readings, wanted: set[str], sims: Iterator[CarrierSim]) -> None:
    for sim in sims:
        if sim.iccid in wanted:
            readings.seen[sim.iccid] = sim
        if len(readings.seen) == len(wanted):
            return


def _pages(carrier: Carrier, query: SimQuery, gate: Gate, readings: Readings, *, at_most: int) -> Iterator[CarrierSim]:
    """The listing's SIMs, at most so many pages (an account can hold far more than we know of)."""
    cursor = None
    for _ in range(at_most):
        readings.requests += 1
        page = carrier.page(query, cursor, gate)
        yield from page.sims
        cursor = page.next_cursor
        if cursor is None:
            return
