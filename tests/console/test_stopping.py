"""Ctrl-C in `import`: nothing more leaves, nothing is lost, and the second one ends at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from carriers.simulated.faults import Fault, Faults
from console.commands import FINE, STOPPED
from tests.console.conftest import ROOT

WHERE = ("--product", "tracker", "--home-country", "DE")


def test_ctrl_c_ends_after_the_requests_under_way_and_the_import_goes_on_later(place: Any, rows: Any) -> None:
    place.server.carrier.fleet.activation_seconds = 3.0
    file = place.file("order.csv", *rows(4))

    def interrupt() -> None:
        while len(place.changes()) < 8:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    said = place.simline("import", file, *WHERE)
    assert said.status == STOPPED
    assert "Stopping when the requests under way" in said.out
    assert "Nothing is lost" in said.err
    again = place.simline("import", file, *WHERE)
    assert again.status == FINE
    assert "All 4 SIMs are active" in again.out
    assert len(place.changes()) == 8


def test_after_ctrl_c_no_further_request_leaves_and_what_was_leased_is_planned_again(place: Any, rows: Any) -> None:
    carriers = place.folder / "carriers.toml"
    carriers.write_text(carriers.read_text().replace("count = 200", "count = 20"))
    file = place.file("order.csv", *rows(25))
    seen: list[int] = []

    def interrupt() -> None:
        while len(place.changes()) < 3:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        seen.append(len(place.changes()))

    threading.Thread(target=interrupt, daemon=True).start()
    assert place.simline("import", file, *WHERE).status == STOPPED
    assert len(place.changes()) <= seen[0] + 2  # at most what was on its way when the signal came
    steps = place.simline("status", "order.csv", "--json").json["steps"]
    assert steps["planned"] == 25  # claimed or not, no request is open: its change is planned, or its claim is
    assert place.simline("import", file, *WHERE).status == FINE
    assert [len(entry.effects) for entry in place.changes()] == [1] * 50


def test_the_handlers_of_signals_are_given_back(place: Any, rows: Any) -> None:
    before = signal.getsignal(signal.SIGINT)
    place.simline("import", place.file("order.csv", *rows(1)), *WHERE)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_stops_at_once_and_what_was_under_way_is_read_before_it_is_sent_again(
    place: Any, rows: Any
) -> None:
    carriers = place.folder / "carriers.toml"
    carriers.write_text(carriers.read_text().replace("count = 200", "count = 2"))
    place.server.carrier.faults = Faults({Fault.SLOW: 1.0}, slow_seconds=2.0)
    file = place.file("order.csv", *rows(25))
    command = [sys.executable, "-m", "console.main", "import", str(file), *WHERE]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        while len(place.changes()) < 3:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert running.poll() is None, "the first one waits for the requests under way"
        stopped_at = time.monotonic()
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
    assert running.returncode == STOPPED
    assert time.monotonic() - stopped_at < 3
    assert "Stopped at once" in err
    steps = place.simline("status", "order.csv", "--json").json["steps"]
    assert sum(steps.values()) == 25
    assert steps["intent"] > 0
