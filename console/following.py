"""Live progress: reading from the engine's news, everything after it from the ledger, whoever does the work.

On a terminal four bars with rate and time left; elsewhere a plain line whenever a stage ends, and one every 10 s.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from console.screen import Screen, lasting
from domain.lifecycle import BUCKETS, Bucket, Stage, Step
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from engine.context import Progress
    from storage.database import Database

SHORTEST_PAUSE_SECONDS = 0.3
LINE_EVERY_SECONDS = 10.0
IMPORTING = {"claim": "claim", "activate": "activate", "settle": "settle"}
ACTING = {"activate": "send", "settle": "settle"}
_NOT_ASKED = frozenset({Step.PLANNED, Step.INTENT})


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the SIMs of some manifests have come. Held ones wait for a person and count as ended."""

    counts: Mapping[tuple[Stage, Step], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Accepted SIMs."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """SIMs of which no operation will move by itself."""
        return sum(n for (_, step), n in self.counts.items() if BUCKETS[step] is not Bucket.IN_PROGRESS)

    @property
    def claimed(self) -> int:
        """SIMs whose claim is over, one way or the other."""
        return sum(n for (stage, step), n in self.counts.items() if stage is Stage.CHANGE or self._is_over(step))

    @property
    def asked(self) -> int:
        """SIMs whose change was asked for, or that ended before."""
        changing = (n for (stage, step), n in self.counts.items() if stage is Stage.CHANGE and step not in _NOT_ASKED)
        ended_in_claim = (n for (stage, step), n in self.counts.items() if stage is Stage.CLAIM and self._is_over(step))
        return sum(changing) + sum(ended_in_claim)

    @staticmethod
    def _is_over(step: Step) -> bool:
        return BUCKETS[step] is not Bucket.IN_PROGRESS

    def stages(self) -> dict[str, int]:
        """Stage -> how many SIMs have it behind them."""
        return {"claim": self.claimed, "activate": self.asked, "settle": self.ended}


class Follower:
    """Knows how far the work has come, and draws it within `drawn`.

    `database` is handed in when it is open, `manifest_ids` when they are known. `stages` are the stages that are drawn,
    each with the word for it.
    """

    def __init__(self, screen: Screen, stages: Mapping[str, str] = IMPORTING) -> None:
        self._screen = screen
        self._stages = stages
        self._drawing: _Drawing = _Bars(screen) if screen.is_live else _Lines(screen)
        self.database: Database | None = None
        self.manifest_ids: list[str] = []
        self.standing = Standing()
        self._next_look = 0.0
        self._is_drawn = False

    def news(self, told: "Progress") -> None:
        """The engine's `watch`: what was read is in the news itself, the rest is looked up."""
        if told.stage == "read":
            self.show("read", told.done, told.total, "lines")
        elif told.stage == "listing":
            self.show(f"list {told.carrier_account}", told.done, told.total, "SIMs")
        elif told.stage == "usage":
            self.show(f"usage {told.carrier_account}", told.done, told.total or told.done, "requests")
        elif told.stage in ("send", "settle"):
            self.look()

    def show(self, stage: str, done: int, total: int | None, unit: str) -> None:
        """How far something is; drawn where somebody takes it away again. `total` is None while nobody knows it."""
        if self._is_drawn:
            self._drawing.show(stage, done, total, unit)

    def look(self, *, now: bool = False) -> Standing:
        """How the manifests stand, at most 5 % of the time spent on asking; `now` asks in any case."""
        if self.database is None or not self.manifest_ids or (time.monotonic() < self._next_look and not now):
            return self.standing
        from storage.progress import stage_counts

        started = time.monotonic()
        with self.database.read() as tx:
            self.standing = Standing(stage_counts(tx, self.manifest_ids))
        ended = time.monotonic()
        self._next_look = ended + max(SHORTEST_PAUSE_SECONDS, 20 * (ended - started))
        done = self.standing.stages()
        for stage, word in self._stages.items():
            self.show(word, done[stage], self.standing.total, "SIMs")
        return self.standing

    def is_over(self) -> bool:
        """Whether every SIM has ended."""
        standing = self.look()
        if standing.ended == standing.total:
            standing = self.look(now=True)
        return standing.ended == standing.total

    @contextmanager
    def drawn(self) -> Iterator["Follower"]:
        """There are bars in this block alone: they are gone when it ends, however it ends."""
        self._is_drawn = True
        try:
            yield self
        finally:
            self._is_drawn = False
            self._drawing.clear()


class _Drawing(Protocol):
    def show(self, stage: str, done: int, total: int | None, unit: str) -> None:
        """How far this stage is."""

    def clear(self) -> None:
        """Take away what is not there to stay."""


class _Bars:
    """One line for each stage, drawn anew in place."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._bars: Bars | None = None
        self._tasks: dict[str, int] = {}

    def show(self, stage: str, done: int, total: int | None, unit: str) -> None:
        """See `_Drawing.show`."""
        if self._bars is None:
            self._bars = _bars(self._screen)
            self._bars.start()
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total, unit=unit)
        self._bars.update(self._tasks[stage], completed=done, total=total)  # type: ignore[arg-type]

    def clear(self) -> None:
        """See `_Drawing.clear`."""
        if self._bars is not None:
            self._bars.stop()
            self._bars, self._tasks = None, {}


def _bars(screen: Screen) -> "Bars":
    from rich.progress import BarColumn, ProgressColumn, TextColumn
    from rich.progress import Progress as Bars
    from rich.progress import Task as Bar
    from rich.text import Text

    class Count(ProgressColumn):
        """`1,200 of 3,000 SIMs`; `1,200 SIMs` where nobody knows of how many."""

        def render(self, task: Bar) -> Text:
            """The cell."""
            if task.total is None:
                return Text(f"{task.completed:,.0f} {task.fields['unit']}")
            width = len(f"{task.total:,.0f}")
            return Text(f"{task.completed:>{width},.0f} of {task.total:,.0f} {task.fields['unit']}")

    class Speed(ProgressColumn):
        """`48/s, 12 s left`."""

        def render(self, task: Bar) -> Text:
            """The cell."""
            if task.finished or not task.speed:
                return Text("")
            left = f", {lasting(task.time_remaining)} left" if task.time_remaining else ""
            return Text(f"{task.speed:,.0f}/s{left}", style="quiet")

    columns = (
        TextColumn("  {task.description:8}"),
        BarColumn(20, style="quiet", complete_style="moving", finished_style="good"),
    )
    return Bars(*columns, Count(), Speed(), console=screen.out, transient=True, refresh_per_second=5)


class _Lines:
    """Plain lines: each stage when it is over, and what is under way now and then."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._over: set[str] = set()
        self._last: dict[str, tuple[int, float]] = {}

    def show(self, stage: str, done: int, total: int | None, unit: str) -> None:
        """See `_Drawing.show`."""
        now = time.monotonic()
        before, at = self._last.setdefault(stage, (done, now))
        if total and done >= total and stage not in self._over:
            self._over.add(stage)
            self._screen.say(f"{stage}: {counted(done, unit.removesuffix('s'))}", Tone.GOOD)
        elif before < done and (total is None or done < total) and now - at >= LINE_EVERY_SECONDS:
            self._last[stage] = (done, now)
            of_all = f" of {total:,}" if total else ""
            self._screen.say(f"{stage}: {done:,}{of_all} {unit}, {(done - before) / (now - at):,.0f}/s", Tone.MOVING)

    def clear(self) -> None:
        """See `_Drawing.clear`."""
        self._over, self._last = set(), {}
