"""Which line counts of a SIM that stands in a file more than once: the first that has a place.

A line that was rejected for its product, country, carrier or code leaves its SIM to the next line; what follows the
line that was taken is a duplicate. Memory holds only the SIMs that have several lines, the first of which was rejected.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from domain.lines import LineOutcome, Reason, Verdict
from domain.routing import Placement
from engine.placing import Placer, Rows
from engine.surveying import Survey
from storage.readers.block import Block

Placed = list[tuple[Placement, Rows]]


@dataclass
class Chooser:
    """Places the blocks of one file, in their order. A SIM is known by the first line on which it stands."""

    survey: Survey
    placer: Placer
    _unplaced: set[int] = field(default_factory=set)
    _taken_from: dict[int, int] = field(default_factory=dict)  # where it is not the first line itself

    def place(self, block: Block) -> tuple[Placed, list[LineOutcome]]:
        """The rows that count, by placement, no SIM twice; and the outcomes of the block's other rows."""
        firsts, copies = self.survey.split(block)
        outcomes: list[LineOutcome] = []
        placed = list(self.placer.place(block, firsts, outcomes))
        self._unplaced |= self.survey.with_copies([outcome.line for outcome in outcomes])
        if left := {line: first for line, first in copies.items() if first in self._unplaced}:
            taken, rejected = self._place_copies(block, left)
            placed += taken
            outcomes += rejected
            ended = {line for _, rows in taken for line in rows.lines} | {outcome.line for outcome in rejected}
            copies = {line: first for line, first in copies.items() if line not in ended}
        outcomes += [self._duplicate(line, first) for line, first in copies.items()]
        return placed, outcomes

    def _place_copies(self, block: Block, first_of: Mapping[int, int]) -> tuple[Placed, list[LineOutcome]]:
        """Of these lines of SIMs without a place: the first good one of each SIM, and the bad ones before it."""
        rejected: list[LineOutcome] = []
        tried = list(self.placer.place(block, np.isin(block.lines, list(first_of)), rejected))
        best: dict[int, int] = {}
        for line in sorted(line for _, rows in tried for line in rows.lines):
            best.setdefault(first_of[line], line)
        self._taken_from |= best
        self._unplaced -= best.keys()
        taken = set(best.values())
        chosen = [
            (place, rows.only([i for i, line in enumerate(rows.lines) if line in taken])) for place, rows in tried
        ]
        return chosen, [one for one in rejected if one.line < best.get(first_of[one.line], one.line + 1)]

    def _duplicate(self, line: int, first: int) -> LineOutcome:
        taken = self._taken_from.get(first)
        detail = f"First on line {first}." if taken is None else f"Taken from line {taken}."
        return LineOutcome(line, Verdict.DUPLICATE, Reason.DUPLICATE_IN_FILE, detail=detail)
