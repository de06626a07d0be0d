"""Ask a carrier about its own jobs and actions: for many SIMs at once where that is cheapest, for the reason where not.

A job that names thousands of SIMs is one request, a listing of them dozens; an action for each SIM is dearer than a
listing, but it alone knows why a SIM is as it was before.
"""

from collections.abc import Collection, Iterable, Sequence

from carriers.contract import AnswerKind, Capabilities, Carrier, Following, Gate
from carriers.errors import CarrierError
from domain.judging import WANTED
from domain.lifecycle import SimState
from engine.reading import Readings, listing_requests, read_many
from storage.leased import Operation

MOST_REASONS = 50
"""So many actions are asked for their reasons in one round."""


def look(
    carrier: Carrier,
    taken: Sequence[Operation],
    account_sims: int,
    gate: Gate,
    *,
    readings: Readings,
    queued: Collection[str] = (),
) -> None:
    """Fill the readings of these operations' SIMs with the fewest requests. Never raises for the carrier.

    Of SIMs that are `queued` a listing without them is enough for this time.
    """
    jobs = _by_request(taken)
    if isinstance(carrier, Following) and jobs and _pays(carrier.capabilities, jobs, account_sims):
        _follow(carrier, jobs, gate, readings)
    left = [one.iccid for one in taken if one.iccid not in readings.told]
    read_many(carrier, left, account_sims, gate, readings, queued=queued)
    if isinstance(carrier, Following):
        _ask_for_reasons(carrier, [one for one in taken if _fell_back(one, readings)], gate, readings)


def _ask_for_reasons(carrier: Following, fallen: Sequence[Operation], gate: Gate, readings: Readings) -> None:
    """Of so many in one round; the others are put off, so that none goes on without being asked for its reason."""
    jobs = list(_by_request(fallen).items())
    _follow(carrier, dict(jobs[:MOST_REASONS]), gate, readings)
    for _, iccids in jobs[MOST_REASONS:]:
        readings.put_off.update(iccids)
        for iccid in iccids:
            readings.seen.pop(iccid, None)


def _by_request(operations: Iterable[Operation]) -> dict[str, list[str]]:
    """The carrier's own id of a job or action -> the ICCIDs that it is about."""
    jobs: dict[str, list[str]] = {}
    for one in operations:
        if one.carrier_request is not None:
            jobs.setdefault(one.carrier_request, []).append(one.iccid)
    return jobs


def _pays(can: Capabilities, jobs: dict[str, list[str]], account_sims: int) -> bool:
    """Whether asking for the jobs takes no more requests than reading their SIMs."""
    singles = sum(len(iccids) for iccids in jobs.values())
    pages = listing_requests(can, account_sims) if can.page_size else singles
    return len(jobs) < singles and len(jobs) <= pages


def _follow(carrier: Following, jobs: dict[str, list[str]], gate: Gate, readings: Readings) -> None:
    """What an error leaves unasked is looked at in the next round."""
    try:
        for carrier_request, iccids in jobs.items():
            readings.requests += 1
            answers = carrier.follow(carrier_request, iccids, gate)
            readings.told |= {one.iccid: one for one in answers if one.kind is not AnswerKind.UNKNOWN}
    except CarrierError as error:
        readings.note(error)


def _fell_back(one: Operation, readings: Readings) -> bool:
    """Whether the SIM shows as if nothing had been asked for, although the carrier took the request."""
    sim = readings.seen.get(one.iccid)
    if sim is None or one.iccid in readings.told:
        return False
    return sim.state not in (*WANTED[one.action], SimState.ACTIVATING, SimState.UNKNOWN)
