"""Where a row's SIM belongs: its product, home country, carrier account and plan, or the reason why it has no place."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.countries import UnknownCountry, country_code
from domain.lines import Reason
from domain.plans import NoPlan, Plan, choose_plan
from domain.texts import first_few

_ACCOUNTS_NAMED = 12


@dataclass(frozen=True, slots=True)
class AccountRule:
    """What a carrier account asks of a row."""

    needs_registration_code: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """Everything that is planned for a SIM. A row without its code is the caller's to refuse, where one is needed."""

    product_id: str
    home_country: str
    carrier_account: str
    plan_id: str
    needs_registration_code: bool


@dataclass(frozen=True, slots=True)
class Misplaced:
    """Why the row is rejected; `detail` completes the reason's sentence."""

    reason: Reason
    detail: str = ""


class Router:
    """The configured products, plans and accounts, asked once per combination that occurs in a file.

    The same question always has the same answer, so callers may remember it.
    """

    def __init__(
        self,
        products: frozenset[str],
        plans: Sequence[Plan],
        accounts: Mapping[str, AccountRule],
        expected_bytes: int,
    ) -> None:
        self._products = products
        self._accounts = accounts
        self._expected_bytes = expected_bytes
        self._plans = {name: [plan for plan in plans if plan.carrier_account == name] for name in accounts}
        for name, offered in self._plans.items():
            _refuse_mixed_currencies(name, offered)

    def place(self, product: str | None, country: str | None, account: str | None) -> Placement | Misplaced:
        """Where a row of this product, home country (as written) and carrier account goes.

        The row's own words, or what its route or the command line says in their stead: that choice is the caller's.
        """
        product_id = self._product(product)
        if isinstance(product_id, Misplaced):
            return product_id
        home_country = _home_country(country)
        if isinstance(home_country, Misplaced):
            return home_country
        name = self._account(account)
        if isinstance(name, Misplaced):
            return name
        plan = choose_plan(self._plans[name], home_country, self._expected_bytes)
        if isinstance(plan, NoPlan):
            return Misplaced(Reason.NO_PLAN, plan.detail)
        return Placement(product_id, home_country, name, plan.id, self._accounts[name].needs_registration_code)

    def _product(self, text: str | None) -> str | Misplaced:
        name = (text or "").strip()
        if not name:
            return Misplaced(Reason.PRODUCT_MISSING)
        if name in self._products:
            return name
        alike = difflib.get_close_matches(name[:80], sorted(self._products), n=1)
        return Misplaced(Reason.UNKNOWN_PRODUCT, f"Did you mean {alike[0]}?" if alike else "")

    def _account(self, text: str | None) -> str | Misplaced:
        """The account's own name; capitals matter only where two accounts differ in nothing else."""
        name = (text or "").strip()
        if name in self._accounts:
            return name
        alike = [known for known in self._accounts if known.casefold() == name.casefold()]
        if len(alike) == 1:
            return alike[0]
        return Misplaced(Reason.UNKNOWN_CARRIER_ACCOUNT if name else Reason.NO_CARRIER, _listed(self._accounts))


def _listed(accounts: Iterable[str]) -> str:
    """The accounts that a row can name, as a sentence."""
    names = sorted(accounts)
    return f"The accounts are: {first_few(names, _ACCOUNTS_NAMED)}." if names else "No account is configured."


def _home_country(text: str | None) -> str | Misplaced:
    if not (text or "").strip():
        return Misplaced(Reason.COUNTRY_MISSING)
    try:
        return country_code(text or "")
    except UnknownCountry as unknown:
        return Misplaced(Reason.UNKNOWN_COUNTRY, str(unknown))


def _refuse_mixed_currencies(account: str, plans: Sequence[Plan]) -> None:
    currencies = sorted({plan.currency for plan in plans})
    if len(currencies) > 1:
        raise ValueError(
            f"The plans of {account} are priced in {' and '.join(currencies)}, so the cheapest cannot be told. "
            "Give all plans of one carrier account the same currency."
        )
