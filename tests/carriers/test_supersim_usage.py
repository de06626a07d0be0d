"""Super SIM's usage records: what is asked, what is told, and what is no record."""

from datetime import date

import pytest

from carriers.contract import Usage, UsageQuery
from carriers.errors import ReadFailed
from carriers.supersim_usage import question, usages

SID = "HS" + 32 * "0"
DAY = {"start_time": "2026-03-29T00:00:00Z", "end_time": "2026-03-30T00:00:00Z"}


def record(**changes: object) -> dict[str, object]:
    return {"sim_sid": SID, "data_total": 300_000, "period": DAY} | changes


def told(**changes: object) -> tuple[Usage, ...]:
    return usages({"usage_records": [record(**changes)]})


def test_whole_days_are_asked_for_and_one_sim_where_it_is_named() -> None:
    asked = question(UsageQuery(date(2024, 12, 31), date(2024, 12, 31), carrier_reference=SID), "PA1")
    assert (asked["StartTime"], asked["EndTime"]) == ("2024-12-31T00:00:00Z", "2025-01-01T00:00:00Z")
    assert (asked["Sim"], asked["PageToken"], asked["Group"], asked["Granularity"]) == (SID, "PA1", "sim", "day")
    assert "Sim" not in question(UsageQuery(date(2024, 1, 1), date(2024, 1, 2)), None)


def test_a_record_is_one_sims_bytes_on_one_day() -> None:
    day = date(2026, 3, 29)
    assert told() == (Usage(day, day, 300_000, carrier_reference=SID),)


def test_a_record_of_a_longer_period_keeps_its_first_and_last_day() -> None:
    (usage,) = told(period={"start_time": "2026-02-01T00:00:00Z", "end_time": "2026-03-01T00:00:00Z"})
    assert (usage.first, usage.last) == (date(2026, 2, 1), date(2026, 2, 28))


def test_a_record_without_a_sum_is_no_zero() -> None:
    assert told(data_total=None) == ()


@pytest.mark.parametrize(
    "changes", [{"sim_sid": None}, {"sim_sid": "HF1"}, {"data_total": "x"}, {"period": None}, {"period": {}}]
)
def test_a_record_that_cannot_be_told_apart_fails_the_read(changes: dict[str, object]) -> None:
    with pytest.raises(ReadFailed):
        told(**changes)


@pytest.mark.parametrize("document", [None, {}, {"usage_records": {}}, {"usage_records": [1]}])
def test_an_answer_without_records_fails_the_read(document: object) -> None:
    with pytest.raises(ReadFailed):
        usages(document)
