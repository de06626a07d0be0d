"""Rate plans, and which one a SIM gets for its home country."""

from collections.abc import Sequence
from dataclasses import dataclass

BYTES_PER_MB = 1_000_000  # as carriers bill; adapters turn other units into bytes
_OFFERS_NAMED = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """A rate plan of one carrier account. Countries are ISO 3166-1 alpha-2; none: worldwide."""

    id: str
    carrier_account: str
    name: str
    countries: frozenset[str]
    zone: str | None  # what its countries are called together
    monthly_price_cents: int
    included_bytes: int
    overage_cents_per_mb: float
    currency: str
    carrier_reference: str


@dataclass(frozen=True, slots=True)
class NoPlan:
    """No plan covers the country. `nearest` are the offers to think of: the widest first, then the cheapest."""

    home_country: str
    nearest: tuple[Plan, ...]

    @property
    def detail(self) -> str:
        """The offers as a sentence for people."""
        if not self.nearest:
            return f"Nothing is offered for {self.home_country} or any other country."
        offers = "; ".join(f"{plan.name} ({coverage(plan)}, {_price(plan)} a month)" for plan in self.nearest)
        return f"Not offered for {self.home_country}. The nearest offers: {offers}."


def choose_plan(plans: Sequence[Plan], home_country: str, expected_bytes: int) -> Plan | NoPlan:
    """A plan of exactly that country before one of its zone before worldwide; then the cheapest for the expected use.

    Ties go by name. The plans are those of one carrier account, in one currency.
    """
    fitting = [plan for plan in plans if not plan.countries or home_country in plan.countries]
    if not fitting:
        return NoPlan(home_country, _nearest(plans, expected_bytes))
    return min(fitting, key=lambda plan: (_breadth(plan), monthly_cost_cents(plan, expected_bytes), plan.name))


def monthly_cost_cents(plan: Plan, used_bytes: int) -> float:
    """What one SIM costs in a month of this use, in cents of the plan's currency; overage is billed pro rata.

    >>> eu = Plan("kore/eu", "kore", "eu", frozenset({"DE", "FR"}), "EU", 110, 5_000_000, 10.0, "EUR", "HF1")
    >>> monthly_cost_cents(eu, 5_000_000), monthly_cost_cents(eu, 7_500_000)
    (110.0, 135.0)
    """
    overage_bytes = max(0, used_bytes - plan.included_bytes)
    return plan.monthly_price_cents + overage_bytes / BYTES_PER_MB * plan.overage_cents_per_mb


def coverage(plan: Plan) -> str:
    """Where the plan holds, for people: its zone, its few countries, or how many."""
    if not plan.countries:
        return "worldwide"
    if plan.zone:
        return plan.zone
    named = sorted(plan.countries)
    return ", ".join(named) if len(named) <= 5 else f"{len(named)} countries"


def _breadth(plan: Plan) -> int:
    """0: this country and no other, 1: several, 2: worldwide."""
    return min(len(plan.countries) - 1, 1) if plan.countries else 2


def _nearest(plans: Sequence[Plan], expected_bytes: int) -> tuple[Plan, ...]:
    def widest_then_cheapest(plan: Plan) -> tuple[int, float, str]:
        return -len(plan.countries), monthly_cost_cents(plan, expected_bytes), plan.name

    return tuple(sorted(plans, key=widest_then_cheapest)[:_OFFERS_NAMED])


def _price(plan: Plan) -> str:
    return f"{plan.monthly_price_cents / 100:.2f} {plan.currency}"
