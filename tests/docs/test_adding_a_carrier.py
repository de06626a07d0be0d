"""docs/adding-a-carrier.md: the matrix is the carriers' own, and everything that the page names is there."""

import re
from collections.abc import Callable, Iterable

import pytest

from carriers.contract import AnswerKind, Capabilities
from carriers.registry import CAPABILITIES
from tests.carriers.contract_suite import NO_ANSWER
from tests.docs.conftest import ROOT, Page, rows

PAGE = Page(ROOT / "docs" / "adding-a-carrier.md")
TITLES = (
    *("carrier", "claims", "SIMs a request", "reads", "lists", "lag", "can be asked for"),
    "asking again changes nothing",
)


def matrix(carriers: Iterable[Capabilities]) -> str:
    """What each carrier offers, as a Markdown table."""
    lines = [f"| {' | '.join(TITLES)} |", "|" + "---|" * len(TITLES)]
    return "\n".join([*lines, *(f"| {' | '.join(cells(can))} |" for can in carriers)]) + "\n"


def cells(can: Capabilities) -> list[str]:
    """One carrier's row."""
    claim = "with a registration code" if can.needs_registration_code else "yes"
    pages = f"{can.page_size:,} a page{', by state' if can.filters_by_state else ''}" if can.page_size else "no"
    return [
        f"`{can.carrier}`",
        claim if can.claims else "no",
        str(can.orders_per_request),
        yes_or_no(can.can_read),
        pages,
        f"{can.quiet_seconds:g} s",
        ", ".join(can.states),
        yes_or_no(can.repeatable),
    ]


def yes_or_no(holds: bool) -> str:
    return "yes" if holds else "no"


def test_the_matrix_is_what_the_carriers_say_of_themselves(page: Callable[[str], Page]) -> None:
    page("docs/adding-a-carrier.md").holds("matrix", matrix(CAPABILITIES.values()))


def test_a_carrier_that_can_do_little_says_so_in_its_row() -> None:
    little = Capabilities("far", False, False, 50, False, 0, False, 60.0, 5.0, (), False)
    assert cells(little) == ["`far`", "no", "50", "no", "no", "60 s", "", "no"]


def test_every_capability_is_asked_for() -> None:
    asked = re.findall(r"`(\w+)`", PAGE.section("## 1. Find out"))
    assert [name for name in Capabilities.__slots__ if name not in (*asked, "carrier", "states")] == []


def test_every_kind_of_answer_is_explained() -> None:
    named = [kind.strip("`") for _, kind in rows(PAGE.section("## 2. Write the adapter"))]
    assert (
        named == ["DONE", "ACCEPTED", "QUEUED", "REJECTED", "REVIEW", "UNKNOWN"] == [kind.name for kind in AnswerKind]
    )


def test_the_ways_to_lose_an_answer_are_counted_right() -> None:
    assert f"{len(NO_ANSWER)} ways to lose an answer" in PAGE.text


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:carriers|tests)/[a-z_/]+\.py)`", PAGE.text))))
def test_every_file_that_the_page_names_is_there(path: str) -> None:
    assert (ROOT / path).is_file()
