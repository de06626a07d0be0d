"""Where a row goes, or why it has no place."""

import pytest

from domain.lines import Reason
from domain.plans import Plan
from domain.routing import AccountRule, Misplaced, Placement, Router


def plan(account: str, name: str, countries: str = "", currency: str = "EUR") -> Plan:
    held = frozenset(countries.split())
    return Plan(f"{account}/{name}", account, name, held, None, 100, 5_000_000, 10.0, currency, name)


PLANS = [plan("kore", "germany", "DE"), plan("kore", "eu", "DE FR NA"), plan("onnce", "world", currency="USD")]
ACCOUNTS = {"kore": AccountRule(needs_registration_code=True), "onnce": AccountRule(), "empty": AccountRule()}
ROUTER = Router(frozenset({"tracker", "meter"}), PLANS, ACCOUNTS, 1_000_000)


@pytest.mark.parametrize(
    ("asked", "placement"),
    [
        (("tracker", "DE", "kore"), Placement("tracker", "DE", "kore", "kore/germany", True)),
        ((" tracker ", " fr ", "kore"), Placement("tracker", "FR", "kore", "kore/eu", True)),
        (("meter", "NA", "kore"), Placement("meter", "NA", "kore", "kore/eu", True)),
        (("meter", "BR", "onnce"), Placement("meter", "BR", "onnce", "onnce/world", False)),
        (("meter", "BR", " ONNCE "), Placement("meter", "BR", "onnce", "onnce/world", False)),
    ],
)
def test_a_row_gets_the_plan_of_its_own_carrier_and_country(asked: tuple[str, str, str], placement: Placement) -> None:
    assert ROUTER.place(*asked) == placement


@pytest.mark.parametrize(
    ("asked", "reason", "word"),
    [
        ((None, "DE", "kore"), Reason.PRODUCT_MISSING, ""),
        (("  ", "DE", "kore"), Reason.PRODUCT_MISSING, ""),
        (("traker", "DE", "kore"), Reason.UNKNOWN_PRODUCT, "tracker"),
        (("Tracker", "DE", "kore"), Reason.UNKNOWN_PRODUCT, "tracker"),
        (("zzz", "DE", "kore"), Reason.UNKNOWN_PRODUCT, ""),
        (("tracker", None, "kore"), Reason.COUNTRY_MISSING, ""),
        (("tracker", " ", "kore"), Reason.COUNTRY_MISSING, ""),
        (("tracker", "UK", "kore"), Reason.UNKNOWN_COUNTRY, "GB"),
        (("tracker", "DE", None), Reason.NO_CARRIER, "The accounts are: empty, kore, onnce."),
        (("tracker", "DE", " "), Reason.NO_CARRIER, "The accounts are: empty, kore, onnce."),
        (("tracker", "DE", "kor"), Reason.UNKNOWN_CARRIER_ACCOUNT, "The accounts are: empty, kore, onnce."),
        (("tracker", "BR", "kore"), Reason.NO_PLAN, "germany"),
        (("tracker", "BR", "empty"), Reason.NO_PLAN, "Nothing is offered"),
    ],
)
def test_a_row_without_a_place_is_told_why(
    asked: tuple[str | None, str | None, str | None], reason: Reason, word: str
) -> None:
    answer = ROUTER.place(*asked)
    assert isinstance(answer, Misplaced)
    assert answer.reason is reason
    assert word in answer.detail


def router_of(*accounts: str) -> Router:
    plans = [plan(name, "world") for name in accounts]
    return Router(frozenset({"tracker"}), plans, {name: AccountRule() for name in accounts}, 1_000_000)


def test_capitals_matter_only_between_accounts_that_differ_in_nothing_else() -> None:
    alike = router_of("kore", "Kore")
    for name in ("kore", "Kore"):
        placed = alike.place("tracker", "DE", name)
        assert isinstance(placed, Placement)
        assert placed.carrier_account == name
    unclear = alike.place("tracker", "DE", "KORE")
    assert unclear == Misplaced(Reason.UNKNOWN_CARRIER_ACCOUNT, "The accounts are: Kore, kore.")


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (0, "No account is configured."),
        (12, "The accounts are: a00, a01, a02, a03, a04, a05, a06, a07, a08, a09, a10, a11."),
        (14, "The accounts are: a00, a01, a02, a03, a04, a05, a06, a07, a08, a09, a10, a11 and 2 more."),
    ],
)
def test_a_sentence_names_so_many_accounts_and_counts_the_others(count: int, sentence: str) -> None:
    router = router_of(*(f"a{number:02}" for number in range(count)))
    assert router.place("tracker", "DE", "x") == Misplaced(Reason.UNKNOWN_CARRIER_ACCOUNT, sentence)


def test_an_account_with_two_currencies_is_refused_before_any_row() -> None:
    mixed = [plan("kore", "germany", "DE"), plan("kore", "eu", "DE FR", currency="USD")]
    with pytest.raises(ValueError, match="EUR and USD"):
        Router(frozenset({"tracker"}), mixed, ACCOUNTS, 1_000_000)
