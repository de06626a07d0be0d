"""The arrows between the layers hold, and a wrong arrow is seen."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LINTER = Path(sys.executable).parent / "lint-imports"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter over the packages in this folder."""
    return subprocess.run([LINTER, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def test_every_layer_imports_only_what_lies_below_it(root: Path) -> None:
    result = lint(root)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("domain/astray.py", "import storage.database"),
        ("domain/astray.py", "import requests"),
        ("domain/astray.py", "import subprocess"),
        ("domain/astray.py", "from urllib.request import urlopen"),
        ("reports/astray.py", "import prefect"),
        ("engine/astray.py", "import tests.configured"),
        ("console/astray.py", "from benchmarks import parse"),
        ("storage/astray.py", "import carriers.errors"),
        ("engine/astray.py", "import prefect"),
        ("config/astray.py", "import console"),
    ],
)
def test_an_arrow_that_points_back_is_seen(root: Path, tmp_path: Path, module: str, line: str) -> None:
    for package in root.glob("*/__init__.py"):
        shutil.copytree(package.parent, tmp_path / package.parent.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    (tmp_path / module).write_text(f'"""Astray."""\n\n{line}\n')
    result = lint(tmp_path)
    assert result.returncode != 0
    assert "astray" in result.stdout
