"""A simline on this machine as its files and its environment: an inbox, products, and simulated carriers."""

from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet
from stdnum import luhn

from carriers.simulated.supersim import CREDENTIALS
from config.build import make_folders
from config.loading import load_settings

ISSUERS = {"supersim": "8988307", "second": "8988323"}
"""Carrier account -> the first digits of its SIMs."""

SIMLINE = """
carriers_file = "carriers.toml"
plans_file = "plans.toml"
[database]
url = "sqlite:///simline.db"
[timing]
poll_first_seconds = 0.2
poll_longest_seconds = 0.5
[brake]
sims = {most_sims}
[[sources]]
kind = "folder"
name = "inbox"
path = "manifests"
still_seconds = 0
routes = [{{ product = "tracker", home_country = "DE" }}]
[[accounts]]
id = "acme"
name = "Acme"
[[products]]
id = "tracker"
name = "Tracker"
account = "acme"
tier = "growth"
[[products]]
id = "small"
name = "Small"
account = "acme"
"""

CARRIER = """
[[issuers]]
prefix = "{prefix}"
name = "{name}"
lengths = [20]
carrier_account = "{name}"
[carrier_accounts.{name}]
carrier = "supersim"
base_url = "{url}/v1"
options = {{ auth = "basic" }}
secrets = {{ account_sid = "TEST_CARRIER_SID", auth_token = "TEST_CARRIER_TOKEN" }}
limits = [{{ count = 200, per_seconds = 1 }}]
threads = 4
timeout_seconds = 5
{more}
"""

PLAN = """
[[plans]]
carrier_account = "{name}"
name = "germany"
countries = ["DE"]
monthly_price_cents = 110
currency = "USD"
included_bytes = 5_000_000
overage_cents_per_mb = 10
carrier_reference = "HF{number:032d}"
"""


def configure(folder: Path, urls: Mapping[str, str], *, most_sims: int, carrier: str = "") -> None:
    """Write the three files for these carrier accounts (name -> address) and make the inbox.

    `most_sims` is the brake's; `carrier` holds further keys of every carrier account.
    """
    carriers = [CARRIER.format(prefix=ISSUERS[name], name=name, url=url, more=carrier) for name, url in urls.items()]
    plans = [PLAN.format(name=name, number=number) for number, name in enumerate(urls, start=1)]
    (folder / "simline.toml").write_text(SIMLINE.format(most_sims=most_sims))
    (folder / "carriers.toml").write_text("".join(carriers))
    (folder / "plans.toml").write_text("".join(plans))
    make_folders(load_settings(folder / "simline.toml", {}))


def secrets() -> dict[str, str]:
    """A fresh key, and what the simulated carriers take, as the environment holds them."""
    return {
        "SIMLINE_KEY": Fernet.generate_key().decode(),
        "TEST_CARRIER_SID": CREDENTIALS["account_sid"],
        "TEST_CARRIER_TOKEN": CREDENTIALS["auth_token"],
    }


def drop(folder: Path, name: str, text: str) -> Path:
    """Put a file into the inbox as it should be done, by rename; where it lies."""
    partial = folder / f"{name}.part"
    partial.write_text(text)
    return partial.rename(folder / "manifests" / "inbox" / name)


def iccids(account: str, count: int, first: int = 0) -> list[str]:
    """Valid ICCIDs of the account's issuer."""
    bodies = [f"{ISSUERS[account]}{number:012d}" for number in range(first, first + count)]
    return [body + str(luhn.calc_check_digit(body)) for body in bodies]
