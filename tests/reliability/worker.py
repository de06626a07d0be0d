"""One worker in a process of its own: does the whole job until nothing is left, or until it is killed.

python -m tests.reliability.worker DATABASE_URL CARRIER_URL FOLDER [--kill LABEL:NTH [--stop]] [--seconds SECONDS]
"""

import argparse
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from domain.pacing import Window, pace_of
from engine.context import Context, Timing
from engine.picking_up import pick_up
from engine.receipts import refresh_receipts
from engine.sending import send_due
from engine.settling import settle_due
from storage import manifests, receipts
from storage.database import Database
from storage.vault import Vault
from tests.engine.rig import ACCOUNT, open_rig, open_supersim

TIMING = Timing(
    lease_seconds=2.0,
    lease_margin_seconds=0.3,
    file_lease_seconds=1.0,
    poll_first_seconds=0.1,
    poll_longest_seconds=0.5,
    attempts=50,
    circuit_failures=1_000,
)
KEY = "c2ltbGluZS1raWxsLXRlc3RzLW5vdC1hLXNlY3JldC4="  # every worker can open what another one sealed
QUIET_SECONDS = 1.0
TIMEOUT_SECONDS = 0.8
LIMIT = Window(200, 1)


def killer(wanted: str, how: signal.Signals) -> Callable[[str], None]:
    """Sends this process a signal when the n-th point of this label is reached."""
    label, _, nth = wanted.partition(":")
    seen: Counter[str] = Counter()

    def at(reached: str) -> None:
        seen[reached] += 1
        if reached == label and seen[reached] == int(nth or 1):
            os.kill(os.getpid(), how)
            time.sleep(0.5)  # the signal reaches this thread a moment later: until then it must not go on

    return at


def work(context: Context, at_most_seconds: float) -> bool:
    """The whole job in rounds; True when every manifest has ended."""
    ends = time.monotonic() + at_most_seconds
    while time.monotonic() < ends:
        taken_in = list(pick_up(context))
        taken = send_due(context, ACCOUNT).taken + settle_due(context, ACCOUNT).taken
        refresh_receipts(context)
        if not taken_in and not taken:
            if is_over(context):
                return True
            time.sleep(0.05)
    return False


def is_over(context: Context) -> bool:
    """Nothing lies in the inbox or half-read, and every manifest has ended, receipts included."""
    inbox = [path for path in (context.scratch.parent / "drop" / "inbox").iterdir() if path.is_file()]
    with context.database.read() as tx:
        rows = manifests.listing(tx, 1_000)
        open_ones = [row for row in rows if row.state.value in ("received", "loaded")]
        return not inbox and not open_ones and not receipts.due(tx)


def run(
    database: str, carrier: str, folder: str, *, kill: str = "", seconds: float = 100.0, stop: bool = False
) -> None:
    """Exits with 0 when everything has ended, with 3 when the time was over."""
    rig = open_rig(
        Database(database),
        open_supersim(carrier, TIMEOUT_SECONDS),
        Path(folder),
        pace=pace_of([LIMIT]),
        timing=TIMING,
        quiet_seconds=QUIET_SECONDS,
        threads=1 if stop else 4,  # so that no other thread is stopped in mid-transaction, with SQLite's only lock
        timeout_seconds=TIMEOUT_SECONDS,
        worker=f"worker-{os.getpid()}",
        at=killer(kill, signal.SIGSTOP if stop else signal.SIGKILL),
    )
    sys.exit(0 if work(replace(rig.context, vault=Vault(KEY)), seconds) else 3)


def main() -> None:
    """The worker as a command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("carrier")
    parser.add_argument("folder")
    parser.add_argument("--kill", default="")
    parser.add_argument("--stop", action="store_true", help="stop at the point (SIGSTOP) instead of dying")
    parser.add_argument("--seconds", type=float, default=100.0)
    run(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
