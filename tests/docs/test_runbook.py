"""docs/runbook.md: every symptom says the same four things, its words are the program's, its program runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from config.starter import new_key
from domain.lifecycle import Step
from domain.products import SANDBOX_DEVICES
from engine.context import Timing
from storage import migrate
from storage.database import Database
from storage.schema import sims
from storage.vault import Vault, VaultLocked
from tests.docs.conftest import ROOT, Page, rows

PAGE = Page(ROOT / "docs" / "runbook.md")
BY_PLAN = {"Before anything else", "Let a part of a manifest go on", "Back up", "Restore from a backup"} | {
    "Change SIMLINE_KEY",
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


@pytest.mark.parametrize("step", [Step.REJECTED, Step.TIMED_OUT, Step.ACCEPTED, Step.SENT, Step.UNKNOWN, Step.PLANNED])
def test_a_step_that_somebody_asks_about_is_explained(step: Step) -> None:
    assert f"`{step}`" in PAGE.text


def test_sealed_codes_open_with_the_new_key_alone_after_the_pages_program(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    database = sealed_database(tmp_path, Vault(old))
    (program,) = [example.text for example in PAGE.examples() if example.name == "reseal.py"]
    (tmp_path / "reseal.py").write_text(program, encoding="utf-8")
    said = subprocess.run(
        [sys.executable, "reseal.py"],
        cwd=tmp_path,
        env={**os.environ, "OLD_KEY": old, "NEW_KEY": new, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout == "2 codes are sealed with the new key.\n", said.stderr
    with database.read() as tx:
        codes = dict(tx.execute(select(sims.c.iccid, sims.c.registration_code)).tuples().all())
    database.close()
    assert [Vault(new).reveal(codes[iccid]) for iccid in ("1", "2")] == ["code 1", "code 2"]
    assert codes["3"] is None
    with pytest.raises(VaultLocked):
        Vault(old).reveal(codes["1"])


def sealed_database(folder: Path, vault: Vault) -> Database:
    """A database beside a simline.toml, with two SIMs whose codes are sealed and one whose code was forgotten."""
    (folder / "simline.toml").write_text('[database]\nurl = "sqlite:///simline.db"\n', encoding="utf-8")
    database = Database(f"sqlite:///{folder / 'simline.db'}")
    migrate.upgrade(database)
    names = ("product_id", "carrier_account", "plan_id", "home_country", "manifest_id")
    with database.begin() as tx:
        for iccid in ("1", "2", "3"):
            code = vault.seal(f"code {iccid}") if iccid != "3" else None
            row = dict.fromkeys(names, "x") | {"iccid": iccid, "line": 1, "created_at": tx.now()}
            tx.execute(insert(sims).values(row | {"registration_code": code}))
    return database
