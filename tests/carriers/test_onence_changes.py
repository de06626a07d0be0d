"""What a change at the simulated 1NCE reads first, what it costs, and what it leaves alone."""

import contextlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from carriers.contract import AnswerKind, OpenGate, Order
from carriers.errors import NotSent
from carriers.simulated.faults import Fault, RequestKind
from carriers.simulated.onence import OneNceDialect
from domain.lifecycle import Action, SimState
from tests.carriers.contract_suite import World
from tests.carriers.test_onence import OfOneNce, order


class TestChanges(OfOneNce):
    """What a change reads first, what it costs, and what it leaves alone."""

    def sims(self, world: World, count: int, *, of: int | None = None) -> list[str]:
        """So many SIMs of an account that holds `of`, spread over it, each with a label, every third one locked."""
        iccids = [world.subject.iccid(number) for number in range(100, 100 + (of or count))]
        for at, iccid in enumerate(iccids):
            world.server.carrier.fleet.put(iccid, SimState.INACTIVE, None)
            self.dialect(world).locks[iccid] = at % 3 == 0
            self.dialect(world).labels[iccid] = f"DX-{at}"
        step = len(iccids) // count
        return iccids[step - 1 :: step][:count]

    def dialect(self, world: World) -> OneNceDialect:
        dialect = world.server.carrier.dialect
        assert isinstance(dialect, OneNceDialect)
        return dialect

    def kinds(self, world: World) -> list[RequestKind]:
        """What was asked for, without tokens."""
        kinds = [entry.kind for entry in world.server.carrier.log.entries()]
        return [kind for kind in kinds if kind is not RequestKind.TOKEN]

    def orders(self, iccids: list[str]) -> list[Order]:
        return [order(iccid) for iccid in iccids]

    @pytest.mark.parametrize("count", [1, 2, 40])
    def test_locks_and_labels_are_as_they_were(self, world: World, count: int) -> None:
        iccids = self.sims(world, count)
        before = dict(self.dialect(world).locks), dict(self.dialect(world).labels)
        world.submit(self.orders(iccids))
        world.submit([order(iccid, Action.DEACTIVATE) for iccid in iccids])
        assert (self.dialect(world).locks, self.dialect(world).labels) == before
        assert world.changing_requests() == 2

    def test_a_few_sims_of_a_large_account_are_read_by_themselves(self, world: World) -> None:
        world.submit(self.orders(self.sims(world, 20, of=4_000)))
        assert Counter(self.kinds(world)) == {RequestKind.LIST: 1, RequestKind.READ: 20, RequestKind.ACTIVATE: 1}

    def test_many_requests_share_the_pages_of_one_listing(self, world: World) -> None:
        iccids = self.sims(world, 400, of=500)
        requests = [self.orders(iccids[at : at + 100]) for at in range(0, 400, 100)]
        gate = OpenGate()
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda orders: world.carrier.submit(orders, gate), requests))
        assert {answer.kind for some in answers for answer in some} == {AnswerKind.QUEUED}
        sent = Counter(self.kinds(world))
        assert sent.keys() == {RequestKind.LIST, RequestKind.ACTIVATE}
        assert sent[RequestKind.ACTIVATE] == 4
        assert 4 <= sent[RequestKind.LIST] <= 5  # the fifth page is read unless all were found before

    def test_a_state_read_for_another_lease_does_not_end_an_order(self, world: World) -> None:
        iccids = self.sims(world, 8)
        for iccid in iccids:
            world.server.carrier.fleet.put(iccid, SimState.ACTIVE, None)
        first, second = OpenGate(), OpenGate()
        world.fails(Fault.LIMITED_SILENT, RequestKind.DEACTIVATE)
        with pytest.raises(NotSent):
            world.carrier.submit([order(iccid, Action.DEACTIVATE) for iccid in iccids], first)
        for iccid in iccids:
            world.server.carrier.fleet.put(iccid, SimState.INACTIVE, None)
        world.works()
        answers = world.carrier.submit(self.orders(iccids), second)
        assert {answer.kind for answer in answers} == {AnswerKind.QUEUED}

    def test_what_was_read_for_a_request_that_was_not_sent_is_not_read_again(self, world: World) -> None:
        orders = self.orders(self.sims(world, 60))
        world.fails(Fault.LIMITED_SILENT, RequestKind.ACTIVATE)
        with pytest.raises(NotSent):
            world.carrier.submit(orders, OpenGate())
        world.works()
        assert {answer.kind for answer in world.carrier.submit(orders, OpenGate())} == {AnswerKind.QUEUED}
        assert self.kinds(world) == [RequestKind.LIST, RequestKind.ACTIVATE, RequestKind.ACTIVATE]

    def test_what_was_read_for_a_request_that_was_sent_is_read_again_for_the_next(self, world: World) -> None:
        iccids = self.sims(world, 60)
        world.submit(self.orders(iccids))
        world.settled(SimState.ACTIVE, iccid=iccids[-1])
        self.dialect(world).locks[iccids[1]] = True
        world.submit([order(iccid, Action.DEACTIVATE) for iccid in iccids])
        assert self.dialect(world).locks[iccids[1]]

    def test_a_listing_that_fails_means_that_nothing_was_sent(self, world: World) -> None:
        iccids = self.sims(world, 8)
        world.fails(Fault.ERROR_500, RequestKind.LIST)
        with pytest.raises(NotSent) as not_sent:
            world.submit(self.orders(iccids))
        assert not_sent.value.retry_after_seconds >= 10
        assert world.changing_requests() == 0

    def test_a_listing_that_goes_on_failing_leaves_the_single_reads(self, world: World) -> None:
        iccids = self.sims(world, 8)
        world.fails(Fault.INVALID_JSON, RequestKind.LIST)
        for _ in range(3):
            with pytest.raises(NotSent):
                world.submit(self.orders(iccids))
        assert {answer.kind for answer in world.submit(self.orders(iccids))} == {AnswerKind.QUEUED}

    def test_a_page_that_loses_sims_loses_no_order(self, world: World) -> None:
        iccids = self.sims(world, 40)
        world.fails(Fault.PAGE_LOSES)
        assert {answer.kind for answer in world.submit(self.orders(iccids))} == {AnswerKind.QUEUED}
        assert all(self.dialect(world).locks[iccid] is (at % 3 == 0) for at, iccid in enumerate(iccids))

    def test_one_sim_that_cannot_be_read_holds_up_no_other(self, world: World) -> None:
        iccids = self.sims(world, 3)
        world.fails(Fault.INVALID_JSON, RequestKind.READ, iccids=frozenset(iccids[:1]))
        answers = world.submit(self.orders(iccids))
        assert [answer.kind for answer in answers] == [AnswerKind.UNKNOWN, AnswerKind.QUEUED, AnswerKind.QUEUED]
        assert world.effects(RequestKind.ACTIVATE, iccids[0]) == 0

    def test_a_refused_request_of_many_is_halved_until_one_sim_alone_is_refused(self, world: World) -> None:
        iccids = self.sims(world, 8)
        bad = iccids[5]
        self.dialect(world).refused.add(bad)
        answers, rounds = self._asked_until_answered(world, self.orders(iccids))
        assert {iccid for iccid, kind in answers.items() if kind is AnswerKind.REJECTED} == {bad}
        assert len(answers) == 8
        assert rounds == 4
        assert {world.effects(RequestKind.ACTIVATE, iccid) for iccid in iccids if iccid != bad} == {1}
        assert world.carrier.batch_of(order(bad)) == world.carrier.batch_of(order(iccids[0]))

    def _asked_until_answered(self, world: World, left: list[Order]) -> tuple[dict[str, AnswerKind], int]:
        """Ask as the engine does: orders of one batch together, those that were not sent again."""
        answers: dict[str, AnswerKind] = {}
        rounds = 0
        while left and rounds < 10:
            rounds += 1
            for word in sorted({world.carrier.batch_of(one) for one in left}):
                group = [one for one in left if world.carrier.batch_of(one) == word]
                with contextlib.suppress(NotSent):
                    answers |= {answer.iccid: answer.kind for answer in world.carrier.submit(group, OpenGate())}
            left = [one for one in left if one.iccid not in answers]
        return answers, rounds
