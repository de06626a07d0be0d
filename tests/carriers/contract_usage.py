"""What every adapter must tell of the usage of SIMs, where its carrier tells any."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from carriers.contract import Metering, Usage, UsageQuery, UsageScope, UsageUnit
from carriers.simulated.wire import Answer
from tests.carriers.contract_subject import GATE, Contract, World


class UsageContract(Contract):
    """The carrier is well, and is asked for usage."""

    def test_usage_is_told_in_bytes_and_only_for_what_was_asked(self, world: World) -> None:
        world.needs(world.can.usage is not UsageScope.NONE, "no usage")
        today = datetime.now(UTC).date()
        first = today.replace(day=1) if not world.can.usage_by_day else today - timedelta(days=2)
        reference = world.active()
        used = {today: 3_000_000, first: 1_000_000}
        for day, amount in used.items():
            world.server.carrier.fleet.put_usage(world.iccid, day, amount)
        world.server.carrier.fleet.put_usage(world.iccid, first - timedelta(days=1), 500_000)
        told = self._usage(world, first, today, reference)
        assert sum(usage.total_bytes for usage in told) == sum(used.values())
        if world.can.usage_by_day:
            assert {usage.first: usage.total_bytes for usage in told if usage.total_bytes} == used
            assert all(usage.first == usage.last for usage in told)

    def test_usage_is_written_in_the_unit_that_is_declared(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.needs(world.can.usage is not UsageScope.NONE, "no usage")
        today = datetime.now(UTC).date()
        reference = world.active()
        world.server.carrier.fleet.put_usage(world.iccid, today, 3_456_789)
        written: list[object] = []
        answer = world.server.carrier.answer
        monkeypatch.setattr(world.server.carrier, "answer", lambda asked: _kept(answer(asked), written))
        told = self._usage(world, today, today, reference)
        assert sum(usage.total_bytes for usage in told) == 3_456_789
        assert {unit for value in written if (unit := _unit_of(value, 3_456_789))} == {world.can.usage_unit}

    def _usage(self, world: World, first: date, last: date, reference: str | None) -> list[Usage]:
        assert isinstance(world.carrier, Metering)
        one = world.can.usage is UsageScope.SIM
        query = UsageQuery(first, last, world.iccid if one else None, reference if one else None)
        told: list[Usage] = []
        cursor: str | None = None
        for _ in range(50):
            page = world.carrier.usage(query, cursor, GATE)
            told += page.usages
            cursor = page.next_cursor
            if cursor is None:
                break
        assert cursor is None
        return [one for one in told if world.iccid == one.iccid or (one.carrier_reference or "") == reference]


def _kept(answer: Answer, written: list[object]) -> Answer:
    """The same answer; every value in it is noted."""
    written.extend(_values(answer.document))
    return answer


def _unit_of(value: object, used: int) -> UsageUnit | None:
    """The unit in which this value can be a good part of what was used; None for anything else."""
    if isinstance(value, int) and used // 10 <= value <= used:
        return UsageUnit.BYTES
    written = isinstance(value, float) or (isinstance(value, str) and re.fullmatch(r"[0-9]+\.[0-9]+", value))
    if not written or not used // 10 <= float(str(value)) * 1_000_000 <= used:
        return None
    return UsageUnit.MB_TEXT if isinstance(value, str) else UsageUnit.MB_NUMBER


def _values(document: object) -> Iterator[object]:
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else None
    if inner is None:
        yield document
        return
    for each in inner:
        yield from _values(each)
