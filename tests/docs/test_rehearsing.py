"""docs/rehearsing.md is done as it stands: a carrier is simulated, a set-up pointed to it, a manifest imported."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from carriers.simulated.faults import Fault
from tests.docs.conftest import ROOT, Page, rows

PAGE = Page(ROOT / "docs" / "rehearsing.md")
EXAMPLES = {example.name: example.text for example in PAGE.examples()}
SIMLINE = [sys.executable, "-m", "console.main"]
ORDER = "ICCID,Registration code\n89883070042100000009,7C2KQW9XRA\n89883070042100000017,M4PZ8TLE3V\n"


def typed(heading: str) -> list[str]:
    """The command lines below a heading."""
    return re.findall(r"^    simline (.+)$", PAGE.section(heading), re.MULTILINE)


@pytest.fixture
def environment() -> dict[str, str]:
    """What the page exports in the shell of somebody who works with simline, and where simline is."""
    works = {"SIMLINE_CONFIG": "/nowhere/simline.toml", "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    works["SIMLINE_DATABASE__URL"] = "postgresql://127.0.0.1:9/ledger"
    (unset,) = re.findall(r"^unset (.+)$", EXAMPLES["environment"], re.MULTILINE)
    kept = {name: value for name, value in (os.environ | works).items() if name not in unset.split()}
    exported = dict(re.findall(r"^export (\w+)=([\w-]+)$", EXAMPLES["environment"], re.MULTILINE))
    return {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **exported}


@pytest.fixture
def address(tmp_path: Path, environment: dict[str, str]) -> Iterator[str]:
    """Where the page's simulated carrier is, on a free port instead of its own."""
    (start,) = typed("## Start it")
    words = start.replace("--port 8025", "--port 0").split()
    with subprocess.Popen(
        [*SIMLINE, *words], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as carrier:
        assert carrier.stdout is not None
        yield carrier.stdout.readline().strip()
        carrier.terminate()


def run(folder: Path, environment: dict[str, str], *words: str) -> str:
    """One command, and what it says."""
    done = subprocess.run([*SIMLINE, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_rehearsal_goes_as_the_page_says(tmp_path: Path, environment: dict[str, str], address: str) -> None:
    (init,) = typed("## Point a set-up of its own to it")
    run(tmp_path, environment, *init.split())
    folder = tmp_path / "rehearsal"
    shipped = (folder / "carriers.toml").read_text(encoding="utf-8")
    account = EXAMPLES["carriers.toml"].replace("http://127.0.0.1:8025", address)
    (folder / "carriers.toml").write_text(shipped.split("[carrier_accounts.supersim]")[0] + account, encoding="utf-8")
    (folder / "order.csv").write_text(ORDER, encoding="utf-8")
    environment["SIMLINE_KEY"] = run(folder, environment, "init", "--key").strip()
    said = [run(folder, environment, *command.split()) for command in typed("## Go")]
    assert len(said) == 3
    assert f"configuration: {folder / 'simline.toml'} can be read" in said[0]
    assert f"{folder / 'simline.db'} can be written" in said[0]
    assert "2 new SIMs. Nothing was sent." in said[1]
    assert "All 2 SIMs are active" in said[2]
    assert (folder / "order.csv.receipt.html").is_file()


def test_every_fault_is_explained() -> None:
    named = [fault for words, _ in rows(PAGE.section("## Make it harder")) for fault in re.findall(r"`(\w+)`", words)]
    assert sorted(named) == sorted(fault.value for fault in Fault)
