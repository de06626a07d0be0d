"""What an account's SIMs are like just before they are changed: a change sends back what it must not alter.

A field that a change leaves out may fall back to its default (the IMEI lock has one in 1NCE's description: open), so
the lock and the label of each SIM are read first. Where many SIMs are changed, a page of the listing shows a hundred of
them at once; all threads share what it brought.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from carriers.contract import Gate, Order
from carriers.errors import NotSent, ReadFailed
from domain.lifecycle import Action, SimState

FEW = 3
"""So few SIMs are read one by one without a thought about pages; so many of a request may be unreadable."""
KEPT_SECONDS = 300.0
"""So long is what was read good enough to be sent back: who alters a lock by hand meanwhile finds it altered back."""
READ_AGAIN_SECONDS = 10.0
ENOUGH_FAILURES = 3
"""After so many pages that brought nothing the listing is left alone: what it cannot show can still be read singly."""


@dataclass(frozen=True, slots=True)
class Present:
    """One SIM of the account. `settings` must go back with a change; None where 1NCE does not tell all of them."""

    iccid: str
    state: SimState
    settings: Mapping[str, object] | None

    def ends(self, order: Order) -> bool:
        """Whether nothing is left to ask for. A disabled SIM may have an earlier change queued that will enable it."""
        return order.action is Action.ACTIVATE and self.state is SimState.ACTIVE


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the listing, and the number of the last page."""

    sims: tuple[Present, ...]
    last_page: int


@dataclass(frozen=True, slots=True)
class Found:
    """The SIMs of a request that are in the account, and those that gave no usable answer, each with a sentence."""

    present: dict[str, Present]
    unread: dict[str, str]


@dataclass(slots=True)
class _Pass:
    """One way through the listing: the pages that nobody has asked for yet, and for how many SIMs it would pay."""

    gate: Gate
    began_at: float
    ahead: range = range(1, 2)
    given_back: list[int] = field(default_factory=list)
    under_way: int = 0
    looked_for: int = 0
    failures: int = 0

    @property
    def left(self) -> int:
        """Pages that nobody has asked for."""
        return len(self.ahead) + len(self.given_back)

    @property
    def pays(self) -> bool:
        """Whether the pages left cost no more than single reads would.

        How many SIMs will be asked about is not known beforehand: going on as soon as no more pages are left than SIMs
        were looked for makes at most twice the least number of requests.
        """
        return FEW < self.looked_for >= self.left and self.failures < ENOUGH_FAILURES

    def next_page(self) -> int:
        """Take one of them."""
        if self.given_back:
            return self.given_back.pop()
        page, self.ahead = self.ahead[0], self.ahead[1:]
        return page


class Inventory:
    """Thread-safe. Asks for a SIM through `read`, which gives None for one that is not in the account."""

    def __init__(
        self,
        list_page: Callable[[int, Gate], Listed],
        read: Callable[[str, Gate], Present | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._list_page = list_page
        self._read = read
        self._clock = clock
        self._changed = threading.Condition()
        self._kept: dict[str, tuple[Present, Gate, float]] = {}
        self._pass: _Pass | None = None

    @contextmanager
    def looked_up(self, orders: Sequence[Order], gate: Gate) -> Iterator[Found]:
        """The SIMs of one request. Each is read anew for its next one, unless this one was not sent.

        Raises `NotSent` where they cannot be read, `CredentialsRefused`.
        """
        found = self._found(orders, gate)
        over = True
        try:
            yield found
        except NotSent:
            over = False
            raise
        finally:
            if over:
                self._forget(orders)

    def _found(self, orders: Sequence[Order], gate: Gate) -> Found:
        one = self._joined(orders, gate)
        try:
            while (page := self._next_page(one, orders, gate)) is not None:
                self._bring(one, page, gate)
            return self._one_by_one(orders, gate)
        except ReadFailed as error:
            raise NotSent(f"Nothing was changed: {error}", READ_AGAIN_SECONDS) from None

    def _joined(self, orders: Sequence[Order], gate: Gate) -> _Pass:
        """The pass that is on its way, or a new one: an old one tells nothing of what has changed since."""
        with self._changed:
            one, now = self._pass, self._clock()
            over = one is None or (one.gate is not gate and one.left + one.under_way == 0)
            if one is None or over or now - one.began_at > KEPT_SECONDS:
                one = self._pass = _Pass(gate, now)
                self._kept = {iccid: kept for iccid, kept in self._kept.items() if now - kept[2] <= KEPT_SECONDS}
            one.looked_for += len(self._missing(orders, gate))
            return one

    def _missing(self, orders: Sequence[Order], gate: Gate) -> list[Order]:
        return [order for order in orders if self._kept_of(order, gate) is None]

    def _kept_of(self, order: Order, gate: Gate) -> Present | None:
        """What was read lately; a state that would end the order counts only if it was read within this lease."""
        present, through, at = self._kept.get(order.iccid, (None, None, 0.0))
        if present is None or self._clock() - at > KEPT_SECONDS:
            return None
        return present if through is gate or not present.ends(order) else None

    def _next_page(self, one: _Pass, orders: Sequence[Order], gate: Gate) -> int | None:
        """A page that this thread must ask for; None when pages bring nothing more, or cost more than single reads."""
        with self._changed:
            while self._missing(orders, gate) and (one.left or one.under_way):
                if one.left and not one.pays:
                    break
                if one.left:
                    one.under_way += 1
                    return one.next_page()
                self._changed.wait()
            return None

    def _bring(self, one: _Pass, page: int, gate: Gate) -> None:
        """One page for everybody; where it brings nothing somebody else may ask for it."""
        listed = None
        try:
            listed = self._list_page(page, gate)
        except ReadFailed:
            one.failures += 1
            raise
        finally:
            with self._changed:
                one.under_way -= 1
                if listed is None:
                    one.given_back.append(page)
                else:
                    one.ahead = range(max(page + 1, one.ahead.start), max(listed.last_page + 1, one.ahead.stop))
                    self._keep(listed.sims, gate)
                self._changed.notify_all()

    def _keep(self, sims: Sequence[Present], gate: Gate) -> None:
        self._kept |= {sim.iccid: (sim, gate, self._clock()) for sim in sims}

    def _one_by_one(self, orders: Sequence[Order], gate: Gate) -> Found:
        """What no page has shown. A SIM that cannot be read holds up nobody else; several are the carrier's fault."""
        found = Found({}, {})
        for order in orders:
            try:
                sim = self._kept_of(order, gate) or self._read_one(order.iccid, gate)
            except ReadFailed as error:
                found.unread[order.iccid] = str(error)
                if len(found.unread) > FEW or len(found.unread) == len(orders):
                    raise
                continue
            if sim is not None:
                found.present[order.iccid] = sim
        return found

    def _read_one(self, iccid: str, gate: Gate) -> Present | None:
        sim = self._read(iccid, gate)
        with self._changed:
            self._keep([sim] if sim else [], gate)
        return sim

    def _forget(self, orders: Sequence[Order]) -> None:
        with self._changed:
            for order in orders:
                self._kept.pop(order.iccid, None)
