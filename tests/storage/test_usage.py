"""Usage in the database: the newest word counts in whatever order words arrive, and no byte is lost or doubled."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.usage import Days, Reading
from storage import usage
from storage.database import Database, Transaction
from storage.usage import DayUse

DAY = date(2024, 2, 29)
AFTER = datetime(2024, 3, 5, tzinfo=UTC)
NUMBERS = count()
words = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), min_size=1, max_size=8)  # (when, bytes)


def told(iccid: str, hours: int, total: int, **more: object) -> DayUse:
    """A word about the leap day, so many hours after it was over for good."""
    return DayUse(iccid, DAY, "tracker", total, AFTER + timedelta(hours=hours), **more)  # type: ignore[arg-type]


def now(tx: Transaction, iccid: str) -> tuple[int, datetime]:
    """The word that counts."""
    (row,) = usage.of_sim(tx, iccid, Days(DAY, DAY))
    return row.total_bytes, row.as_of


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words, st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_newest_word_counts_in_whatever_order_words_arrive(
    database: Database, said: list[tuple[int, int]], random: object, batch: int
) -> None:
    iccid = f"89{next(NUMBERS):018d}"
    arrived = list(said)
    random.shuffle(arrived)  # type: ignore[attr-defined]
    for at in range(0, len(arrived), batch):
        with database.begin() as tx:
            usage.keep(tx, "kore", [told(iccid, *word) for word in arrived[at : at + batch]])
    hours, total = max(said)
    with database.read() as tx:
        assert now(tx, iccid) == (total, AFTER + timedelta(hours=hours))
        before = {total for _, _, total in usage.restatements(tx, iccid, Days(DAY, DAY))}
        assert usage.of_account(tx, "kore", Days(DAY, DAY)).total_bytes >= total
    assert before <= {total for _, total in said}
    if batch == 1:
        assert before | {total} == {total for _, total in said}


def test_the_same_word_twice_changes_nothing(database: Database) -> None:
    for _ in range(2):
        with database.begin() as tx:
            assert usage.keep(tx, "kore", [told("8901", 1, 10), told("8902", 1, 20)]) == 0
    with database.read() as tx:
        assert usage.of_account(tx, "kore", Days(DAY, DAY)).total_bytes == 30


def test_a_day_that_was_not_over_had_no_last_word_to_restate(database: Database) -> None:
    with database.begin() as tx:
        usage.keep(tx, "kore", [DayUse("8901", DAY, "tracker", 5, datetime(2024, 2, 29, 12, tzinfo=UTC))])
        assert usage.keep(tx, "kore", [told("8901", 1, 10)]) == 0
        assert usage.keep(tx, "kore", [told("8901", 2, 11)]) == 1
        assert [total for _, _, total in usage.restatements(tx, "8901", Days(DAY, DAY))] == [10]


def test_two_carrier_accounts_tell_of_the_same_sim_side_by_side(database: Database) -> None:
    with database.begin() as tx:
        usage.keep(tx, "kore", [told("8901", 1, 10)])
        usage.keep(tx, "other", [told("8901", 2, 5)])
        (day,) = usage.of_product(tx, "tracker", Days(DAY, DAY))
    assert day.total_bytes == 15


def test_a_word_about_a_known_day_leaves_its_product(database: Database) -> None:
    with database.begin() as tx:
        usage.keep(tx, "kore", [told("8901", 1, 10)])
        usage.keep(tx, "kore", [told("8901", 2, 12)._replace(product_id="scooter")])
        assert [(day.sim_count, day.total_bytes) for day in usage.of_product(tx, "tracker", Days(DAY, DAY))] == [
            (1, 12)
        ]
        assert usage.of_product(tx, "scooter", Days(DAY, DAY)) == []


def test_parts_of_sums_add_to_their_day(database: Database) -> None:
    with database.begin() as tx:
        usage.add_derived(tx, "kore", [told("8901", 1, 10, is_derived=True)])
        usage.add_derived(tx, "kore", [told("8901", 2, 4, is_derived=True), told("8902", 2, 1, is_derived=True)])
        (day,) = usage.of_product(tx, "tracker", Days(DAY, DAY))
    assert (day.total_bytes, day.sim_count, day.derived_count) == (15, 2, 2)


def test_the_newest_reading_takes_the_place_of_the_one_before(database: Database) -> None:
    first, second = (Reading(DAY.replace(day=1), total, AFTER + timedelta(hours=total)) for total in (1, 2))
    with database.begin() as tx:
        usage.keep_readings(tx, "kore", {"8901": first})
        usage.keep_readings(tx, "kore", {"8901": second})
        assert usage.readings(tx, "kore", ["8901", "8902"]) == {"8901": second}
        assert usage.readings(tx, "other", ["8901"]) == {}


def test_bytes_past_four_billion_and_a_day_before_1970_come_back_as_they_were(database: Database) -> None:
    old = DayUse("8901", date(1969, 12, 31), "tracker", 10**13, datetime(1970, 1, 2, tzinfo=UTC))
    with database.begin() as tx:
        usage.keep(tx, "kore", [old])
        assert usage.of_sim(tx, "8901", Days(old.day, old.day)) == [old]


@pytest.mark.parametrize(
    ("read", "index"),
    [
        (lambda tx: usage.of_sim(tx, "8901", Days(DAY, DAY)), ("usage_days USING PRIMARY KEY", "pk_usage_days")),
        (lambda tx: usage.of_product(tx, "tracker", Days(DAY, DAY)), ("ix_usage_days_product_id_day",) * 2),
    ],
)  # fmt: skip
def test_reading_by_sim_and_by_product_goes_by_an_index(
    database: Database,
    explained: Callable[[Transaction, Callable[[], object]], str],
    read: Callable[[Transaction], object],
    index: tuple[str, str],
) -> None:
    with database.begin() as tx:
        assert index[tx.is_postgresql] in explained(tx, lambda: read(tx))
