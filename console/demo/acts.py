"""What happens in the demo: the flows of production, followed in the ledger, until every SIM has ended."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from console.following import Follower

if TYPE_CHECKING:
    from config.settings import Settings
    from engine.context import Context
    from storage.manifests import ManifestRow

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.5
LOOK_EVERY_SECONDS = 0.25


@contextmanager
def prefect_in(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Prefect with all of its records in the demo's folder, set before anything of it is imported."""
    os.environ |= {"PREFECT_HOME": str(folder / "prefect"), "DO_NOT_TRACK": "1", **secrets()}
    os.environ.pop("PREFECT_API_URL", None)
    is_first = not (folder / "prefect" / "prefect.db").exists()
    say("Prefect is starting in this process" + ("; its first start takes longest." if is_first else "."))
    from flows.embedded import embedded

    ours = logging.getLogger("simline")
    ours.propagate = False  # each run's log has it; the screen is for the numbers
    try:
        with embedded(folder / "prefect", log_level="ERROR"):
            yield
    finally:
        ours.propagate = True


def secrets() -> dict[str, str]:
    """The credentials of the simulated carriers, as the demo's carriers.toml names them; they are none."""
    from carriers.simulated.registry import SIMULATIONS

    return {
        f"DEMO_{carrier}_{name}".upper(): word
        for carrier, simulation in SIMULATIONS.items()
        for name, word in simulation.credentials.items()
    }


def play(settings: "Settings", follower: Follower, is_stopped: Callable[[], bool]) -> tuple[list[str], int]:
    """`pick-up`, then `settle` until nothing moves; the manifests that this run is about, and how many flows ran."""
    from flows.pick_up import pick_up
    from flows.settle import settle
    from tasks.context import engine_of

    with engine_of(settings) as context:
        ended_before = _ended(context)
        follower.database = context.database

        def ours() -> list[str]:
            return [row.id for row in _manifests(context) if row.id not in ended_before]

        with _drawn(follower, ours):
            taken = pick_up()
            runs = 1 + len(taken)
            ends = time.monotonic() + PATIENCE_SECONDS
            while not is_stopped() and not follower.is_over() and time.monotonic() < ends:
                settle()
                runs += 1
                time.sleep(PAUSE_SECONDS)
        return ours(), runs


def _manifests(context: "Context") -> "list[ManifestRow]":
    from storage import manifests

    with context.database.read() as tx:
        return manifests.listing(tx, limit=1_000)


def _ended(context: "Context") -> set[str]:
    """What earlier runs have brought to its end; what a stopped one left is this run's too."""
    from domain.lifecycle import BUCKETS, Bucket
    from storage import manifests

    rows = _manifests(context)
    with context.database.read() as tx:
        steps = {row.id: manifests.operation_counts(tx, row.id) for row in rows}
    return {name for name, counts in steps.items() if not any(BUCKETS[step] is Bucket.IN_PROGRESS for step in counts)}


@contextmanager
def _drawn(follower: Follower, ids: Callable[[], list[str]]) -> Iterator[None]:
    """The bars move in a thread of their own: the flows run in this one, and tell nobody before they end."""
    over = threading.Event()
    thread = threading.Thread(target=_draw, args=(follower, ids, over), name="drawing", daemon=True)
    with follower.drawn():
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            follower.manifest_ids = ids()


def _draw(follower: Follower, ids: Callable[[], list[str]], over: threading.Event) -> None:
    from storage.database import DatabaseUnavailable

    while not over.wait(LOOK_EVERY_SECONDS):
        with suppress(DatabaseUnavailable):  # the flows meet it too, and theirs is the word that counts
            follower.manifest_ids = ids()
            follower.look()
