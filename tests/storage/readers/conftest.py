"""Reading a manifest from bytes, with its outcome per line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from domain.control_totals import ControlTotal
from domain.lines import LineOutcome, Reason
from domain.manifests import ManifestColumn
from domain.plain_rows import iccids_of
from storage.readers import read_blocks
from storage.readers.block import Block, ReadingRules


@dataclass
class Reading:
    """What became of a whole file: its blocks put together."""

    line_count: int = 0
    iccids: dict[int, str] = field(default_factory=dict)
    outcomes: dict[int, LineOutcome] = field(default_factory=dict)
    cells: dict[ManifestColumn, list[str]] = field(default_factory=dict)
    trailer: ControlTotal | None = None
    blocks: int = 0

    @property
    def reasons(self) -> Mapping[int, Reason]:
        return {line: outcome.reason for line, outcome in self.outcomes.items()}

    def add(self, block: Block) -> None:
        accounted = block.lines.size + sum(outcome.line_count for outcome in block.outcomes)
        assert accounted == block.line_count
        numbers = block.lines.tolist()
        covered = [line for one in block.outcomes for line in range(one.line, one.line + one.line_count)]
        expected = range(self.line_count + 1, self.line_count + block.line_count + 1)
        assert sorted(numbers + covered) == list(expected), "every line exactly once"
        assert [one.line for one in block.outcomes] == sorted(one.line for one in block.outcomes)
        self.line_count += block.line_count
        self.iccids |= dict(zip(numbers, iccids_of(block.keys), strict=True))
        self.outcomes |= {outcome.line: outcome for outcome in block.outcomes}
        for column, texts in block.cells.items():
            assert len(texts) == block.lines.size
            self.cells.setdefault(column, []).extend(texts)
        self.trailer = block.trailer or self.trailer
        self.blocks += 1


Read = Callable[..., Reading]


def read_file(path: Path, name: str, rules: ReadingRules) -> Reading:
    reading = Reading()
    for block in read_blocks(path, name, rules):
        reading.add(block)
    return reading


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """`read(name, bytes or text, rules)` -> what became of it; the file lies under another name than `name`."""

    def reading(name: str, content: bytes | str, rules: ReadingRules = ReadingRules()) -> Reading:  # noqa: B008
        path = tmp_path / "taken"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_file(path, name, rules)

    return reading


@pytest.fixture
def sims() -> Sequence[str]:
    """Three ICCIDs of 19 digits, three of 20."""
    return (
        *("8934076500002589174", "8934076500002586220", "8934076500002586576"),
        *("89014103273166754725", "89010303300014910310", "89450421180216254864"),
    )
