"""What is read before a change: by pages or one by one, shared by all threads, and never older than it may be."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from carriers.contract import Gate, OpenGate, Order
from carriers.errors import CarrierError, NotSent, OutcomeUnknown, ReadFailed
from carriers.onence_inventory import ENOUGH_FAILURES, KEPT_SECONDS, Inventory, Listed, Present
from domain.lifecycle import Action, SimState, Stage

PER_PAGE = 100


class Account:
    """SIMs named by their numbers; the listing has them in order. Counts what is asked, and fails as told."""

    def __init__(self, count: int, *, last_page: int | None = None) -> None:
        self.count = count
        self.last_page = -(-count // PER_PAGE) if last_page is None else last_page
        self.pages: list[int] = []
        self.singles: list[str] = []
        self.now = 1000.0
        self.state = SimState.INACTIVE
        self.before_page: Callable[[int], None] = lambda _page: None
        self.inventory = Inventory(self.list_page, self.read, lambda: self.now)

    def present(self, number: int) -> Present:
        return Present(str(number), self.state, {"imei_lock": False})

    def list_page(self, page: int, gate: Gate) -> Listed:
        gate.wait_for_slot()
        self.pages.append(page)
        self.before_page(page)
        first = (page - 1) * PER_PAGE
        return Listed(tuple(map(self.present, range(first, min(first + PER_PAGE, self.count)))), self.last_page)

    def read(self, iccid: str, gate: Gate) -> Present | None:
        gate.wait_for_slot()
        self.singles.append(iccid)
        return self.present(int(iccid)) if int(iccid) < self.count else None

    def look_up(self, *numbers: int, gate: Gate | None = None, fails: Exception | None = None) -> set[int]:
        """Look these up for an activation; `fails` is what becomes of the request then. Those that were found."""
        orders = [Order(str(number), Action.ACTIVATE, Stage.CHANGE) for number in numbers]
        with self.inventory.looked_up(orders, gate or OpenGate()) as found:
            if fails:
                raise fails
            return {int(iccid) for iccid in found.present}


def broken(page: int) -> None:
    raise ReadFailed(f"page {page} brings nothing")


def no_slot(_page: int) -> None:
    raise NotSent("The lease ends.", 1.0)


def test_few_sims_are_read_without_a_page() -> None:
    account = Account(1000)
    assert account.look_up(1, 2, 3) == {1, 2, 3}
    assert (account.pages, account.singles) == ([], ["1", "2", "3"])


def test_the_pages_end_as_soon_as_every_sim_was_shown() -> None:
    account = Account(1000)
    assert len(account.look_up(*range(150))) == 150
    assert (account.pages, account.singles) == ([1, 2], [])


def test_pages_begin_to_pay_when_more_sims_were_looked_for_than_pages_are_left() -> None:
    account = Account(30_000)
    wanted = range(29_000, 29_500)
    for at in range(0, 500, 100):
        account.look_up(*wanted[at : at + 100])
    assert len(account.singles) == 200
    assert len(account.pages) <= 300


def test_a_listing_that_claims_to_be_endless_is_not_followed() -> None:
    account = Account(400, last_page=999_999_999)
    assert len(account.look_up(*range(200, 300))) == 100
    assert (account.pages, len(account.singles)) == ([1], 100)


def test_a_sim_that_no_page_shows_is_read_by_itself_before_it_counts_as_absent() -> None:
    account = Account(200)
    assert account.look_up(*range(190, 210)) == set(range(190, 200))
    assert account.singles == [str(number) for number in range(200, 210)]


def test_threads_share_the_pages_of_one_listing() -> None:
    account = Account(800)
    gate, together = OpenGate(), threading.Barrier(4, timeout=10)

    def four_at_once(page: int) -> None:
        if 1 < page <= 5:
            together.wait()

    account.before_page = four_at_once
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda at: account.look_up(*range(at, 800, 4), gate=gate), range(4)))
    assert sum(map(len, found)) == 800
    assert (sorted(account.pages), account.singles) == (list(range(1, 9)), [])


def test_a_page_that_could_not_leave_is_asked_for_in_the_next_lease_and_no_other_twice() -> None:
    account = Account(400)
    account.before_page = lambda page: no_slot(page) if page == 3 else None
    for _ in range(ENOUGH_FAILURES + 1):
        with pytest.raises(NotSent):
            account.look_up(*range(400))
    account.before_page = lambda _page: None
    assert len(account.look_up(*range(400))) == 400
    assert account.pages == [1, 2, *[3] * (ENOUGH_FAILURES + 1), 3, 4]


def test_a_page_that_goes_on_failing_leaves_the_rest_to_single_reads() -> None:
    account = Account(120)
    account.before_page = lambda page: broken(page) if page == 2 else None
    for _ in range(ENOUGH_FAILURES):
        with pytest.raises(NotSent) as not_sent:
            account.look_up(*range(120))
        assert not_sent.value.retry_after_seconds > 0
    assert len(account.look_up(*range(120))) == 120
    assert account.singles == [str(number) for number in range(100, 120)]


@pytest.mark.parametrize(("error", "again"), [(NotSent("429"), 0), (OutcomeUnknown("lost"), 1), (None, 1)])
def test_what_was_read_is_forgotten_with_its_request_unless_that_was_not_sent(
    error: CarrierError | None, again: int
) -> None:
    account, lease = Account(10), OpenGate()
    with contextlib.suppress(CarrierError):
        account.look_up(1, 2, 3, gate=lease, fails=error)
    account.look_up(1, 2, 3, gate=lease)
    assert (len(account.singles), len(account.pages)) == (3, again)


def test_what_was_read_long_ago_is_read_again() -> None:
    account = Account(10)
    with pytest.raises(NotSent):
        account.look_up(1, fails=NotSent("429"))
    account.now += KEPT_SECONDS + 1
    account.look_up(1)
    assert account.singles == ["1", "1"]


def test_a_sim_that_another_lease_saw_enabled_is_read_again() -> None:
    account, lease = Account(10), OpenGate()
    account.state = SimState.ACTIVE
    for _ in range(2):
        with pytest.raises(NotSent):
            account.look_up(1, gate=lease, fails=NotSent("429"))
    assert account.singles == ["1"]
    account.look_up(1, gate=OpenGate())
    assert account.singles == ["1", "1"]


def test_pages_of_an_ended_listing_are_asked_for_again_in_another_lease() -> None:
    account = Account(200)
    account.look_up(*range(200))
    account.look_up(*range(200))
    assert (account.pages, account.singles) == ([1, 2, 1, 2], [])
