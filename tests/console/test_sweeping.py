"""`watch`, `pick-up` and `settle`."""

import os
import signal
import threading
import time
from typing import Any

from console.commands import CANNOT, FINE, NEEDS_YOU, STOPPED


def test_pick_up_takes_in_what_was_dropped_and_sends_it(place: Any, rows: Any) -> None:
    place.drop("order.csv", *rows(4))
    said = place.simline("pick-up")
    assert said.status == FINE
    assert "supersim: " in said.out
    assert len(place.changes()) == 8
    assert (place.folder / "manifests" / "processed" / "order.csv.receipt.html").exists()


def test_pick_up_without_activating_sends_nothing(place: Any, rows: Any) -> None:
    place.drop("order.csv", *rows(2))
    assert place.simline("pick-up", "--no-activate").status == FINE
    assert place.changes() == []


def test_an_empty_inbox_is_said(place: Any) -> None:
    said = place.simline("pick-up")
    assert said.status == FINE
    assert "Nothing new lies in the sources" in said.out


def test_a_source_that_there_is_not_is_named_with_those_that_there_are(place: Any) -> None:
    said = place.simline("pick-up", "--source", "outbox")
    assert said.status == CANNOT
    assert "There is no source outbox. Configured: inbox." in said.err


def test_a_dropped_file_with_a_bad_line_makes_the_status_1(place: Any, rows: Any) -> None:
    place.drop("order.csv", *rows(1), "89883070000000000001,X")
    assert place.simline("pick-up").status == NEEDS_YOU


def test_settle_says_what_it_did_at_each_account(place: Any, rows: Any) -> None:
    assert "supersim: nothing is due." in place.simline("settle").out
    place.drop("order.csv", *rows(2))
    place.simline("pick-up", "--no-activate")
    said = place.simline("settle")
    assert said.status == FINE
    assert "supersim: " in said.out
    assert "2 accepted" in said.out


def test_settle_with_a_carrier_that_is_down_is_status_1_and_a_sentence(place: Any, rows: Any) -> None:
    place.drop("order.csv", *rows(2))
    place.simline("pick-up", "--no-activate")
    place.server.close()
    said = place.simline("settle")
    assert said.status == NEEDS_YOU
    assert "cannot be reached" in said.out


def test_an_inbox_that_is_gone_is_a_sentence(place: Any) -> None:
    (place.folder / "manifests").rename(place.folder / "elsewhere")
    said = place.simline("pick-up")
    assert said.status == CANNOT
    assert "inbox" in said.err


def test_watch_takes_in_what_comes_until_it_is_stopped(place: Any, rows: Any) -> None:
    def drop_and_stop() -> None:
        place.drop("first.csv", *rows(2))
        _until(lambda: len(place.changes()) == 4)
        place.drop("second.csv", *rows(2, first=10))
        _until(lambda: len(place.changes()) == 8)
        _until(lambda: len(list((place.folder / "manifests" / "processed").glob("*.receipt.html"))) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=drop_and_stop, daemon=True)
    thread.start()
    said = place.simline("watch", "--every", "0.1")
    thread.join()
    assert said.status == STOPPED
    assert "Watching inbox" in said.out
    assert said.out.count("2 new SIMs") == 2


def test_watch_goes_on_when_a_source_fails_for_a_while(place: Any, rows: Any) -> None:
    manifests = place.folder / "manifests"

    def trouble_and_stop() -> None:
        manifests.rename(place.folder / "unmounted")
        time.sleep(0.5)
        (place.folder / "unmounted").rename(manifests)
        place.drop("order.csv", *rows(1))
        _until(lambda: len(place.changes()) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=trouble_and_stop, daemon=True)
    thread.start()
    said = place.simline("watch", "--every", "0.1")
    thread.join()
    assert said.status == STOPPED
    assert "1 new SIM." in said.out


def _until(is_so: Any, seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not is_so() and time.monotonic() < ends:
        time.sleep(0.05)
