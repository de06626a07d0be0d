"""What tests are told by the environment is no setting of the program."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import OF_TESTS

ROOT = Path(__file__).parents[2]
ONE = "tests/console/test_looking.py::test_an_empty_ledger_says_what_to_do"


@pytest.mark.slow
def test_a_test_of_the_command_line_runs_with_the_variables_of_the_tests_set() -> None:
    environment = os.environ | dict.fromkeys(OF_TESTS, "postgresql://nowhere/none")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", ONE]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stdout
