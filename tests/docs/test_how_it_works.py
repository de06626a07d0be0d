"""docs/how-it-works.md: the picture is the table, the numbers are the defaults, the invariants are the checker's."""

import ast
import re
from collections.abc import Callable

import pytest

from carriers.registry import CAPABILITIES
from domain.brake import Brake
from domain.diagram import buckets_table, transitions_mermaid, transitions_table
from domain.manifests import ManifestState
from engine.context import Timing
from engine.hints import FLOOR_SECONDS
from tests.docs.conftest import ROOT, Page, rows

PAGE = "docs/how-it-works.md"
TIMING, BRAKE = Timing(), Brake()
QUIET = 30.0 + CAPABILITIES["supersim"].quiet_seconds


def test_the_state_diagram_is_the_table_of_transitions(page: Callable[[str], Page]) -> None:
    page(PAGE).holds("picture", f"```mermaid\n{transitions_mermaid()}```\n")


def test_every_move_is_listed_with_its_cause(page: Callable[[str], Page]) -> None:
    page(PAGE).holds("moves", transitions_table())


def test_the_receipts_four_words_are_explained(page: Callable[[str], Page]) -> None:
    page(PAGE).holds("buckets", buckets_table())


@pytest.mark.parametrize(
    ("phrase", "holds"),
    [
        ("It carries a lease, 90 seconds", TIMING.lease_seconds == 90),
        ("330 seconds for Super SIM", QUIET == 330),
        ("at most five times for one stage", TIMING.attempts == 5),
        ("looks after 5 seconds", TIMING.poll_first_seconds == 5),
        ("not read for them within 5 seconds of its last reading", FLOOR_SECONDS == 5),
        ("at most 15 minutes apart", TIMING.poll_longest_seconds == 15 * 60),
        ("not true 24 hours after", TIMING.deadline_seconds == 24 * 3600),
        ("After five failures in a row", TIMING.circuit_failures == 5),
        ("for 30 seconds, then twice as long each time, up to 8 minutes", 16 * TIMING.circuit_seconds == 8 * 60),
        (
            "10,000 new SIMs, or a fleet of 1,000 or more that would double",
            (BRAKE.sims, BRAKE.growth, BRAKE.growth_from_sims) == (10_000, 2.0, 1_000),
        ),
    ],
)
def test_a_number_on_the_page_is_the_default(page: Callable[[str], Page], phrase: str, holds: bool) -> None:
    assert phrase in " ".join(page(PAGE).text.split())
    assert holds


def test_every_state_of_a_manifest_is_named(page: Callable[[str], Page]) -> None:
    named = re.findall(r"\*\*([a-z ]+)\*\*", page(PAGE).section("## The way of a manifest"))
    assert {name.replace(" ", "_") for name in named} == {state.value for state in ManifestState}


def test_the_invariants_are_numbered_from_1_and_the_checker_knows_those_that_say_so(
    page: Callable[[str], Page],
) -> None:
    table = rows(page(PAGE).section("## The invariants"))
    assert [number for number, _, _ in table] == [str(n) for n in range(1, 13)]
    assert {int(number) for number, _, held_by in table if held_by.startswith("checker")} == checked_numbers()


def test_what_of_the_invariants_no_checker_sees_has_the_tests_that_the_page_names(page: Callable[[str], Page]) -> None:
    table = rows(page(PAGE).section("## The invariants"))
    named = {number: re.findall(r"`(test_\w+)`", held_by) for number, _, held_by in table if held_by != "checker"}
    tests = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))
    assert all(named.values())
    assert [name for names in named.values() for name in names if f"def {name}(" not in tests] == []


def checked_numbers() -> set[int]:
    """The numbers under which the checker names a breach."""
    tree = ast.parse((ROOT / "engine" / "invariants.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    first = [call.args[0] for call in calls if getattr(call.func, "id", "") == "Violation"]
    return {number.value for number in first if isinstance(number, ast.Constant) and isinstance(number.value, int)}
