"""When an alert is due."""

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from domain.alert_rules import (
    MOST_SIMS,
    CarrierFact,
    OutlierFact,
    Percents,
    ReconciliationFact,
    StuckFact,
    Thresholds,
    UsageFact,
    carrier_alerts,
    outlier_alerts,
    reached,
    reconciliation_alerts,
    stuck_alerts,
    usage_alerts,
)
from domain.alerts import AlertKind, Severity

MB = 1_000_000
BYTES = st.integers(min_value=0, max_value=10**13)
PERCENTS = st.lists(st.integers(min_value=1, max_value=300), max_size=6)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def usage(used: int, iccid: str | None = None, *, product: str = "tracker", included: int = 100 * MB) -> UsageFact:
    """So many bytes in November."""
    return UsageFact(product, iccid, "2026-11", used, included)


def stuck(waiting: int, timed_out: int, at: datetime = NOON) -> StuckFact:
    """So many SIMs of `tracker` at `supersim`."""
    return StuckFact("tracker", "supersim", waiting, timed_out, at, "8934076500002589174")


@given(PERCENTS, BYTES, BYTES, BYTES)
def test_more_use_never_reaches_fewer_thresholds(percents: list[int], less: int, more: int, included: int) -> None:
    low, high = sorted((less, more))
    assert set(reached(percents, low, included)) <= set(reached(percents, high, included))


@given(PERCENTS, BYTES, BYTES, BYTES)
def test_a_larger_plan_never_reaches_more_thresholds(percents: list[int], used: int, less: int, more: int) -> None:
    low, high = sorted((less, more))
    if low > 0:
        assert set(reached(percents, used, high)) <= set(reached(percents, used, low))


@given(BYTES, st.integers(min_value=1, max_value=10**13))
def test_the_level_of_an_alert_is_the_highest_threshold_that_was_reached(used: int, included: int) -> None:
    levels = [alert.level for alert in usage_alerts([usage(used, included=included)], Thresholds())]
    assert levels == reached((70, 90, 100), used, included)[-1:]


def test_a_threshold_is_reached_at_exactly_its_share() -> None:
    assert reached((70,), 70, 100) == [70]
    assert reached((70,), 69_999_999_999_999, 100_000_000_000_000) == []
    assert reached((70,), 5, 0) == []


def test_a_product_has_its_own_thresholds_where_it_names_some() -> None:
    thresholds = Thresholds(of_product={"rover": Percents(product=(50,), sim=(200,))})
    facts = [usage(60 * MB), usage(60 * MB, product="rover"), usage(150 * MB, "8934", product="rover")]
    assert [(one.subject.product_id, one.level) for one in usage_alerts(facts, thresholds)] == [("rover", 50)]


def test_another_month_is_another_occurrence_and_a_higher_level_is_not() -> None:
    low, high = (usage_alerts([usage(used * MB)], Thresholds())[0] for used in (75, 95))
    (december,) = usage_alerts([UsageFact("tracker", None, "2026-12", 75, 100)], Thresholds())
    assert (low.key, low.level < high.level) == (high.key, True)
    assert december.key != low.key


@given(st.integers(min_value=1, max_value=MOST_SIMS * 3))
def test_many_sims_of_one_product_are_one_alert_and_few_are_one_each(count: int) -> None:
    facts = [usage(95 * MB, f"{number:019d}") for number in range(count)]
    alerts = usage_alerts([*facts, usage(95 * MB)], Thresholds())
    about_sims = [alert for alert in alerts if alert.kind is AlertKind.SIM_USAGE]
    assert len(alerts) == len(about_sims) + 1
    assert len(about_sims) == (count if count <= MOST_SIMS else 1)
    if count > MOST_SIMS:
        assert about_sims[0].facts["sims"] == count
        assert about_sims[0].subject.iccid is None


def test_an_outlier_is_told_of_once_a_month() -> None:
    facts = [
        OutlierFact("tracker", "8934", date(2026, month, day), 900, 9) for month, day in ((11, 1), (11, 30), (12, 1))
    ]
    keys = [outlier_alerts([fact])[0].key for fact in facts]
    assert keys[0] == keys[1] != keys[2]


def test_stuck_sims_are_told_of_once_a_day_and_again_at_ten_times_as_many() -> None:
    few, more, many = (stuck_alerts([stuck(count, 0)])[0] for count in (2, 9, 20))
    (next_day,) = stuck_alerts([stuck(2, 0, NOON.replace(day=23))])
    assert (few.key, few.level) == (more.key, more.level)
    assert (many.key, many.level > few.level) == (few.key, True)
    assert next_day.key != few.key
    assert stuck_alerts([stuck(0, 0)]) == []


def test_timed_out_sims_are_worse_than_waiting_ones_and_the_sentence_names_one() -> None:
    assert stuck_alerts([stuck(5, 0)])[0].severity is Severity.WARNING
    (alert,) = stuck_alerts([stuck(5, 1)])
    assert alert.severity is Severity.CRITICAL
    assert "`simline show 8934076500002589174`" in alert.sentence


@given(st.dictionaries(st.sampled_from(["ghost", "missing", "zombie"]), st.integers(0, 50)), st.integers(0, 60))
def test_findings_are_told_of_exactly_above_the_threshold(counts: dict[str, int], most: int) -> None:
    fact = ReconciliationFact(date(2026, 11, 22), counts, carrier_account="supersim")
    alerts = reconciliation_alerts([fact], Thresholds(reconciliation_findings_above=most))
    assert bool(alerts) == (sum(counts.values()) > most)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1, 1000))
def test_a_longer_pause_never_takes_a_carriers_alert_away(less: float, more: float, minutes: float) -> None:
    thresholds = Thresholds(carrier_down_after_minutes=minutes)
    low, high = (len(carrier_alerts([CarrierFact("a", pause)], thresholds)) for pause in sorted((less, more)))
    assert low <= high


def test_a_carrier_is_told_to_be_back_only_after_it_was_told_to_be_down() -> None:
    facts = [
        CarrierFact("fresh", 0.0),
        CarrierFact("back", 0.0, told_down="a-1"),
        CarrierFact("tries", 30.0, "no", "a-2"),
    ]
    assert [(one.kind, one.subject.carrier_account) for one in carrier_alerts(facts, Thresholds())] == [
        (AlertKind.CARRIER_BACK, "back")
    ]


def test_a_carriers_words_cannot_break_the_sentence() -> None:
    (alert,) = carrier_alerts([CarrierFact("a", 3600, "no\r\nBcc: x@example.com\x1b[2J")], Thresholds())
    assert alert.sentence.isprintable()
    assert alert.severity is Severity.CRITICAL
