"""A fleet with usage for tests of sums: what is stored of it, and the same sums by the pure rules, SIM by SIM."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

from sqlalchemy import insert

from domain.plans import Plan
from domain.usage import DAY, Days, Known
from domain.usage_billing import months, overage_cents, projected_bytes, split_use, step_reached
from storage import catalogue, usage, usage_asks
from storage.database import Database
from storage.schema import former_placements, sims
from storage.usage import DayUse

KNOWN_AT = datetime(2027, 1, 1, tzinfo=UTC)
FOREVER = date(9999, 1, 1)
PLANS = (
    Plan("kore/eu", "kore", "eu", frozenset({"DE", "FR"}), "EU", 110, 1_000, 10_000.0, "EUR", "HF1"),
    Plan("kore/us", "kore", "us", frozenset({"US"}), None, 150, 300, 7_333.3, "USD", "HF2"),
    Plan("soracom/any", "soracom", "any", frozenset(), None, 80, 0, 501.5, "USD", "SO"),
)
BY_ID = {plan.id: plan for plan in PLANS}


@dataclass
class Stay:
    """One SIM in one product: on these days it could use something, and on those it did."""

    product: str
    plan: str
    active: Days
    country: str = "DE"
    uses: dict[date, int] = field(default_factory=dict)

    @property
    def account(self) -> str:
        return BY_ID[self.plan].carrier_account


@dataclass
class World:
    """SIMs, each with its stays in their order, and the days that are known: of accounts, and of single SIMs."""

    sims: dict[str, list[Stay]]
    of_accounts: list[tuple[str, Days]] = field(default_factory=list)
    of_sims: list[tuple[str, str, Days]] = field(default_factory=list)

    def store(self, database: Database) -> None:
        """Write all of it down as the engine does."""
        with database.begin() as tx:
            catalogue.sync_plans(tx, PLANS)
            for iccid, stays in self.sims.items():
                *former, present = stays
                tx.execute(insert(sims).values(iccid=iccid, **_columns(present)))
                for stay, after in zip(former, stays[1:], strict=True):
                    moved = {"moved_at": _noon(after.active.first), "left_at": _noon(stay.active.last)}
                    columns = {name: value for name, value in _columns(stay).items() if name in _FORMER}
                    tx.execute(insert(former_placements).values(iccid=iccid, **moved, **columns))
            for account in ("kore", "soracom"):
                usage.keep(tx, account, self._told(account))
                told = [(iccid, days) for iccid, by, days in self.of_sims if by == account]
                told += [("", days) for by, days in self.of_accounts if by == account]
                for iccid, days in told:
                    usage_asks.keep_known(tx, account, {iccid: Known(days, KNOWN_AT)})

    def _told(self, account: str) -> Iterable[DayUse]:
        for iccid, stays in self.sims.items():
            for stay in stays:
                if stay.account == account:
                    yield from (DayUse(iccid, day, stay.product, used, KNOWN_AT) for day, used in stay.uses.items())

    def is_known(self, iccid: str, account: str, day: date) -> bool:
        """Whether the day was told to an end."""
        ranges = [days for by, days in self.of_accounts if by == account]
        ranges += [days for number, by, days in self.of_sims if (number, by) == (iccid, account)]
        return any(days.first <= day <= days.last for days in ranges)


_FORMER = {column.name for column in former_placements.c}


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _columns(stay: Stay) -> dict[str, object]:
    begun = _noon(stay.active.first)
    return {
        "product_id": stay.product,
        "carrier_account": stay.account,
        "plan_id": stay.plan,
        "home_country": stay.country,
        "manifest_id": "m-0",
        "line": 1,
        "state": "active",
        "first_activated_at": begun,
        "created_at": begun,
    }


@dataclass
class Sums:
    """The report's numbers, counted SIM by SIM. `costs`: by month, product, plan and country."""

    used: Counter[str] = field(default_factory=Counter)
    overage: Counter[tuple[date, str, str, str]] = field(default_factory=Counter)
    payers: Counter[tuple[date, str, str, str]] = field(default_factory=Counter)
    projected: Counter[str] = field(default_factory=Counter)
    gap_days: int = 0
    unused: int = 0
    steps: dict[str, int] = field(default_factory=dict)
    daily: dict[str, list[float]] = field(default_factory=dict)

    def cents(self) -> Counter[str]:
        """What it costs, by currency."""
        sums: Counter[str] = Counter()
        for key in self.overage.keys() | self.payers.keys():
            plan = BY_ID[key[2]]
            sums[plan.currency] += self.payers[key] * plan.monthly_price_cents
            sums[plan.currency] += overage_cents(self.overage[key], plan.overage_cents_per_mb)
        return sums


def by_the_rules(world: World, asked: Days) -> Sums:
    """The sums of these days by the pure rules alone."""
    sums = Sums()
    for iccid, stays in world.sims.items():
        _add_sim(sums, world, iccid, stays, asked)
    return sums


def _add_sim(sums: Sums, world: World, iccid: str, stays: list[Stay], asked: Days) -> None:
    seen_of: Counter[str] = Counter()
    used_of: Counter[str] = Counter()
    for month in months(asked):
        before: Counter[str] = Counter()
        paid: set[str] = set()
        reached: dict[str, int] = {}
        for stay in stays:
            plan, key = BY_ID[stay.plan], (month.first, stay.product, stay.plan, stay.country)
            days = [day for day in month if stay.active.first <= day <= stay.active.last]
            known = {day for day in days if world.is_known(iccid, stay.account, day)}
            uses = {
                day: used for day, used in stay.uses.items() if month.first <= day <= month.last and day <= asked.last
            }
            earlier = sum(used for day, used in uses.items() if day < asked.first)
            used = sum(uses.values()) - earlier
            sums.used[stay.product] += used
            used_of[stay.product] += used
            sums.overage[key] += split_use(before[stay.plan] + earlier, used, plan.included_bytes).overage_bytes
            pays = bool(days) and stay.plan not in paid
            sums.payers[key] += pays
            paid |= {stay.plan} if days else set()
            gaps = [day for day in days if day not in known and asked.first <= day <= asked.last]
            sums.gap_days += len(gaps)
            sums.unused += pays and not gaps and not sum(uses.values())
            seen = known | uses.keys()
            seen_of[stay.product] += sum(asked.first <= day <= asked.last for day in seen)
            if month.last >= asked.last:
                until = sum(day <= asked.last for day in seen)
                sums.projected[stay.product] += projected_bytes(sum(uses.values()), until, len({*days, *uses})) or 0
            before[stay.plan] += earlier + used
            step = step_reached(before[stay.plan], plan.included_bytes)
            if month.last >= asked.last and (days or uses):
                reached[stay.plan] = step or 0
        if month.last >= asked.last:
            sums.steps |= {f"{iccid} {plan}": step for plan, step in reached.items() if step}
    for product, used in used_of.items():
        if used and seen_of[product]:
            sums.daily.setdefault(product, []).append(used / seen_of[product])


def next_day(day: date) -> date:
    """The day after."""
    return day + DAY
