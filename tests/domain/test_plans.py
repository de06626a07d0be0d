"""Which plan a home country gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.plans import NoPlan, Plan, choose_plan, coverage, monthly_cost_cents

MB = 1_000_000


def plan(
    name: str,
    countries: str = "",
    *,
    price: int = 100,
    included: int = 5 * MB,
    overage: float = 10.0,
    zone: str | None = None,
) -> Plan:
    held = frozenset(countries.split())
    return Plan(f"kore/{name}", "kore", name, held, zone, price, included, overage, "EUR", f"HF-{name}")


GERMANY = plan("germany", "DE", price=900)
EU = plan("eu", "DE FR IT", price=300, zone="EU")
WORLD = plan("world", price=10)


@pytest.mark.parametrize(
    ("offered", "country", "chosen"),
    [
        ([WORLD, EU, GERMANY], "DE", GERMANY),
        ([WORLD, EU], "DE", EU),
        ([WORLD, EU, GERMANY], "FR", EU),
        ([WORLD, EU, GERMANY], "BR", WORLD),
        ([plan("unnamed zone", "DE FR"), WORLD], "FR", plan("unnamed zone", "DE FR")),
    ],
)
def test_an_exact_country_beats_a_zone_beats_worldwide_whatever_the_price(
    offered: list[Plan], country: str, chosen: Plan
) -> None:
    assert choose_plan(offered, country, MB) == chosen
    assert choose_plan(offered[::-1], country, MB) == chosen


def test_the_cheapest_is_the_cheapest_for_the_expected_use() -> None:
    small, large = plan("small", "DE", price=100, included=MB), plan("large", "DE", price=300, included=50 * MB)
    assert choose_plan([small, large], "DE", MB) == small
    assert choose_plan([small, large], "DE", 40 * MB) == large


def test_equal_plans_go_by_name() -> None:
    assert choose_plan([plan("b", "DE"), plan("a", "DE"), plan("c", "DE")], "DE", MB) == plan("a", "DE")


def test_a_country_without_a_plan_names_the_nearest_offers() -> None:
    offers = [GERMANY, plan("france", "FR", price=150), plan("italy", "IT", price=120), EU]
    answer = choose_plan(offers, "BR", MB)
    assert isinstance(answer, NoPlan)
    assert [offer.name for offer in answer.nearest] == ["eu", "italy", "france"]
    assert "BR" in answer.detail
    assert "eu (EU, 3.00 EUR a month); italy (IT, 1.20 EUR a month)" in answer.detail


def test_an_empty_catalogue_says_so() -> None:
    answer = choose_plan([], "BR", MB)
    assert isinstance(answer, NoPlan)
    assert "Nothing is offered" in answer.detail


@pytest.mark.parametrize(("used", "cents"), [(0, 100), (5 * MB, 100), (6 * MB, 110), (5 * MB + MB // 2, 105)])
def test_overage_is_counted_from_the_included_bytes_on(used: int, cents: float) -> None:
    assert monthly_cost_cents(plan("p"), used) == pytest.approx(cents)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_more_use_never_costs_less(used: int, more: int) -> None:
    assert monthly_cost_cents(EU, used + more) >= monthly_cost_cents(EU, used)


def test_coverage_is_the_zone_the_few_countries_or_their_number() -> None:
    assert [coverage(offer) for offer in (WORLD, EU, GERMANY, plan("many", "DE FR IT ES PT BE"))] == [
        "worldwide",
        "EU",
        "DE",
        "6 countries",
    ]
