"""Whatever is tested against a simulated carrier with a published description is tested before the referee too."""

from importlib import import_module
from inspect import isclass
from pathlib import Path

import pytest

from tests.carriers.contract_suite import Contract
from tests.carriers.referee import Refereed, covers

MODULES = sorted(file.stem for file in Path(__file__).parent.glob("test_*.py") if file.stem != Path(__file__).stem)


def classes() -> set[type[Contract]]:
    """The classes of tests of all adapters that have a description."""
    named = [
        value
        for module in MODULES
        for name, value in vars(import_module(f"tests.carriers.{module}")).items()
        if name.startswith("Test") and isclass(value) and issubclass(value, Contract)
    ]
    return {one for one in named if one.subject.descriptions}


REFEREED = [one for one in classes() if issubclass(one, Refereed)]
PLAIN = sorted(classes() - set(REFEREED), key=lambda one: (one.__module__, one.__name__))


@pytest.mark.parametrize("plain", PLAIN, ids=lambda one: f"{one.__module__.rpartition('.')[2]}-{one.__name__}")
def test_every_class_of_tests_of_a_described_carrier_is_refereed(plain: type[Contract]) -> None:
    assert any(covers(one, plain) for one in REFEREED)


def test_all_four_described_carriers_are_among_them() -> None:
    assert {one.subject.carrier for one in PLAIN} == {"1nce", "soracom", "supersim", "telnyx"}
