"""A corrected file with three new rows, dropped under its old name: what is known, what is new, what is asked for."""

import csv
import json
from typing import Any

import pytest

from carriers.simulated.faults import RequestKind
from carriers.simulated.log import changing_requests, effect_counts
from carriers.simulated.server import SimulatedCarrierServer
from domain.lifecycle import Step
from engine.draining import follow
from engine.invariants import CarrierLog, violations
from engine.receipts import refresh_receipts
from tests.engine.rig import ACCOUNT, Rig, iccids

HEADER = "iccid,registration_code"
GOOD, CORRECTED, NEW = iccids(3), iccids(2, first=3), iccids(3, first=5)
MISTYPED = CORRECTED[0][:-1] + str((int(CORRECTED[0][-1]) + 1) % 10)


def rows(numbers: list[str]) -> list[str]:
    return [f"{number},code-{number}" for number in numbers]


FIRST = "\n".join([HEADER, *rows(GOOD), f"{MISTYPED},code-{CORRECTED[0]}", f"{CORRECTED[1]},", ""])
"""Three good rows, a digit that is mistyped, a registration code that is missing."""
SECOND = "\n".join([HEADER, *rows(GOOD), *rows(CORRECTED), *rows(NEW), ""])


def until_done(rig: Rig, count: int) -> None:
    follow(rig.context, at_most_seconds=30, is_over=lambda: rig.steps() == {Step.DONE: count})
    assert rig.steps() == {Step.DONE: count}
    refresh_receipts(rig.context)


def receipt(rig: Rig, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((rig.folder / "drop" / "processed" / f"{name}.receipt.json").read_text())
    return content


def outcomes(rig: Rig, name: str) -> dict[str, str]:
    """ICCID -> outcome, as the CSV beside the file has it."""
    path = rig.folder / "drop" / "processed" / f"{name}.outcomes.csv"
    with path.open(newline="", encoding="utf-8-sig") as file:
        return {row["iccid"]: row["outcome"] for row in csv.DictReader(file) if row["iccid"]}


@pytest.mark.parametrize("first_has_ended", [True, False])
def test_a_corrected_file_with_three_new_rows_activates_those_and_the_corrected_ones_once(
    rig: Rig, server: SimulatedCarrierServer, first_has_ended: bool
) -> None:
    first = rig.take_in("order.csv", FIRST)
    assert (first.counts.accepted, first.counts.rejected) == (3, 2)
    if first_has_ended:
        until_done(rig, 3)
    second = rig.take_in("order.csv", SECOND)
    assert second.manifest_id != first.manifest_id
    until_done(rig, 8)

    expected = {"lines": 9, "ignored": 1, "accepted": 5, "rejected": 0, "duplicate": 0, "known": 3}
    assert receipt(rig, "order.csv.2")["counts"] == expected
    assert receipt(rig, "order.csv.2")["steps"] == {"done": 5}
    assert outcomes(rig, "order.csv.2") == dict.fromkeys(GOOD, "known") | dict.fromkeys([*CORRECTED, *NEW], "done")
    assert receipt(rig, "order.csv")["counts"] == expected | {"lines": 6, "accepted": 3, "rejected": 2, "known": 0}
    assert receipt(rig, "order.csv")["steps"] == {"done": 3}
    assert (rig.folder / "drop" / "processed" / "order.csv").read_text() == FIRST
    assert (rig.folder / "drop" / "processed" / "order.csv.2").read_text() == SECOND

    entries = server.carrier.log.entries()
    kinds = (RequestKind.CLAIM, RequestKind.ACTIVATE)
    assert effect_counts(entries) == {(number, kind): 1 for number in (*GOOD, *CORRECTED, *NEW) for kind in kinds}
    assert len(changing_requests(entries)) == 2 * 8
    assert violations(rig.context, [CarrierLog(ACCOUNT, entries)]) == []


def test_the_corrected_file_once_more_brings_nothing_new(rig: Rig, server: SimulatedCarrierServer) -> None:
    rig.take_in("order.csv", FIRST)
    rig.take_in("order.csv", SECOND)
    until_done(rig, 8)
    before = len(server.carrier.log.entries())
    again = rig.take_in("order.csv", SECOND)
    assert (again.counts.known, again.counts.accepted) == (8, 0)
    until_done(rig, 8)
    assert len(server.carrier.log.entries()) == before
