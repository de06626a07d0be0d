"""A person pauses or cancels while workers run and one is killed: nothing leaves afterwards, nothing is lost."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from carriers.simulated.log import changing_requests
from domain.lifecycle import SimState, Step
from domain.manifests import ManifestState
from engine.halting import cancel, pause, resume
from tests.engine.rig import iccids, manifest
from tests.reliability.site import KILLED, Site, ended, open_site
from tests.reliability.worker import TIMING

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SIMS = 500


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    with open_site(database_url, tmp_path) as opened:
        yield opened


def wait_for_changes(site: Site, count: int) -> str:
    """Until so many requests have reached the carrier; the manifest's id."""
    ends = time.monotonic() + 30
    while site.changes() < count:
        assert time.monotonic() < ends
        time.sleep(0.02)
    rows = site.listing()
    assert [row.item_key for row in rows] == ["a.csv"], rows
    return rows[0].id


def latest_change(site: Site) -> float:
    return max(entry.at for entry in changing_requests(site.entries()))


def test_nothing_leaves_once_the_leases_of_before_the_pause_are_over_and_all_is_done_after_it(site: Site) -> None:
    numbers = iccids(SIMS)
    site.rig.drop("a.csv", manifest(numbers))
    workers = [site.start(), site.start(kill="after-request:150")]
    manifest_id = wait_for_changes(site, 40)
    paused_at = time.time()
    pause(site.rig.context.database, manifest_id, reason="wrong pallet", actor="ann")
    time.sleep(TIMING.lease_seconds + 1.5)
    assert latest_change(site) <= paused_at + TIMING.lease_seconds
    assert site.rig.steps()[Step.PLANNED] > 0
    assert site.listing()[0].state is ManifestState.LOADED
    resume(site.rig.context.database, manifest_id, reason="sorted", actor="ann")
    assert ended(workers[0]) == 0
    assert ended(workers[1]) in (0, KILLED)
    assert site.states() == dict.fromkeys(numbers, SimState.ACTIVE)
    assert site.changes() == 2 * SIMS
    assert site.broken() == []


def test_a_manifest_that_is_cancelled_while_workers_run_ends_with_every_sim_accounted_for(site: Site) -> None:
    site.rig.drop("a.csv", manifest(iccids(SIMS)))
    workers = [site.start(), site.start()]
    manifest_id = wait_for_changes(site, 40)
    cancelled_at = time.time()
    cancel(site.rig.context.database, manifest_id, reason="wrong product", actor="ann")
    assert [ended(worker) for worker in workers] == [0, 0]
    steps = site.rig.steps()
    assert steps.keys() <= {Step.DONE, Step.WITHDRAWN}
    assert sum(steps.values()) == SIMS
    assert steps[Step.WITHDRAWN] > 0
    assert latest_change(site) <= cancelled_at + TIMING.lease_seconds
    active = sum(state is SimState.ACTIVE for state in site.states().values())
    assert active == steps.get(Step.DONE, 0)
    assert site.listing()[0].state is ManifestState.FINISHED
    assert site.broken() == []
