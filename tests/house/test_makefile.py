"""The Makefile: the list of its commands is true, and .venv is built once for each lock.

Python itself is played by a shell script that writes down what it is asked, so no test needs a package index.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = ("sh", "make", "cat", "cksum", "cut", "awk", "rm", "mkdir", "cp", "touch")
PYTHON = """#!/bin/sh
echo "$@" >> "$LOG"
case "$*" in
    *version_info*) exit "${TOO_OLD:-0}" ;;
    *"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *"-m pip"*) exit "${NO_INDEX:-0}" ;;
    *"-m pytest -n"*) exit "${TESTS_END:-0}" ;;
esac
"""


class Workshop:
    """A folder with our Makefile, a lock, and a machine that has only what `bin` holds."""

    def __init__(self, folder: Path, makefile: Path) -> None:
        self.folder, self.log, self.bin = folder, folder / "log", folder / "bin"
        self.bin.mkdir()
        (folder / "requirements").mkdir()
        (folder / "requirements" / "dev.txt").write_text("hatchling==1\n")
        (folder / "pyproject.toml").write_text("[project]\n")
        shutil.copy(makefile, folder / "Makefile")
        for tool in TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))

    def add_python(self, name: str) -> None:
        """Put the script that plays Python on this machine under this name."""
        (self.bin / name).write_text(PYTHON)
        (self.bin / name).chmod(0o755)

    def make(self, *targets: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run make on this machine."""
        environment = {"PATH": str(self.bin), "LOG": str(self.log), **variables}
        return subprocess.run(
            ["make", *targets], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def asked(self) -> str:
        """What Python was asked since the last look."""
        asked = self.log.read_text() if self.log.exists() else ""
        self.log.unlink(missing_ok=True)
        return asked


@pytest.fixture
def workshop(tmp_path: Path, root: Path) -> Workshop:
    """A machine without Python."""
    return Workshop(tmp_path, root / "Makefile")


def test_make_alone_lists_every_command_with_what_it_does(root: Path) -> None:
    said = subprocess.run(["make", "--no-print-directory"], cwd=root, capture_output=True, text=True, check=True).stdout
    phony = re.findall(r"^\.PHONY: (.+)$", (root / "Makefile").read_text(), re.MULTILINE)[0].split()
    assert {line.split()[1] for line in said.splitlines()} == set(phony)


@pytest.mark.parametrize("name", ["python3.13", "python3.12", "python3.11", "python3"])
def test_any_python_of_the_four_names_builds_the_environment_from_the_lock(workshop: Workshop, name: str) -> None:
    workshop.add_python(name)
    assert workshop.make("venv").returncode == 0
    asked = workshop.asked()
    assert "-m venv --clear .venv" in asked
    assert "--require-hashes -r requirements/dev.txt" in asked
    assert "--no-deps --no-build-isolation --editable ." in asked


def test_an_interpreter_that_is_named_is_taken_or_none(workshop: Workshop) -> None:
    for name in ("python3.13", "our-python"):
        workshop.add_python(name)
    assert "simline needs Python 3.11" in workshop.make("venv", PYTHON="no-such-python").stderr
    assert "Building .venv with our-python\n" in workshop.make("venv", PYTHON="our-python").stdout


def test_the_environment_is_built_once_and_again_when_the_lock_changes(workshop: Workshop) -> None:
    workshop.add_python("python3")
    workshop.make("venv")
    workshop.asked()
    assert workshop.make("venv").returncode == 0
    assert workshop.asked() == ""
    (workshop.folder / "requirements" / "dev.txt").write_text("hatchling==2\n")
    assert workshop.make("venv").returncode == 0
    asked = workshop.asked()
    assert "--require-hashes" in asked
    assert "-m venv" not in asked
    assert len(list((workshop.folder / ".venv").glob(".locked-*"))) == 1


def test_an_installation_that_broke_off_is_not_taken_for_done(workshop: Workshop) -> None:
    workshop.add_python("python3")
    assert workshop.make("venv", NO_INDEX="1").returncode != 0
    assert list((workshop.folder / ".venv").glob(".locked-*")) == []
    assert workshop.make("venv").returncode == 0


@pytest.mark.parametrize("too_old", [True, False])
def test_without_a_new_enough_python_make_says_what_to_install(workshop: Workshop, too_old: bool) -> None:
    if too_old:
        workshop.add_python("python3")
    result = workshop.make("demo", TOO_OLD="1")
    assert result.returncode != 0
    assert "simline needs Python 3.11 or newer with its venv module. Install one" in result.stderr
    assert not (workshop.folder / ".venv").exists()


def test_uv_is_used_where_it_is(workshop: Workshop) -> None:
    workshop.add_python("python3")
    workshop.add_python("uv")
    (workshop.folder / ".venv" / "bin").mkdir(parents=True)
    assert workshop.make("venv").returncode == 0
    asked = workshop.asked()
    assert "venv --quiet --clear" in asked
    assert "pip sync --quiet --require-hashes --python .venv/bin/python requirements/dev.txt" in asked


def test_ci_runs_what_people_run(root: Path) -> None:
    script = root / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make -j 2 check test" in script.read_text().splitlines()
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


def test_check_and_test_together_look_at_everything_and_run_no_test_twice(workshop: Workshop) -> None:
    workshop.add_python("python3")
    alone = workshop.make("--dry-run", "check").stdout
    assert '-m "not slow"' in alone
    together = workshop.make("--dry-run", "check", "test").stdout
    assert '-m "not slow"' not in together
    assert together.count("-m pytest -n") == 1
    assert all(tool in together for tool in ("ruff check", "ruff format --check", "bin/mypy", "lint-imports"))


@pytest.mark.parametrize(("ended", "then"), [(0, "0"), (1, "0"), (2, "2"), (3, "2"), (4, "2"), (5, "2")])
def test_what_failed_is_run_once_more_alone_but_a_run_that_broke_off_has_failed(
    workshop: Workshop, ended: int, then: str
) -> None:
    workshop.add_python("python3")
    assert workshop.make("venv").returncode == 0
    workshop.asked()
    assert str(workshop.make("test", TESTS_END=str(ended)).returncode) == then
    assert ("--last-failed" in workshop.asked()) is (ended == 1)
