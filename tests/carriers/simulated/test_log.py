from dataclasses import replace
from pathlib import Path

import pytest

from carriers.simulated.faults import RequestKind
from carriers.simulated.log import (
    Entry,
    RequestLog,
    changing_requests,
    effect_counts,
    most_in_any_window,
    read_log,
)

CLAIM = Entry(1, 10.0, "POST", "/v1/Sims", RequestKind.CLAIM, ("8988",), 201, ("8988",))
READ = replace(CLAIM, method="GET", kind=RequestKind.READ, status=200, effects=())
LATE = replace(CLAIM, method="", path="", status="late")


def test_entries_come_back_as_they_went_in_and_later_runs_append(tmp_path: Path) -> None:
    path = tmp_path / "log" / "requests.jsonl"
    for entry in (CLAIM, READ):
        log = RequestLog(path)
        log.add(entry)
        log.close()
    assert read_log(path) == [CLAIM, READ]


def test_an_entry_is_on_disk_before_the_log_is_closed(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "requests.jsonl")
    log.add(CLAIM)
    assert log.entries() == [CLAIM]
    log.close()


def test_a_line_torn_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text(CLAIM.as_json() + "\n" + READ.as_json()[:20])
    assert read_log(path) == [CLAIM]


def test_effects_are_counted_late_ones_included_and_requests_by_their_method() -> None:
    entries = [CLAIM, READ, LATE, replace(CLAIM, effects=())]
    assert effect_counts(entries) == {("8988", RequestKind.CLAIM): 2}
    assert changing_requests(entries) == [CLAIM, replace(CLAIM, effects=())]


@pytest.mark.parametrize(
    ("arrivals", "most"), [([], 0), ([5.0], 1), ([0.0, 0.5, 0.99], 3), ([0.0, 1.0, 2.0], 1), ([0.9, 0.0, 1.1, 1.8], 3)]
)
def test_the_fullest_window_is_found_wherever_it_begins(arrivals: list[float], most: int) -> None:
    assert most_in_any_window([replace(READ, at=at) for at in arrivals], 1.0) == most
