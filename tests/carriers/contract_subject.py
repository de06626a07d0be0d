"""The carriers under the contract: what one is like, and the world of one test.

A test that asks for what a carrier does not offer is skipped with the capability that it lacks.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import ClassVar

import pytest
from stdnum import luhn

from carriers.contract import (
    Answer,
    AnswerKind,
    Capabilities,
    Carrier,
    CarrierAccount,
    CarrierSim,
    OpenGate,
    Order,
    SimQuery,
)
from carriers.errors import NotSent, ReadFailed
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.log import changing_requests, effect_counts
from carriers.simulated.registry import simulation_of
from carriers.simulated.server import SimulatedCarrierServer
from domain.lifecycle import Action, SimState, Stage
from tests.carriers.conftest import Simulate

Reach = Callable[[SimulatedCarrierServer], str]

GATE = OpenGate()
UNDER_WAY = (AnswerKind.ACCEPTED, AnswerKind.QUEUED, AnswerKind.DONE)
FRESH = (SimState.INACTIVE, SimState.READY)
"""In the account, and never activated: at some carriers such a SIM connects all the same."""
NOT_ACTIVE = (*FRESH, SimState.DEACTIVATED)
GONE = (SimState.ABSENT, SimState.RELEASED)


def code_of(iccid: str) -> str:
    """The registration code of a SIM in these tests."""
    return f"C0DE{iccid}"


@dataclass(frozen=True)
class Subject:
    """What one carrier's SIMs and answers are like, as far as its capabilities do not say it."""

    carrier: str
    issuer: str  # first digits of its ICCIDs
    plan: str | None = None  # the carrier's id of a plan
    other_plan: str | None = None
    home_country: str = "DE"
    shows_plan: bool = True  # a read says which plan the SIM has
    shows_change: bool = True  # a read says that a change is under way
    answers_with_state: bool = True  # the answer to a change shows the SIM's status word
    answers_with_body: bool = True  # the answer to a change has a body at all
    renews_tokens: bool = True  # its login gives tokens that expire
    digits: int = 19  # of an ICCID with its check digit
    marks: Mapping[str, str] = field(default_factory=dict)  # credentials to look for, where they must have a form
    descriptions: tuple[str, ...] = ()  # files of `specifications`: the carrier's own description of its API
    base: str = ""  # what its addresses have before the paths of that
    around: tuple[str, ...] = ()  # paths that it lacks: where tokens are given
    shown: Mapping[str, str] = field(default_factory=dict)  # the credentials that it knows, where ours are others

    def iccid(self, number: int) -> str:
        """One of its ICCIDs."""
        body = f"{self.issuer}{number:0{self.digits - 1 - len(self.issuer)}d}"
        return body + luhn.calc_check_digit(body)


@dataclass
class World:
    """An adapter and the simulated carrier behind it."""

    subject: Subject
    server: SimulatedCarrierServer
    carrier: Carrier
    account: CarrierAccount
    turn: int = 0  # requests of each kind name other SIMs in another turn

    @property
    def can(self) -> Capabilities:
        return self.carrier.capabilities

    @property
    def iccid(self) -> str:
        return self.subject.iccid(1)

    @property
    def others(self) -> str:
        """Somebody else's SIM."""
        return self.subject.iccid(2)

    @property
    def unknown(self) -> str:
        """A SIM that the carrier has not made."""
        return self.subject.iccid(3)

    def needs(self, capability: object, name: str) -> None:
        """Skip the test where the carrier does not offer that."""
        if not capability:
            pytest.skip(f"{self.subject.carrier}: {name}")

    def fails(self, fault: Fault, *kinds: RequestKind, **settings: object) -> None:
        """From now on every such request meets this fault."""
        self.server.carrier.faults = replace(Faults({fault: 1.0}, frozenset(kinds)), **settings)  # type: ignore[arg-type]

    def works(self) -> None:
        self.server.carrier.faults = Faults()

    def hurries(self, timeout_seconds: float) -> None:
        """From now on an adapter asks that waits so long for an answer, and is logged in."""
        self.carrier.close()
        self.carrier = open_carrier(replace(self.account, timeout_seconds=timeout_seconds))
        for _ in range(10):  # on a busy machine even a good answer can take longer than that
            with suppress(ReadFailed, NotSent):
                self.carrier.check()
                return
        raise AssertionError(f"no answer came within {timeout_seconds} s")

    def claim(self, iccid: str | None = None, code: str | None = None) -> Answer:
        return self.submit([self.claim_of(iccid or self.iccid, code)])[0]

    def claim_of(self, iccid: str, code: str | None = None) -> Order:
        return replace(self.order(Action.ACTIVATE, iccid), stage=Stage.CLAIM, registration_code=code or code_of(iccid))

    def order(self, action: Action, iccid: str, reference: str | None = None) -> Order:
        return Order(iccid, action, Stage.CHANGE, reference, self.subject.plan, self.subject.home_country)

    def own(self, iccid: str | None = None) -> str | None:
        """Have the SIM ready for its activation by this carrier's way; the carrier's reference of it."""
        iccid = iccid or self.iccid
        if self.can.claims:
            return self.claim(iccid).carrier_reference
        if self.can.imports:
            return None
        return self.server.carrier.fleet.put(iccid, SimState.INACTIVE, self.subject.plan).reference

    def change(self, action: Action, reference: str | None, iccid: str | None = None) -> Answer:
        return self.submit([self.order(action, iccid or self.iccid, reference)])[0]

    def activate(self) -> Answer:
        return self.change(Action.ACTIVATE, self.own())

    def active(self) -> str | None:
        """Have the SIM active; the carrier's reference of it."""
        reference = self.own()
        self.change(Action.ACTIVATE, reference)
        sim = self.settled(SimState.ACTIVE)
        return sim.carrier_reference or reference

    def submit(self, orders: Sequence[Order]) -> Sequence[Answer]:
        return self.carrier.submit(orders, GATE)

    def read(self, iccid: str | None = None) -> CarrierSim:
        return self.carrier.read(iccid or self.iccid, GATE)

    def settled(self, *states: SimState, iccid: str | None = None) -> CarrierSim:
        """The SIM once it has one of these states; gives up after 5 s."""
        until = time.monotonic() + 5
        while (sim := self.read(iccid)).state not in states and time.monotonic() < until:
            time.sleep(0.02)
        return sim

    def listed(self, query: SimQuery | None = None, most_pages: int = 50) -> list[CarrierSim]:
        sims: list[CarrierSim] = []
        cursor: str | None = None
        for _ in range(most_pages):
            page = self.carrier.page(query or SimQuery(), cursor, GATE)
            sims += page.sims
            cursor = page.next_cursor
            if cursor is None:
                return sims
        raise AssertionError(f"the listing did not end within {most_pages} pages")

    def effects(self, kind: RequestKind, iccid: str | None = None) -> int:
        self.server.carrier.settle()
        return effect_counts(self.server.carrier.log.entries())[iccid or self.iccid, kind]

    def requests(self, *kinds: RequestKind) -> int:
        """How many requests of these kinds have arrived."""
        return sum(bool(entry.method) and entry.kind in kinds for entry in self.server.carrier.log.entries())

    def changing_requests(self) -> int:
        return len(changing_requests(self.server.carrier.log.entries()))


class Contract:
    """Subclasses set `subject`, and `account` where the address and the usual credentials are not enough."""

    subject: ClassVar[Subject]
    options = Options(activation_seconds=0.05)
    timeout_seconds = 5.0

    def account(self, url: str) -> CarrierAccount:
        """How to reach the simulated carrier at this address."""
        carrier = self.subject.carrier
        credentials = dict(simulation_of(carrier).credentials)
        return CarrierAccount("test", carrier, url, self.account_options(url), credentials, self.timeout_seconds)

    def account_options(self, url: str) -> dict[str, str]:  # noqa: ARG002
        """What else the adapter must know."""
        return {}

    @pytest.fixture
    def server(self, simulate: Simulate) -> SimulatedCarrierServer:
        return simulate(self.options, carrier=self.subject.carrier)

    @pytest.fixture
    def reach(self) -> Reach:
        """Where the adapter finds a carrier."""
        return lambda server: server.url

    @pytest.fixture
    def address(self, server: SimulatedCarrierServer, reach: Reach) -> str:
        return reach(server)

    @pytest.fixture
    def world(self, server: SimulatedCarrierServer, address: str) -> Iterator[World]:
        account = self.account(address)
        world = World(self.subject, server, open_carrier(account), account)
        server.carrier.fleet.add_card(world.iccid, code_of(world.iccid))
        server.carrier.fleet.add_card(world.others, code_of(world.others), others=True)
        yield world
        world.carrier.close()
