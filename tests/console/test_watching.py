"""`watch`: it goes on, whatever fails, and says what does."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from console.commands import STOPPED


def _until(is_so: Any, seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not is_so() and time.monotonic() < ends:
        time.sleep(0.05)


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


def test_watch_names_files_and_says_where_the_receipt_of_a_refused_one_lies(place: Any, rows: Any, iccid: Any) -> None:
    place.drop("good.csv", *rows(2))
    place.drop("big.csv", *rows(31, first=100))
    (place.folder / "manifests" / "inbox" / "bad.csv").write_text("name,colour\nann,red\n")
    receipts = place.folder / "manifests"

    def stop() -> None:
        _until(lambda: len(list(receipts.glob("*/*.receipt.html"))) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=stop, daemon=True)
    thread.start()
    said = place.simline("watch", "--every", "0.1")
    thread.join()
    assert "✓ good.csv: 2 new SIMs.  m-" in said.out
    assert "✗ bad.csv: refused. " in said.out
    assert "Its receipt lies in manifests/rejected." in said.out
    assert "! big.csv: needs approval. " in said.out
    assert "`simline approve m-" in said.out


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


@contextmanager
def stopped_when(is_so: Callable[[], object], *, looks: int = 3) -> Iterator[None]:
    """While the block watches: Ctrl-C once it is so and some more looks are over."""

    def wait_and_stop() -> None:
        _until(is_so)
        time.sleep(0.1 * looks)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=wait_and_stop, daemon=True)
    thread.start()
    yield
    thread.join()


def test_a_source_that_is_gone_holds_up_neither_the_others_nor_what_is_in_the_ledger(place: Any, rows: Any) -> None:
    place.drop("before.csv", *rows(2))
    place.simline("pick-up", "--no-activate")
    place.unmounted("nas")
    place.drop("after.csv", *rows(3, first=10))
    with stopped_when(lambda: len(place.changes()) == 10):
        said = place.simline("watch", "--every", "0.1")
    assert said.status == STOPPED
    assert len(place.changes()) == 10
    assert "3 new SIMs" in said.out
    assert said.err.count("of source nas cannot be used") == 1, "said once, not in every look"


def test_a_file_whose_codes_cannot_be_sealed_ends_no_watch(
    place: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.drop("a.csv", *rows(2))
    place.drop("b.csv", "not an ICCID,")
    monkeypatch.delenv("SIMLINE_KEY")
    processed = place.folder / "manifests" / "processed"
    with stopped_when((processed / "b.csv.receipt.html").exists):
        said = place.simline("watch", "--every", "0.1")
    assert said.status == STOPPED
    assert said.err.count("Manifests that wait: a.csv. The manifest holds registration codes") == 1


def test_a_receipt_that_cannot_be_put_holds_up_no_other(place: Any, rows: Any) -> None:
    place.unmounted("nas", after=("first.csv", rows(2)))
    place.drop("second.csv", *rows(3, first=10))
    finished = place.folder / "manifests" / "processed" / "second.csv.receipt.json"
    with stopped_when(lambda: finished.exists() and '"state": "finished"' in finished.read_text()):
        said = place.simline("watch", "--every", "0.1", "--source", "inbox")
    assert said.status == STOPPED
    assert '"state": "finished"' in finished.read_text()
    assert said.err.count("Receipts that wait: m-") == 1


def test_a_carrier_that_is_down_is_said_now_and_then_and_not_in_every_look(place: Any, rows: Any) -> None:
    place.drop("order.csv", *rows(2))
    place.simline("pick-up", "--no-activate")
    place.server.close()
    ends = time.monotonic() + 3
    with stopped_when(lambda: time.monotonic() > ends):
        said = place.simline("watch", "--every", "0.1")
    assert said.status == STOPPED
    assert said.out.count("cannot be reached") == 1
    assert said.out.count("supersim is not asked for") == 1
