"""What Prefect itself costs: the same SIMs through the engine alone, and through the flow `provision` and its server.

    python -m benchmarks.prefect_share [--sims 5000] [--limit 100]

Both run in this process against a simulated carrier at its limit; the reference is the engine alone. The start of the
embedded server is told apart: a deployed worker pays it once, not for each manifest.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet
from stdnum.luhn import calc_check_digit

from benchmarks.workplace import simulated_carrier
from carriers.simulated.supersim import CREDENTIALS
from config.build import make_folders
from config.loading import load_settings
from domain.lifecycle import Step
from engine.context import Context
from engine.draining import follow
from engine.intake import Intake
from engine.picking_up import pick_up
from flows.embedded import embedded
from flows.provision import provision
from storage import manifests
from tasks.context import engine_of
from tasks.parameters import ProvisionParameters

PREFIX = "8988307"
SIMLINE = """
carriers_file = "carriers.toml"
plans_file = "plans.toml"
[database]
url = "sqlite:///simline.db"
[timing]
poll_first_seconds = 1
[[sources]]
kind = "folder"
name = "inbox"
path = "manifests"
still_seconds = 0
routes = [{ product = "tracker", home_country = "DE" }]
[[accounts]]
id = "acme"
name = "Acme"
[[products]]
id = "tracker"
name = "Tracker"
account = "acme"
tier = "growth"
"""
CARRIERS = """
[[issuers]]
prefix = "8988307"
name = "Super SIM"
lengths = [20]
carrier_account = "bench"
[carrier_accounts.bench]
carrier = "supersim"
base_url = "{url}/v1"
options = {{ auth = "basic" }}
secrets = {{ account_sid = "BENCH_SID", auth_token = "BENCH_TOKEN" }}
limits = [{{ count = {limit}, per_seconds = 1 }}]
"""
PLANS = """
[[plans]]
carrier_account = "bench"
name = "world"
worldwide = true
monthly_price_cents = 100
currency = "EUR"
included_bytes = 5_000_000
overage_cents_per_mb = 1
carrier_reference = "HF00000000000000000000000000000000"
"""
Work = Callable[[Context, str], None]


@contextmanager
def taken_in(folder: Path, sims: int, limit: int) -> Iterator[tuple[Context, str]]:
    """A simline whose one manifest waits in the ledger, and the simulated carrier of its SIMs."""
    with simulated_carrier(folder, limit) as (url, _):
        for name, text in (("simline", SIMLINE), ("carriers", CARRIERS), ("plans", PLANS)):
            (folder / f"{name}.toml").write_text(text.format(url=url, limit=limit) if text is CARRIERS else text)
        settings = load_settings(folder / "simline.toml")
        make_folders(settings)
        bodies = [f"{PREFIX}{number:012d}" for number in range(sims)]
        rows = "".join(f"{body}{calc_check_digit(body)},CODE\n" for body in bodies)
        (folder / "manifests" / "inbox" / "sims.csv").write_text("iccid,registration_code\n" + rows)
        with engine_of(settings) as context:
            (intake,) = pick_up(context)
            _check(intake, sims)
            yield context, intake.manifest_id


def _check(intake: Intake, sims: int) -> None:
    if intake.counts.accepted != sims:
        raise SystemExit(f"The manifest was not taken in: {intake}")


def by_engine(context: Context, manifest_id: str) -> None:
    """The engine's own loop, no Prefect."""
    follow(context, at_most_seconds=3600, is_over=lambda: is_over(context, manifest_id))


def by_prefect(context: Context, manifest_id: str) -> None:
    """The flow, again as soon as it ends, as its schedule would have it."""
    while not is_over(context, manifest_id):
        provision(ProvisionParameters(manifest_id=manifest_id))
        if not is_over(context, manifest_id):
            time.sleep(0.5)


def is_over(context: Context, manifest_id: str) -> bool:
    """Whether nothing of the manifest moves by itself any more."""
    with context.database.read() as tx:
        return not set(manifests.operation_counts(tx, manifest_id)) & set(map(Step, manifests.LIVE))


def seconds_of(work: Work, sims: int, limit: int) -> float:
    """How long this way takes from planned to active."""
    with tempfile.TemporaryDirectory() as folder, taken_in(Path(folder), sims, limit) as (context, manifest_id):
        started = time.perf_counter()
        work(context, manifest_id)
        return time.perf_counter() - started


def main() -> None:
    """Print both, and Prefect's share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sims", type=int, default=5_000)
    parser.add_argument("--limit", type=int, default=100)
    options = parser.parse_args()
    os.environ.update(BENCH_SID=CREDENTIALS["account_sid"], BENCH_TOKEN=CREDENTIALS["auth_token"])
    os.environ["SIMLINE_KEY"] = Fernet.generate_key().decode()
    alone = seconds_of(by_engine, options.sims, options.limit)
    with tempfile.TemporaryDirectory() as home:
        started = time.perf_counter()
        with embedded(Path(home)):
            start = time.perf_counter() - started
            flown = seconds_of(by_prefect, options.sims, options.limit)
    share = (flown - alone) / flown
    print(f"{options.sims:,} SIMs at {options.limit} requests/s: engine alone {alone:.1f} s, as flows {flown:.1f} s")
    print(f"Prefect's own share {share:.1%} of the flows' time; its server started in {start:.1f} s")


if __name__ == "__main__":
    main()
