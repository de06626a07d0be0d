"""Progress: how far SIMs have come, and how it is drawn."""

import time
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from console.following import Follower, Standing
from console.screen import COLOURS, Screen, open_screen
from domain.lifecycle import Stage, Step
from engine.context import Progress

COUNTS = {
    (Stage.CLAIM, Step.PLANNED): 1,
    (Stage.CLAIM, Step.INTENT): 2,
    (Stage.CLAIM, Step.REJECTED): 4,
    (Stage.CHANGE, Step.PLANNED): 8,
    (Stage.CHANGE, Step.ACCEPTED): 16,
    (Stage.CHANGE, Step.DONE): 32,
    (Stage.CHANGE, Step.NEEDS_REVIEW): 64,
    (Stage.CLAIM, Step.HELD): 128,
}


def test_each_stage_counts_what_is_behind_it() -> None:
    standing = Standing(COUNTS)
    assert standing.total == 255
    assert standing.claimed == 4 + 8 + 16 + 32 + 64 + 128
    assert standing.asked == 4 + 16 + 32 + 64 + 128
    assert standing.ended == 4 + 32 + 64 + 128


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("stage", Stage)
def test_no_stage_is_ahead_of_the_one_before(stage: Stage, step: Step) -> None:
    standing = Standing({(stage, step): 1})
    assert standing.total >= standing.claimed >= standing.asked >= standing.ended


def test_nothing_at_all_is_over() -> None:
    assert Follower(open_screen(StringIO(), StringIO())).is_over()


def test_without_a_terminal_a_stage_is_said_once_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    written = StringIO()
    follower = Follower(open_screen(written, written))
    with follower.drawn():
        for done in (10, 50, 100, 100):
            follower.news(Progress("read", done, 100))
    assert written.getvalue() == "✓ read: 100 lines\n"


def test_without_a_terminal_long_work_is_said_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(0, 1000, 6))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(times)))
    written = StringIO()
    follower = Follower(open_screen(written, written))
    with follower.drawn():
        for done in range(0, 60, 12):
            follower.news(Progress("read", done, 100))
    assert written.getvalue().splitlines() == ["… read: 24 of 100 lines, 2/s", "… read: 48 of 100 lines, 2/s"]


def test_on_a_terminal_bars_are_drawn_and_taken_away() -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=True, width=80, theme=COLOURS)
    follower = Follower(Screen(console, console))
    with follower.drawn():
        follower.news(Progress("read", 40, 100))
        follower.news(Progress("read", 100, 100))
    assert "100 of 100 lines" in written.getvalue()
    assert written.getvalue().endswith("\x1b[1A\x1b[2K")


def test_without_a_total_what_is_done_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(0, 1000, 6))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(times)))
    written = StringIO()
    follower = Follower(open_screen(written, written))
    with follower.drawn():
        for done in (10, 20, 40):
            follower.news(Progress("listing", done, carrier_account="kore"))
    assert written.getvalue() == "… list kore: 40 SIMs, 2/s\n"


def test_on_a_terminal_a_bar_without_a_total_counts_and_is_taken_away() -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=True, width=80, theme=COLOURS)
    follower = Follower(Screen(console, console))
    with follower.drawn():
        follower.news(Progress("read", 4_000))
    assert "4,000 lines" in written.getvalue()
    with follower.drawn():
        follower.news(Progress("read", 4_000))
        follower.news(Progress("read", 4_000, 9_000))
    assert "4,000 of 9,000 lines" in written.getvalue()
    assert written.getvalue().endswith("\x1b[1A\x1b[2K")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_nothing_is_drawn_where_nobody_takes_it_away_again(is_terminal: bool) -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=is_terminal, width=80, theme=COLOURS)
    follower = Follower(Screen(console, console))
    with follower.drawn():
        pass
    follower.news(Progress("read", 40, 100))
    follower.show("withdraw", 100, 100, "SIMs")
    assert written.getvalue() == ""


def test_the_ledger_is_asked_only_now_and_then(place: Any, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place.simline("import", place.file("a.csv", *rows(2)), "--product", "tracker", "--home-country", "DE")
    from storage import manifests
    from storage.database import Database

    database = Database(f"sqlite:///{place.folder / 'simline.db'}")
    follower = Follower(open_screen(StringIO(), StringIO()))
    with database.read() as tx:
        follower.manifest_ids = [row.id for row in manifests.listing(tx, 9)]
    follower.database = database
    assert follower.look().ended == 2
    follower.manifest_ids = ["m-000000000000"]
    assert follower.look().ended == 2, "asked again too soon"
    assert follower.look(now=True).total == 0
    database.close()
