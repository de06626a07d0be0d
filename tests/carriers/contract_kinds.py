"""A request of each kind that a carrier offers, ready to be made: a test of the contract walks over them all.

A change names as many SIMs as one request of the carrier can, three at most, each kind SIMs of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from carriers.contract import Answer, Following, Gate, Metering, Order, SimQuery, UsagePage, UsageQuery, UsageScope
from carriers.errors import CarrierError
from carriers.simulated.faults import CHANGES, RequestKind
from domain.lifecycle import Action, SimState, Stage
from tests.carriers.contract_subject import GATE, World, code_of

QUESTIONS = (RequestKind.READ, RequestKind.LIST, RequestKind.USAGE, RequestKind.FOLLOW)
MOST_SIMS = 3
FIRST_NUMBER = {kind: 1_000 + 10 * at for at, kind in enumerate(RequestKind)}


@dataclass(frozen=True)
class Ready:
    """One request. `kinds`: what the carrier's log may call it; a usage can be told by a listing."""

    name: str
    kinds: tuple[RequestKind, ...]
    make: Callable[[Gate], object]
    iccids: tuple[str, ...] = ()


def changes(world: World) -> list[Ready]:
    """A claim, an activation, a deactivation, a release: as far as the carrier offers them."""
    return [_change(world, kind) for kind in RequestKind if kind in CHANGES and _offers(world, kind)]


def questions(world: World) -> list[Ready]:
    """A SIM, a page, usage, and a job or an action that was begun, as far as the carrier offers them."""
    return list(_questions(world))


def outcomes(ready: Sequence[Ready]) -> dict[str, object]:
    """What came of each request, by its name; all are made at one moment, and an error is an outcome."""
    with ThreadPoolExecutor(len(ready)) as threads:
        made = {one.name: threads.submit(_outcome, one) for one in ready}
    return {name: future.result() for name, future in made.items()}


def _outcome(one: Ready) -> object:
    try:
        return one.make(GATE)
    except CarrierError as error:
        return error


def _offers(world: World, kind: RequestKind) -> bool:
    wanted = {RequestKind.DEACTIVATE: SimState.DEACTIVATED, RequestKind.RELEASE: SimState.RELEASED}
    return world.can.claims if kind is RequestKind.CLAIM else wanted.get(kind, SimState.ACTIVE) in world.can.states


def _change(world: World, kind: RequestKind) -> Ready:
    orders = _orders(world, kind)
    return Ready(kind, (kind,), lambda gate: world.carrier.submit(orders, gate), tuple(one.iccid for one in orders))


def _orders(world: World, kind: RequestKind) -> list[Order]:
    """Orders that are in order: SIMs to be claimed wait for it, the others are there in the state that they leave."""
    stage = Stage.CLAIM if kind is RequestKind.CLAIM else Stage.CHANGE
    action = Action.ACTIVATE if kind is RequestKind.CLAIM else Action(kind)
    count = min(world.can.at_most(stage, action), MOST_SIMS)
    iccids = [world.subject.iccid(FIRST_NUMBER[kind] + 100 * world.turn + number) for number in range(count)]
    for iccid in iccids:
        world.server.carrier.fleet.add_card(iccid, code_of(iccid))
    if stage is Stage.CLAIM:
        return [world.claim_of(iccid) for iccid in iccids]
    return [world.order(action, iccid, _placed(world, action, iccid)) for iccid in iccids]


def _placed(world: World, action: Action, iccid: str) -> str | None:
    """Have the SIM in the account; the carrier's reference of it. An import finds it outside."""
    if action is Action.ACTIVATE and world.can.imports:
        return None
    state = SimState.INACTIVE if action is Action.ACTIVATE else SimState.ACTIVE
    return world.server.carrier.fleet.put(iccid, state, world.subject.plan).reference


def _questions(world: World) -> Iterator[Ready]:
    iccid = world.subject.iccid(FIRST_NUMBER[RequestKind.READ])
    reference = world.server.carrier.fleet.put(iccid, SimState.ACTIVE, world.subject.plan).reference
    yield Ready("read", (RequestKind.READ,), lambda gate: world.carrier.read(iccid, gate))
    if world.can.page_size:
        yield Ready("page", (RequestKind.LIST,), lambda gate: world.carrier.page(SimQuery(), None, gate))
    if world.can.usage is not UsageScope.NONE:
        today, one = datetime.now(UTC).date(), world.can.usage is UsageScope.SIM
        query = UsageQuery(today, today, iccid if one else None, reference if one else None)
        yield Ready("usage", (RequestKind.USAGE, RequestKind.LIST), partial(_usage, world, query))
    if world.can.follows:
        yield Ready("follow", (RequestKind.FOLLOW,), partial(_follow, world, *_begun(world)))


def _usage(world: World, query: UsageQuery, gate: Gate) -> UsagePage:
    assert isinstance(world.carrier, Metering)
    return world.carrier.usage(query, None, gate)


def _follow(world: World, job: str, iccids: Sequence[str], gate: Gate) -> Sequence[Answer]:
    assert isinstance(world.carrier, Following)
    return world.carrier.follow(job, iccids, gate)


def _begun(world: World) -> tuple[str, tuple[str, ...]]:
    """A job or an action that was begun and has ended, and its SIMs."""
    count = min(world.can.at_most(Stage.CHANGE), MOST_SIMS)
    iccids = tuple(world.subject.iccid(FIRST_NUMBER[RequestKind.FOLLOW] + number) for number in range(count))
    orders = [world.order(Action.ACTIVATE, iccid, _placed(world, Action.ACTIVATE, iccid)) for iccid in iccids]
    answers: Sequence[Answer] = world.submit(orders)
    world.settled(SimState.ACTIVE, iccid=iccids[-1])
    return str(answers[0].carrier_request), iccids
