"""docs/runbook.md: every symptom says the same four things, and its words are the program's."""

import re
from pathlib import Path

import pytest

from domain.lifecycle import Step
from domain.products import SANDBOX_DEVICES
from engine.context import Timing
from tests.docs.conftest import ROOT, Page, rows

PAGE = Page(ROOT / "docs" / "runbook.md")
BY_PLAN = {"Before anything else", "Let a part of a manifest go on", "Back up", "Restore from a backup"} | {
    "Change SIMLINE_KEY",
    "Deactivate, activate again, release",
    "Upgrade",
}
HEADINGS = re.findall(r"^## (.+)$", PAGE.text, re.MULTILINE)
SYMPTOMS = [heading for heading in HEADINGS if heading not in BY_PLAN]


@pytest.mark.parametrize("heading", SYMPTOMS)
def test_every_symptom_says_what_you_see_why_what_to_do_and_what_not(heading: str) -> None:
    said = re.findall(r"^\*\*(See\.|Why\.|Do\.|Do not\*\*)", PAGE.section(f"## {heading}"), re.MULTILINE)
    assert said == ["See.", "Why.", "Do.", "Do not**"]


def test_the_list_at_the_top_leads_to_every_symptom() -> None:
    listed = re.findall(r"\| \[(.+?)\]\(", PAGE.section("## Before anything else"))
    assert listed == SYMPTOMS


def test_the_reasons_are_words_of_the_program() -> None:
    named = {
        word for reason, _, _ in rows(PAGE.section("## SIMs need a person")) for word in re.findall(r"\w+", reason)
    }
    program = [
        file.read_text(encoding="utf-8") for folder in ("domain", "engine", "carriers") for file in python(folder)
    ]
    assert {word for word in named if not any(f'"{word}"' in text for text in program)} == set()
    assert len(named) > 5


def python(folder: str) -> list[Path]:
    """The Python files of a package."""
    return sorted((ROOT / folder).rglob("*.py"))


def test_the_numbers_are_the_defaults() -> None:
    text, timing = " ".join(PAGE.text.split()), Timing()
    assert "Five requests in a row" in text
    assert "30 seconds, twice as long each time, at most 8 minutes" in text
    assert (timing.circuit_failures, timing.circuit_seconds, 16 * timing.circuit_seconds) == (5, 30.0, 480.0)
    assert "15 minutes after that" in text
    assert timing.file_lease_seconds == 15 * 60
    assert f"at most {SANDBOX_DEVICES} devices" in text
    assert timing.deadline_seconds == 24 * 3600
    assert "lease (90 seconds; the command says how many)" in text
    assert timing.lease_seconds == 90


@pytest.mark.parametrize("step", [Step.REJECTED, Step.TIMED_OUT, Step.ACCEPTED, Step.SENT, Step.UNKNOWN, Step.PLANNED])
def test_a_step_that_somebody_asks_about_is_explained(step: Step) -> None:
    assert f"`{step}`" in PAGE.text
