"""What no single section can see: double names and references that lead nowhere."""

from pathlib import Path

import pytest

from config.build import build_context, close_context
from config.errors import ConfigurationError
from config.loading import load_settings

ACCOUNT = """
[carrier_accounts.kore]
carrier = "supersim"
base_url = "https://carrier.example"
limits = [{ count = 10 }]
"""


def plan(name: str = "de", account: str = "kore", currency: str = "EUR", where: str = 'countries = ["DE"]') -> str:
    """One plan as TOML."""
    return (
        f'[[plans]]\ncarrier_account = "{account}"\nname = "{name}"\n{where}\nmonthly_price_cents = 1\n'
        f'currency = "{currency}"\nincluded_bytes = 1\novercharge = 0\n'.replace("overcharge", "overage_cents_per_mb")
        + 'carrier_reference = "F1"\n'
    )


def refusal(folder: Path, *, main: str = "", carriers: str = ACCOUNT, plans: str = "") -> str:
    """What people read about these three files; empty when they are taken."""
    (folder / "carriers.toml").write_text(carriers)
    (folder / "plans.toml").write_text(plans)
    file = folder / "simline.toml"
    file.write_text('carriers_file = "carriers.toml"\nplans_file = "plans.toml"\n' + main)
    try:
        load_settings(file, {})
    except ConfigurationError as error:
        return str(error)
    return ""


def test_plans_of_one_account_in_one_currency_are_taken(tmp_path: Path) -> None:
    assert refusal(tmp_path, plans=plan("de") + plan("all", where="worldwide = true")) == ""


@pytest.mark.parametrize(
    ("plans", "sentence"),
    [
        (plan("de") + plan("de"), "`plans[de].name` stands there twice."),
        (plan("de") + plan("at", currency="USD"), "`plans[at].currency` is USD, but earlier plans of kore are in EUR"),
        (plan(account="koer"), "`plans[de].carrier_account` names 'koer', but there is no [carrier_accounts.koer]"),
        (plan(where='zone = "EU"'), "`plans[de].zone` names 'EU', and there is no such zone"),
        (plan(where='countries = ["DE"]\nworldwide = true'), "`plans[de]` must say exactly one of"),
        (plan(where=""), "`plans[de]` must say exactly one of"),
        (
            plan(where='countries = ["UK"]'),
            "`plans[de].countries[1]` must be an ISO 3166-1 alpha-2 country: 'UK' is written GB.",
        ),
        ('[zones]\nEU = ["DE", "XX"]\n', "`zones.EU[2]` must be an ISO 3166-1 alpha-2 country: 'XX'"),
        (plan(currency="euro"), "`plans[de].currency`"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused(tmp_path: Path, plans: str, sentence: str) -> None:
    said = refusal(tmp_path, plans=plans)
    assert sentence in said
    assert said.startswith(str(tmp_path / "plans.toml"))


def test_a_price_in_another_currency_is_fine_for_another_account(tmp_path: Path) -> None:
    second = ACCOUNT.replace("kore", "second")
    plans = plan("de") + plan("de", account="second", currency="USD")
    assert refusal(tmp_path, carriers=ACCOUNT + second, plans=plans) == ""


def test_an_issuer_may_name_only_a_carrier_account_that_exists(tmp_path: Path) -> None:
    issuers = '[[issuers]]\nprefix = "8949"\nname = "x"\ncarrier_account = "korre"\n'
    said = refusal(tmp_path, carriers=issuers + ACCOUNT)
    assert "`issuers[8949].carrier_account` names 'korre'" in said
    assert "did you mean `kore`?" in said


def test_two_issuers_of_one_prefix_are_refused(tmp_path: Path) -> None:
    issuer = '[[issuers]]\nprefix = "8949"\nname = "x"\n'
    assert "`issuers[8949].prefix` stands there twice" in refusal(tmp_path, carriers=issuer + issuer + ACCOUNT)


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    source = '[[sources]]\nkind = "folder"\nname = "inbox"\npath = "m"\n'
    assert "`sources[inbox].name` stands there twice" in refusal(tmp_path, main=source + source)


def test_the_name_of_the_files_that_people_name_is_taken(tmp_path: Path) -> None:
    source = '[[sources]]\nkind = "folder"\nname = "command-line"\npath = "m"\n'
    assert "`sources[command-line].name` is taken" in refusal(tmp_path, main=source)


def test_a_route_may_name_only_a_carrier_account_that_exists(tmp_path: Path) -> None:
    source = '[[sources]]\nkind = "folder"\nname = "i"\npath = "m"\nroutes = [{ carrier_account = "x" }]\n'
    assert "`sources[i].routes[1].carrier_account` names 'x'" in refusal(tmp_path, main=source)


def test_a_product_needs_its_account(tmp_path: Path) -> None:
    said = refusal(tmp_path, main='[[products]]\nid = "t"\nname = "T"\naccount = "acme"\n')
    assert "`products[t].account` names 'acme', and there is no such account" in said


def test_an_account_whose_requests_outlast_a_lease_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, carriers=f"{ACCOUNT}timeout_seconds = 85\n")
    assert said.startswith(f"{tmp_path / 'carriers.toml'}: `carrier_accounts.kore.timeout_seconds` leaves no time")
    assert "a request to kore may take 85 s, with the margin 90 s, and a lease is only 90 s long." in said
    assert "set `lease_seconds` under [timing] in simline.toml to more than 90." in said
    assert refusal(tmp_path, carriers=f"{ACCOUNT}timeout_seconds = 84.9\n") == ""


@pytest.mark.parametrize(("key", "seconds"), [("lease_seconds", 35), ("lease_margin_seconds", 60)])
def test_a_lease_that_is_too_short_is_said_where_it_was_set(tmp_path: Path, key: str, seconds: int) -> None:
    said = refusal(tmp_path, main=f"[timing]\n{key} = {seconds}\n")
    assert said.startswith(f"{tmp_path / 'simline.toml'}: `timing.{key}` leaves no time")


def test_the_shortest_lease_that_is_taken_is_enough_for_the_engine(tmp_path: Path) -> None:
    login = 'options = { auth = "basic" }\nsecrets = { account_sid = "KORE_SID", auth_token = "KORE_TOKEN" }\n'
    assert refusal(tmp_path, main="[timing]\nlease_seconds = 35.001\n", carriers=ACCOUNT + login) == ""
    settings = load_settings(tmp_path / "simline.toml", {})
    close_context(build_context(settings, environment={"KORE_SID": "AC" + 32 * "0", "KORE_TOKEN": "x"}))
