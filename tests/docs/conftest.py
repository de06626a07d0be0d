"""The documentation as its tests see it: pages, tables, examples, and the parts that are written by the code."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REWRITE = os.environ.get("REWRITE_DOCS") == "1"


@dataclass(frozen=True)
class Example:
    """A fenced block: its language, the name behind it, and its text."""

    language: str
    name: str
    text: str


@dataclass(frozen=True)
class Page:
    """One page of the documentation."""

    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def section(self, heading: str) -> str:
        """What stands below a heading, up to the next one of its level or above."""
        level, _, _ = heading.partition(" ")
        _, found, below = self.text.partition(f"\n{heading}\n")
        assert found, f"{self.path.name} has no heading {heading!r}"
        return re.split(rf"^#{{1,{len(level)}}} ", below, maxsplit=1, flags=re.MULTILINE)[0]

    def examples(self) -> Iterator[Example]:
        """Every fenced block."""
        for found in re.finditer(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL):
            yield Example(found[1], found[2], found[3])

    def holds(self, part: str, wanted: str) -> None:
        """Fail unless the part between its two marks is exactly this; with REWRITE_DOCS=1, put it there."""
        marks = re.compile(rf"(<!-- begin {part}:[^\n]*-->\n)(.*?)(<!-- end {part} -->)", re.DOTALL)
        found = marks.search(self.text)
        assert found, f"{self.path.name} has no part {part!r}"
        if REWRITE:
            self.path.write_text(marks.sub(lambda m: m[1] + wanted + m[3], self.text), encoding="utf-8")
        assert (found[2] if not REWRITE else wanted) == wanted, (
            f"{self.path.name}: the part {part!r} is out of date. REWRITE_DOCS=1 and this test bring it up to date."
        )


def rows(markdown: str) -> list[list[str]]:
    """The cells of every row of every table, header rows left out."""
    tables = re.findall(r"^\|(?: ?-+:? ?\|)+\n((?:\|.*\n?)+)", markdown, re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.fixture(scope="session")
def page() -> Callable[[str], Page]:
    """A page by its path below the project's folder."""
    return lambda name: Page(ROOT / name)


@pytest.fixture(scope="session")
def pages() -> list[Page]:
    """README.md and every page below docs/."""
    return [Page(ROOT / "README.md"), *map(Page, sorted((ROOT / "docs").rglob("*.md")))]
