"""Collecting usage while carriers fail: what was read stays, what is not known is named, and the next run goes on."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from carriers.simulated.faults import Fault, Faults, RequestKind
from domain.usage import Days
from engine.usage_standing import sentences
from storage.database import Database
from tests.engine.metered import CARRIERS, Metered, days_ago, open_metered, today
from tests.engine.rig import iccids
from tests.engine.test_metering import wait_for_the_next_second

FLEET = iccids(12)
ASKED = frozenset({RequestKind.USAGE, RequestKind.LIST})
Open = Callable[..., Metered]


@pytest.fixture
def opened(stocked: Database, tmp_path: Path) -> Iterator[Open]:
    """A fleet at a carrier, each SIM with some usage, when a test names one."""
    with ExitStack() as stack:

        def start(carrier: str, numbers: list[str] = FLEET) -> Metered:
            metered = stack.enter_context(open_metered(carrier, stocked, tmp_path, numbers))
            day = today() if carrier == "telnyx" else days_ago(1)
            for iccid in numbers:
                metered.server.carrier.fleet.put_usage(iccid, day, 1_000)
            return metered

        yield start


def fail(metered: Metered, fault: Fault, **settings: object) -> None:
    metered.server.carrier.faults = Faults({fault: 1.0}, ASKED, **settings)  # type: ignore[arg-type]


def work(metered: Metered) -> None:
    metered.server.carrier.faults = Faults()


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize(
    "fault", [Fault.ERROR_500, Fault.LIMITED, Fault.TOKEN_EXPIRES, Fault.RESET, Fault.INVALID_JSON]
)
def test_a_fault_that_passes_loses_no_byte_and_doubles_none(opened: Open, carrier: str, fault: Fault) -> None:
    if (fault, carrier) == (Fault.LIMITED, "particle"):
        pytest.skip("Particle's 429 names no time, so each is waited for 30 s")
    metered = opened(carrier)
    fail(metered, fault, first=1)
    metered.collect()
    work(metered)
    wait_for_the_next_second(metered)
    metered.collect()
    assert metered.total() == 1_000 * len(FLEET)
    assert metered.standing().missing_count == 0


@pytest.mark.parametrize("carrier", ["supersim", "1nce", "soracom"])
def test_a_carrier_that_is_down_leaves_its_days_unknown_and_not_zero(opened: Open, carrier: str) -> None:
    metered = opened(carrier)
    fail(metered, Fault.ERROR_503)
    counts = metered.collect()
    assert counts.is_over
    assert "503" in counts.problem
    how = metered.standing()
    assert (how.missing_count, how.missing_day_count) == (len(FLEET), 7 * len(FLEET))
    (said, named) = sentences(how)
    assert "84 days of 12 SIMs are not known" in said
    assert FLEET[0] in named
    assert "and 7 more SIMs" in named


def test_a_listing_that_breaks_off_keeps_its_pages_and_goes_on_at_the_next(opened: Open) -> None:
    fleet = iccids(300)
    metered = opened("supersim", fleet)
    for iccid in fleet:
        for ago in range(2, 8):
            metered.server.carrier.fleet.put_usage(iccid, days_ago(ago), 10)
    fail_from_page(metered, 2)
    assert metered.collect().problem
    assert len(metered.kept()) == 1_000
    assert metered.standing().missing_count == 300
    work(metered)
    assert metered.collect().requests == 2
    assert metered.total() == 300 * (1_000 + 6 * 10)
    assert metered.standing().missing_count == 0


def test_sims_that_are_asked_one_by_one_are_asked_on_where_it_stopped(opened: Open) -> None:
    fleet = iccids(60)
    metered = opened("1nce", fleet)
    broken = frozenset(fleet[40:])
    metered.server.carrier.faults = Faults({Fault.ERROR_503: 1.0}, ASKED, iccids=broken)
    first = metered.collect()
    assert "503" in first.problem
    done = len(metered.kept())
    assert 0 < done <= 40
    work(metered)
    wait_for_the_next_second(metered)
    assert metered.collect().requests == 60 - done
    assert len(metered.kept()) == 60


def test_one_sim_that_cannot_be_read_is_named_and_holds_up_nobody(opened: Open) -> None:
    metered = opened("soracom")
    metered.server.carrier.faults = Faults({Fault.INVALID_JSON: 1.0}, ASKED, iccids=frozenset({FLEET[0]}))
    counts = metered.collect(Days(days_ago(1), days_ago(1)))
    assert (counts.unreadable, counts.problem) == (1, "")
    assert set(metered.kept()) == {(iccid, days_ago(1)) for iccid in FLEET[1:]}
    (missing,) = metered.standing(Days(days_ago(1), days_ago(1))).missing
    assert missing.iccid == FLEET[0]
    assert "JSON" in str(missing.problem)


def fail_from_page(metered: Metered, number: int) -> None:
    """From this page of the listing on every request fails."""
    first = len(metered.requests()) + number

    class Later(Faults):
        """The same, from the n-th request on."""

        def decide(self, kind: RequestKind, iccid: str, nth: int) -> Fault | None:  # noqa: ARG002
            return Fault.ERROR_503 if kind in ASKED and len(metered.requests()) + 1 >= first else None

    metered.server.carrier.faults = Later()
