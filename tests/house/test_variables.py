"""Tests work in surroundings of their own, whatever the shell works with that starts them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import OF_TESTS

ROOT = Path(__file__).parents[2]
ONE = "tests/console/test_looking.py::test_an_empty_ledger_says_what_to_do"
OF_AN_OPERATOR = {
    "SIMLINE_CONFIG": "/etc/simline/simline.toml",
    "SIMLINE_DATABASE__URL": "postgresql://ledger/simline",
    "PREFECT_API_URL": "http://prefect.plant:4200/api",
    "PREFECT_PROFILE": "plant",
}


def test_nothing_leads_to_an_operators_ledger_or_server() -> None:
    assert not OF_AN_OPERATOR.keys() & os.environ.keys()


@pytest.mark.slow
def test_variables_of_an_operator_and_of_the_tests_are_none_to_a_test_of_the_command_line() -> None:
    environment = os.environ | dict.fromkeys(OF_TESTS, "postgresql://nowhere/none") | OF_AN_OPERATOR
    here = f"{Path(__file__).relative_to(ROOT)}::{test_nothing_leads_to_an_operators_ledger_or_server.__name__}"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", here, ONE]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stdout
