"""Read many SIMs of one carrier account with the fewest requests: in pages where it can list, one by one where not.

Presence in a listing is evidence; absence is not (a SIM can move between two pages), so what a listing did not show is
read by itself before anybody concludes anything.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil

from carriers.contract import Answer, Capabilities, Carrier, CarrierSim, Gate, SimQuery
from carriers.errors import CarrierDown, CarrierError, NotSent, ReadFailed
from domain.lifecycle import SimState

FEW = 3
"""So few SIMs are read one by one without a thought about pages."""
ENOUGH_FAILURES = 3
"""So many reads that fail one after the other end a round."""


@dataclass(slots=True)
class Readings:
    """What was seen, which SIMs gave no usable answer, how many requests it took, and the newest error, if any.

    `told` is what the carrier said of its own jobs and actions, by ICCID. Of `put_off` nothing is concluded this time.
    """

    seen: dict[str, CarrierSim] = field(default_factory=dict)
    told: dict[str, Answer] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    put_off: set[str] = field(default_factory=set)
    requests: int = 0
    failures: int = 0
    error: CarrierError | None = None

    def note(self, error: CarrierError) -> None:
        """One request brought nothing."""
        self.failures += 1
        self.error = error

    def concern(self, iccid: str) -> bool:
        """Whether this SIM was seen, told of or put off: then this was a look at it."""
        return iccid in self.seen or iccid in self.told or iccid in self.put_off

    @property
    def failed(self) -> bool:
        """Whether the carrier failed us, not our own patience: no slot, a pause or a limit says nothing about it."""
        return isinstance(self.error, CarrierDown) or (self.error is not None and not isinstance(self.error, NotSent))


def read_many(
    carrier: Carrier,
    iccids: Iterable[str],
    account_sims: int,
    gate: Gate,
    readings: Readings | None = None,
    *,
    queued: Collection[str] = (),
) -> Readings:
    """What the carrier says of these SIMs. Never raises for the carrier: what was seen before an error still counts.

    `account_sims` is how many SIMs we believe the account holds: it tells how many pages a full listing takes. What is
    read is added to the `readings` given. SIMs that are `queued` are put off when a whole listing does not show them.
    """
    wanted = list(dict.fromkeys(iccids))
    readings = Readings() if readings is None else readings
    try:
        try:
            if _list_what_pays(carrier, set(wanted), account_sims, gate, readings):
                readings.put_off.update(set(wanted).intersection(queued).difference(readings.seen))
        except ReadFailed as error:  # a listing that is out of order leaves the single reads
            readings.note(error)
        left = [iccid for iccid in wanted if iccid not in readings.seen and iccid not in readings.put_off]
        _read_singly(carrier, left, gate, readings)
    except CarrierError as error:
        readings.note(error)
    return readings


def _read_singly(carrier: Carrier, iccids: Sequence[str], gate: Gate, readings: Readings) -> None:
    """One SIM that the carrier cannot show does not hide those after it; several in a row are its own fault."""
    failed_in_a_row = readings.failures
    for iccid in iccids:
        readings.requests += 1
        try:
            readings.seen[iccid] = carrier.read(iccid, gate)
            failed_in_a_row = 0
        except ReadFailed as error:
            readings.unreadable.add(iccid)
            readings.note(error)
            failed_in_a_row += 1
            if failed_in_a_row == ENOUGH_FAILURES:
                return


def _list_what_pays(carrier: Carrier, wanted: set[str], account_sims: int, gate: Gate, readings: Readings) -> bool:
    """First the SIMs in progress, where the carrier can filter; then everything, where that beats single reads.

    Whether everything was listed.
    """
    can = carrier.capabilities
    if can.page_size == 0 or len(wanted) <= FEW:
        return False
    all_pages = listing_requests(can, account_sims)
    if can.filters_by_state and all_pages > 1:
        in_progress = SimQuery(state=SimState.ACTIVATING)
        _keep(readings, wanted, _pages(carrier, in_progress, gate, readings, at_most=len(wanted)))
    pays = len(wanted) - len(readings.seen) > all_pages
    if pays:
        _keep(readings, wanted, _pages(carrier, SimQuery(), gate, readings, at_most=2 * all_pages))
    return pays


def listing_requests(can: Capabilities, account_sims: int) -> int:
    """How many pages a listing of the whole account takes. Asked only of a carrier that can list."""
    return ceil(max(account_sims, 1) / can.page_size)


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
