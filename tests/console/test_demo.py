"""The demo: it ends well, touches nothing outside its folder, and the second run asks the carriers for nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from carriers.simulated.log import changing_requests, effect_counts, read_log
from console.commands import CANNOT, FINE, STOPPED
from console.demo.stage import DROPS, delivered_iccids, drop_manifests, shipped_manifests, stage
from console.door import CannotDo
from domain.iccid import validate
from tests.console.conftest import ROOT
from tests.flows.prefect_server import DATABASE

Process = Callable[..., subprocess.CompletedProcess[str]]


def simulators(folder: Path) -> list[str]:
    """The simulated carriers that run for this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "simulate" in words and any(word.startswith(str(folder)) for word in words):
            found.append(entry.parent.name)
    return found


def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, in which nothing may appear."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "SIMLINE_BRAKE__SIMS": "1"}


def requests_for_a_change(folder: Path) -> int:
    """How many requests for a change the carriers have ever seen."""
    logs = [read_log(log) for log in (folder / "carriers").glob("*.log")]
    return sum(len(changing_requests(log)) for log in logs)


def test_what_the_check_at_the_end_holds_against_the_ledger_is_what_was_dropped(tmp_path: Path) -> None:
    inbox = tmp_path / "manifests" / "inbox"
    dropped = {path.relative_to(inbox).as_posix(): path.read_bytes() for path in drop_manifests(tmp_path)}
    with shipped_manifests() as inputs:
        assert {name: path.read_bytes() for name, path in inputs.items()} == dropped
    assert len(dropped) == len(DROPS)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_ends_well_and_the_second_run_asks_for_nothing(process: Process, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    first = process("demo", "--folder", folder, cwd=tmp_path, env=environment(tmp_path), timeout=280)
    assert first.returncode == FINE, first.stdout + first.stderr
    assert first.stderr == ""
    assert "\x1b" not in first.stdout
    assert "The promise holds" in first.stdout
    assert [line.split()[1:3] for line in first.stdout.splitlines() if line.startswith("together")] == [["402", "379"]]
    assert {file.name for file in tmp_path.iterdir()} == {"run", "home"}
    assert list((tmp_path / "home").iterdir()) == []
    assert simulators(folder) == []
    pages = [Path(line.strip()) for line in first.stdout.splitlines() if line.strip().endswith(".receipt.html")]
    assert len(pages) == len(DROPS)
    assert all((tmp_path / page).exists() for page in pages)
    asked = requests_for_a_change(folder)

    second = process("demo", "--folder", folder, cwd=tmp_path, env=environment(tmp_path), timeout=280)
    assert second.returncode == FINE, second.stdout + second.stderr
    assert "The carriers saw 0 requests, 0 of which asked for a change: every SIM was known." in second.stdout
    assert requests_for_a_change(folder) == asked > 0
    effects = [effect_counts(read_log(log)) for log in (folder / "carriers").glob("*.log")]
    assert {count for of_log in effects for count in of_log.values()} == {1}
    status = process("--config", folder / "simline.toml", "status", "--json", cwd=tmp_path)
    assert len(json.loads(status.stdout)["manifests"]) == 2 * len(DROPS)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_demo_that_is_killed_and_one_that_is_interrupted_leave_no_carrier_behind_and_the_next_goes_on(
    process: Process, tmp_path: Path, prefect_database: Path
) -> None:
    folder = tmp_path / "run"
    with stage(folder) as place:
        (place / "prefect").mkdir()
        shutil.copyfile(prefect_database, place / "prefect" / DATABASE)
    for sent, status in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, STOPPED)):
        _stop_in_mid_run(folder, sent, status)
    again = process("demo", "--folder", folder, cwd=tmp_path, env=environment(tmp_path), timeout=280)
    assert again.returncode == FINE, again.stdout + again.stderr
    status_of_all = process("--config", folder / "simline.toml", "status", "--json", cwd=tmp_path)
    assert sum(one["buckets"]["done"] for one in json.loads(status_of_all.stdout)["manifests"]) == 379
    effects = [effect_counts(read_log(log)) for log in (folder / "carriers").glob("*.log")]
    assert {count for of_log in effects for count in of_log.values()} == {1}


def _stop_in_mid_run(folder: Path, sent: signal.Signals, status: int) -> None:
    """Start the demo, and send it this signal once the carriers have seen 60 requests of it."""
    command = [sys.executable, "-m", "console.main", "demo", "--folder", str(folder)]
    more = os.environ | environment(folder.parent) | {"PYTHONPATH": str(ROOT)}
    before = _logged(folder)
    with subprocess.Popen(
        command, cwd=folder.parent, env=more, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as demo:
        _until(lambda: _logged(folder) > before + 60)
        demo.send_signal(sent)
        _, err = demo.communicate(timeout=280)  # what its first flow has begun goes on to its end
    assert demo.returncode == status
    assert b"Traceback" not in err
    _until(lambda: simulators(folder) == [])


def _logged(folder: Path) -> int:
    return sum(log.read_text().count("\n") for log in (folder / "carriers").glob("*.log"))


def _until(is_so: Callable[[], bool], seconds: float = 200.0) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.1)


def test_a_folder_that_holds_something_else_is_left_alone(simline: Any, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    said = simline("demo", "--folder", tmp_path)
    assert said.status == CANNOT
    assert "holds something else" in said.err
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with stage(tmp_path / "run"), pytest.raises(CannotDo, match=r"runs in .* already"), stage(tmp_path / "run"):
        pass


@pytest.mark.parametrize(("account", "count"), [("delivered", 120), ("1nce", 24)])
def test_what_a_carrier_has_delivered_are_valid_iccids_each_once(account: str, count: int) -> None:
    numbers = delivered_iccids(account)
    assert len(set(numbers)) == len(numbers) == count
    assert [validate(number) for number in numbers] == numbers
