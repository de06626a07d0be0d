"""The tree as the tests of the house see it: what git tracks, as it stands in the working copy."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tracked_files() -> list[Path]:
    """Every tracked file that is still there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Every tracked file."""
    return tracked_files()


@pytest.fixture(scope="session")
def python_files(tracked: list[Path]) -> list[Path]:
    """Every tracked Python file, tests included."""
    return [file for file in tracked if file.suffix == ".py"]


@pytest.fixture(scope="session")
def product_files(python_files: list[Path]) -> list[Path]:
    """The Python files of the packages that are installed."""
    return [file for file in python_files if file.relative_to(ROOT).parts[0] not in ("tests", "benchmarks")]
