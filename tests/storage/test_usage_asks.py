"""Who was asked for which days, and whose turn it is."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.usage import Days, Known, Wanted
from storage import usage_asks
from storage.database import Database
from storage.ledger import Lease
from storage.usage_asks import WHOLE_ACCOUNT, Turn
from tests.conftest import MovingClock
from tests.engine.metered import add_sims

MINE, THEIRS = Lease("mine", "worker-1", 90), Lease("theirs", "worker-2", 90)
FLEET = [f"8901410{number:012d}0" for number in range(4)]
BEGUN = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT = "kore"


def february(first: int, last: int) -> Days:
    """Days of February 2026."""
    return Days(date(2026, 2, first), date(2026, 2, last))


def wanted(days: Days, begun_at: datetime = BEGUN) -> Wanted:
    """Asked for by a run that begins then; what is 20 hours old is asked again."""
    return Wanted(days, begun_at, begun_at - timedelta(hours=20), reaches_back=True)


@pytest.fixture
def fleet(stocked: Database, moving_clock: MovingClock) -> Database:
    """Four SIMs that have been active since January."""
    add_sims(stocked, {iccid: iccid for iccid in FLEET}, first_activated_at=BEGUN - timedelta(days=50))
    return stocked


def due(database: Database, asked: Wanted, limit: int = 10) -> list[str]:
    """The SIMs that would be asked, in this order."""
    with database.read() as tx:
        found = [sim.iccid for sim in usage_asks.due(tx, ACCOUNT, asked, limit)]
        assert usage_asks.due_count(tx, ACCOUNT, asked) >= len(found)
    return found


def ask(database: Database, *numbers: str, days: Days, at: datetime = BEGUN, problem: str | None = None) -> None:
    with database.begin() as tx:
        usage_asks.record_asks(tx, ACCOUNT, days, at, dict.fromkeys(numbers, problem))


def test_a_turn_is_one_workers_until_its_lease_ends(stocked: Database, moving_clock: MovingClock) -> None:
    with stocked.begin() as tx:
        assert usage_asks.take_turn(tx, ACCOUNT, MINE) == Turn(moving_clock(), None, None, None, None, None, 0)
        assert usage_asks.take_turn(tx, ACCOUNT, THEIRS) is None
    moving_clock.move(91)
    with stocked.begin() as tx:
        assert usage_asks.take_turn(tx, ACCOUNT, THEIRS) is not None
        assert not usage_asks.hold(tx, ACCOUNT, MINE, cursor="9")
        usage_asks.give_back(tx, ACCOUNT, MINE, "")
        assert usage_asks.hold(tx, ACCOUNT, THEIRS, cursor="2")


def test_a_turn_that_is_held_on_to_lasts_longer(stocked: Database, moving_clock: MovingClock) -> None:
    with stocked.begin() as tx:
        usage_asks.take_turn(tx, ACCOUNT, MINE)
    moving_clock.move(80)
    with stocked.begin() as tx:
        assert usage_asks.hold(tx, ACCOUNT, MINE)
    moving_clock.move(80)
    with stocked.begin() as tx:
        assert usage_asks.take_turn(tx, ACCOUNT, THEIRS) is None


def test_a_listing_that_broke_off_is_told_to_whoever_comes_next(stocked: Database, moving_clock: MovingClock) -> None:
    days = february(22, 28)
    with stocked.begin() as tx:
        usage_asks.take_turn(tx, ACCOUNT, MINE)
        listing = {"first_day": days.first, "last_day": days.last, "begun_at": BEGUN, "cursor": "7"}
        usage_asks.hold(tx, ACCOUNT, MINE, **listing)
        usage_asks.give_back(tx, ACCOUNT, MINE, "the carrier is down")
    with stocked.begin() as tx:
        turn = usage_asks.take_turn(tx, ACCOUNT, THEIRS)
    assert turn is not None
    assert (turn.first, turn.last, turn.cursor, turn.ended_at) == (days.first, days.last, "7", None)
    assert turn.has_asked(wanted(february(23, 28)))
    assert not turn.has_asked(wanted(february(21, 28)))
    assert not turn.has_asked(wanted(days, BEGUN + timedelta(hours=21)))


def test_sims_that_were_never_asked_come_first_then_those_asked_longest_ago(fleet: Database) -> None:
    week = february(22, 28)
    ask(fleet, FLEET[0], days=week, at=BEGUN - timedelta(hours=30))
    ask(fleet, FLEET[1], days=week, at=BEGUN - timedelta(hours=40))
    ask(fleet, FLEET[2], days=week, at=BEGUN - timedelta(hours=1))
    assert due(fleet, wanted(week)) == [FLEET[3], FLEET[1], FLEET[0]]
    assert due(fleet, wanted(february(21, 28)), limit=2) == [FLEET[3], FLEET[1]]


def test_a_sim_that_could_not_be_read_is_asked_again_by_the_next_run_only(fleet: Database) -> None:
    week = february(22, 28)
    ask(fleet, *FLEET, days=week)
    ask(fleet, FLEET[2], days=week, problem="no answer")
    assert due(fleet, wanted(week)) == []
    assert due(fleet, wanted(week, BEGUN + timedelta(seconds=1))) == [FLEET[2]]


def test_a_sim_that_became_active_after_the_days_is_not_asked(fleet: Database) -> None:
    add_sims(fleet, {"89014100000000000990": None}, first_activated_at=datetime(2026, 3, 1, tzinfo=UTC))  # type: ignore[dict-item]
    assert due(fleet, wanted(february(22, 28))) == FLEET


def test_nights_that_follow_each_other_are_one_row_and_a_gap_stays_one(fleet: Database) -> None:
    for first, last in ((1, 7), (6, 8), (9, 9), (20, 21)):
        with fleet.begin() as tx:
            usage_asks.keep_known(tx, ACCOUNT, {FLEET[0]: Known(february(first, last), BEGUN)})
    with fleet.read() as tx:
        (known,) = usage_asks.known_of(tx, ACCOUNT, FLEET[0]).values()
        missing = list(usage_asks.missing(tx, ACCOUNT, february(1, 28)))
    assert [one.days for one in known] == [february(1, 9), february(20, 21)]
    assert missing[0].days == (february(10, 19), february(22, 28))
    assert [one.days for one in missing[1:]] == [(february(1, 28),)] * 3


def test_what_is_known_of_the_account_is_known_of_each_sim(fleet: Database) -> None:
    with fleet.begin() as tx:
        usage_asks.keep_known(tx, ACCOUNT, {WHOLE_ACCOUNT: Known(february(1, 27), BEGUN)})
        usage_asks.keep_known(tx, ACCOUNT, {FLEET[1]: Known(february(28, 28), BEGUN)})
        assert list(usage_asks.missing(tx, ACCOUNT, february(3, 27))) == []
        missing = [one.iccid for one in usage_asks.missing(tx, ACCOUNT, february(3, 28))]
    assert missing == [FLEET[0], *FLEET[2:]]


def test_days_before_a_sim_was_active_are_nothing_to_know(fleet: Database) -> None:
    late = "89014100000000000990"
    add_sims(fleet, {late: late}, first_activated_at=datetime(2026, 2, 26, 8, tzinfo=UTC))
    with fleet.begin() as tx:
        usage_asks.keep_known(tx, ACCOUNT, {late: Known(february(26, 28), BEGUN)})
        assert late not in [one.iccid for one in usage_asks.missing(tx, ACCOUNT, february(1, 28))]
