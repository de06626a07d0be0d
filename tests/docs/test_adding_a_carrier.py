"""docs/adding-a-carrier.md: the matrix is the carriers' own, and everything that the page names is there."""

import re
from collections.abc import Callable, Iterable

import pytest

from carriers.contract import AnswerKind, Capabilities
from carriers.registry import CAPABILITIES
from console.offers import OFFERS, offers
from tests.carriers.contract_suite import NO_ANSWER
from tests.docs.conftest import ROOT, Page, rows

PAGE = Page(ROOT / "docs" / "adding-a-carrier.md")


def matrix(carriers: Iterable[Capabilities]) -> str:
    """What each carrier offers, as a Markdown table of the command's own cells."""
    (_, *names), cells = offers(carriers)
    lines = [["", *(f"`{name}`" for name in names)], ["---"] * (len(names) + 1), *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def test_the_matrix_is_what_the_carriers_say_of_themselves(page: Callable[[str], Page]) -> None:
    page("docs/adding-a-carrier.md").holds("matrix", matrix(CAPABILITIES.values()))


def test_every_row_of_the_matrix_is_explained() -> None:
    explained = re.findall(r"\*\*(.+?)\*\*", PAGE.section("## The carriers"))
    assert sorted(explained) == sorted(OFFERS)


def test_every_capability_is_asked_for() -> None:
    asked = re.findall(r"`(\w+)`", PAGE.section("## 1. Find out"))
    assert [name for name in Capabilities.__slots__ if name not in (*asked, "carrier")] == []


def test_every_kind_of_answer_is_explained() -> None:
    named = [kind.strip("`") for _, kind in rows(PAGE.section("## 2. Write the adapter"))]
    assert (
        named == ["DONE", "ACCEPTED", "QUEUED", "REJECTED", "REVIEW", "UNKNOWN"] == [kind.name for kind in AnswerKind]
    )


def test_the_ways_to_lose_an_answer_are_counted_right() -> None:
    assert f"{len(NO_ANSWER)} ways to lose an answer" in PAGE.text


def test_the_sixth_carrier_is_the_files_and_lines_that_the_page_counts() -> None:
    files = (ROOT / "tests" / "carriers" / "sixth").glob("*.py")
    lines = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    told = re.findall(r"`(\w+\.py)` \((\d+)(?: lines)?\)", PAGE.section("## The carriers"))
    assert {name: int(count) for name, count in told} == lines
    assert f"{sum(lines.values())} lines in three files" in PAGE.text
    assert len(lines) == 3


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:carriers|tests)/[a-z_/]+\.py)`", PAGE.text))))
def test_every_file_that_the_page_names_is_there(path: str) -> None:
    assert (ROOT / path).is_file()
