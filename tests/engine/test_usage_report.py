"""The usage report on worlds with one thing to see in each."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from domain.usage import Days
from domain.usage_billing import months
from engine.usage_report import report_of
from reports.document import Report, Section
from reports.report_files import write_report
from storage import usage
from storage.database import Database
from storage.usage import DayUse
from storage.usage_figures import Figures, figures
from storage.usage_sets import Question
from tests.storage.metered_world import FOREVER, KNOWN_AT, Stay, World

FEBRUARY = Days(date(2024, 2, 1), date(2024, 2, 29))
SIM = "8988307000000000007"
Told = Callable[..., Figures]


def used_daily(days: Days, total_bytes: int, *, product: str = "tracker", plan: str = "kore/eu") -> Stay:
    return Stay(product, plan, Days(days.first, FOREVER), uses=dict.fromkeys(days, total_bytes))


def number(nth: int) -> str:
    return f"8988307{nth:012d}"


@pytest.fixture
def told(database: Database, tmp_path: Path) -> Told:
    """Store the world and answer for these days."""

    def answer(world: World | None, days: Days = FEBRUARY, **only: str) -> Figures:
        if world is not None:
            world.store(database)
        return figures(database, tmp_path, Question(days, **only))

    return answer


def section(report: Report, name: str) -> Section:
    return next(one for one in report.sections if one.name == name)


def facts(report: Report) -> dict[str, object]:
    return {f"{fact.label} {fact.currency}".strip(): fact.value for fact in report.facts}


def test_a_month_has_its_days_whatever_weekday_ends_it_and_in_a_leap_year_too(told: Told) -> None:
    year = Days(date(2024, 1, 1), date(2024, 9, 30))
    figures = told(World({SIM: [used_daily(year, 1)]}, [("kore", year)]), year)
    assert {month.last.weekday() for month in months(year)} == set(range(7))
    assert list(figures.costs["used"]) == [31, 29, 31, 30, 31, 30, 31, 31, 30]
    assert figures.counts["gap_days"] == 0


def test_what_was_told_anew_changes_the_report_and_is_said(told: Told, database: Database) -> None:
    world = World({SIM: [used_daily(FEBRUARY, 10)]}, [("kore", FEBRUARY)])
    before = report_of(told(world))
    with database.begin() as tx:
        late = DayUse(SIM, date(2024, 2, 29), "tracker", 25, KNOWN_AT + timedelta(days=1))
        assert usage.keep(tx, "kore", [late]) == 1
    after = report_of(told(None))
    assert (facts(before)["Used"], facts(after)["Used"]) == (290, 305)
    assert list(before.warnings) == []
    assert list(after.warnings) == ["Restated: carriers told 1 SIM day anew after they were over, in sum +15 bytes."]
    assert section(after, "restated").rows.iloc[0].tolist() == [date(2024, 2, 29), 1, 10, 25]


def test_a_sim_that_moved_is_split_and_has_one_price_and_one_included_amount(told: Told) -> None:
    early, late = Days(FEBRUARY.first, date(2024, 2, 10)), Days(date(2024, 2, 11), FEBRUARY.last)
    stays = [replace(used_daily(early, 90), active=early), used_daily(late, 10, product="scooter")]
    figures = told(World({SIM: stays}, [("kore", FEBRUARY)]))
    rows = {row.product: row for row in figures.costs.itertuples()}
    assert (rows["tracker"].used, rows["tracker"].overage, rows["tracker"].priced_sims) == (900, 0, 1)
    assert (rows["scooter"].used, rows["scooter"].overage, rows["scooter"].priced_sims) == (190, 90, 0)
    assert figures.counts["sims"] == 1
    only = told(None, product="scooter")
    assert (only.counts["used"], only.counts["overage"]) == (190, 90)


def test_a_day_that_is_not_known_is_a_gap_said_first_and_the_projection_leaves_it_out(told: Told) -> None:
    known = [Days(FEBRUARY.first, date(2024, 2, 9)), Days(date(2024, 2, 12), date(2024, 2, 20))]
    stay = used_daily(known[0], 100)
    stay.uses |= dict.fromkeys(known[1], 100)
    report = report_of(
        told(World({SIM: [stay]}, [("kore", days) for days in known]), Days(FEBRUARY.first, date(2024, 2, 20)))
    )
    assert report.warnings[0] == "Not known: 2 days of 1 SIM. What was used then is in no sum; a gap is not zero."
    days = section(report, "days").rows.set_index("day")["used"]
    assert days.isna().sum() == 2
    assert days.isna()[date(2024, 2, 10)]
    assert report.charts[0].rows["used"].isna().sum() == 2
    assert facts(report)["Projected use of the month"] == 2_900
    assert facts(report)["Used"] == 1_800


def test_currencies_are_never_added(told: Told) -> None:
    world = World(
        {number(1): [used_daily(FEBRUARY, 50)], number(2): [used_daily(FEBRUARY, 20, plan="kore/us")]},
        [("kore", FEBRUARY)],
    )
    report = report_of(told(world))
    assert facts(report)["Cost EUR"] == 110 + 5  # 450 bytes over, at 10,000 cents a megabyte
    assert facts(report)["Cost USD"] == 150 + 2  # 280 bytes over
    assert sorted(section(report, "plans").rows["currency"]) == ["EUR", "USD"]


def test_where_all_sims_are_alike_only_a_multiple_is_an_outlier(told: Told) -> None:
    sims = {number(nth): [used_daily(FEBRUARY, 100)] for nth in range(12)}
    sims |= {number(50): [used_daily(FEBRUARY, 290)], number(51): [used_daily(FEBRUARY, 310)]}
    sims |= {number(60 + nth): [used_daily(FEBRUARY, 10 ** (nth + 1), product="scooter")] for nth in range(5)}
    found = told(World(sims, [("kore", FEBRUARY)])).outliers.to_dict("records")
    assert [(one["iccid"], one["daily_bytes"], one["median_bytes"]) for one in found] == [(number(51), 310, 100)]
    assert 299 <= found[0]["bound_bytes"] <= 300


def test_sims_near_their_limit_are_named_with_the_step_that_they_reached(told: Told) -> None:
    uses = {number(1): 699, number(2): 700, number(3): 900, number(4): 1_000, number(5): 5_000}
    stays = {
        iccid: [Stay("tracker", "kore/eu", Days(FEBRUARY.first, FOREVER), uses={FEBRUARY.first: total})]
        for iccid, total in uses.items()
    }
    figures = told(World(stays, [("kore", FEBRUARY)]))
    near = figures.near_limits
    assert list(zip(near["iccid"], near["step"], strict=True)) == [
        (number(5), 100),
        (number(4), 100),
        (number(3), 90),
        (number(2), 70),
    ]
    assert near.iloc[0]["used"] == 5 * near.iloc[0]["included"]
    assert facts(report_of(figures))["SIMs at 90 % or more of what is included"] == 3


def test_a_sim_without_use_is_paid_for_and_not_used_only_where_every_day_is_known(told: Told) -> None:
    idle = {number(1): [used_daily(FEBRUARY, 0)], number(2): [used_daily(FEBRUARY, 0, plan="soracom/any")]}
    report = report_of(told(World(idle, [("kore", FEBRUARY)])))
    assert section(report, "unused").rows["iccid"].tolist() == [number(1)]


def test_part_of_a_month_has_the_overage_that_arose_on_its_days(told: Told) -> None:
    world = World({SIM: [used_daily(FEBRUARY, 100)]}, [("kore", FEBRUARY)])
    figures = told(world, Days(date(2024, 2, 9), date(2024, 2, 12)))
    assert (figures.counts["used"], figures.counts["overage"]) == (400, 200)


def test_an_empty_fleet_has_a_report_that_says_so_and_the_same_question_the_same_bytes(
    told: Told, database: Database, tmp_path: Path
) -> None:
    def written(name: str) -> dict[str, bytes]:
        (tmp_path / name).mkdir()
        made = write_report(report_of(told(None)), tmp_path / name)
        return {file: path.read_bytes() for file, path in made.items()}

    assert report_of(told(None)).warnings[0].startswith("No carrier has told anything")
    assert written("empty") == written("again")
    World({SIM: [used_daily(FEBRUARY, 70)]}, [("kore", FEBRUARY)]).store(database)
    assert written("one") == written("once-more")
